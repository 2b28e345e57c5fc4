"""`strongroom serve` and `strongroom dev`: a data folder, locked, served by its workers."""

import ipaddress
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from strongroom.attestation.roots import AWS_NITRO_ENCLAVES_G1
from strongroom.attestation.trust import MOST_PEM_BYTES, Roots, alone
from strongroom.cli.environment import exports
from strongroom.errors import SetupError
from strongroom.harden import harden
from strongroom.issuers.sources import sources
from strongroom.main import seeding
from strongroom.main.foundation import continued, lay_throw_away, open_store
from strongroom.main.options import forget_passphrases
from strongroom.main.sealing import opened
from strongroom.main.worker import Settings, ignore_signals, run_worker
from strongroom.server.limits import Limits
from strongroom.server.log import to_stderr
from strongroom.server.sockets import CannotListen
from strongroom.server.tls import UnusableCertificate
from strongroom.server.workers import WorkerFailed, run
from strongroom.storage import bounds
from strongroom.storage.folder import Folder
from strongroom.storage.page import Page
from strongroom.storage.seals import Opener

_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Place:
    """Where to listen."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """`HOST:PORT`, an IPv6 host in brackets; SetupError if it is not that."""
        host, colon, port = text.rpartition(":")
        if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
            raise SetupError(f"`{text}` is not an address; give HOST:PORT, as in 127.0.0.1:4599")
        return cls(host.strip("[]"), int(port))

    @property
    def is_loopback(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def serve_folder(
    data: Path,
    place: Place,
    *,
    workers: int,
    certificate: tuple[Path, Path] | None,
    opener: Opener,
    anchor: Path | None,
    accept_rollback: bool,
    cache_keys: int,
    staleness: float,
    audit_durable: bool,
    connections: int,
    metrics: bool,
    oidc_keys: Sequence[str],
    attestation_roots: Path | None,
    key_quota: int,
) -> None:
    """Serve until a signal says to stop.  SetupError with what to do if that cannot be begun."""
    folder, root = opened(data, opener)
    forget_passphrases()
    settings = Settings(
        folder=folder.path,
        database=folder.database,
        anchor=anchor or folder.anchor,
        root=root,
        throw_away=False,
        cache_keys=cache_keys,
        staleness=staleness,
        audit_durable=audit_durable,
        metrics=metrics,
        certificate=certificate,
        limits=Limits(connections=connections),
        oidc_keys=sources(oidc_keys),
        attestation_roots=_roots(attestation_roots),
        key_quota=key_quota,
    )
    scheme = "http" if certificate is None else "https"

    def ready(port: int) -> None:
        shown = replace(place, port=port)
        host = f"[{shown.host}]" if ":" in shown.host else shown.host
        print(f"serving {data} on {scheme}://{host}:{port}", file=sys.stderr)  # noqa: T201

    with folder.locked():
        for each in continued(folder, root, settings.anchor, accept=accept_rollback):
            print(f"accepted: {each}", file=sys.stderr)  # noqa: T201
        _serve(folder, settings, place, workers, ready)


def serve_throw_away(
    port: int,
    workers: int,
    *,
    metrics: bool,
    oidc_keys: Sequence[str],
    attestation_roots: Path | None,
    key_quota: int,
    seed: Path | None,
) -> None:
    """Serve a folder that is made now and removed at the end, on this machine alone."""

    def ready(taken: int) -> None:
        lines = exports(f"http://{_LOOPBACK}:{taken}", "us-east-1", "test", "test")
        lines.append(f"export STRONGROOM_DATA={path}")
        print("\n".join(lines), flush=True)  # noqa: T201

    issuers, roots = sources(oidc_keys), _roots(attestation_roots)
    sown = None if seed is None else seeding.read(seed)
    harden()
    path = Path(tempfile.mkdtemp(prefix="strongroom-dev-"))
    try:
        folder = Folder(path)
        root = lay_throw_away(path)
        if seed is not None and sown is not None:
            with closing(open_store(folder.database, root, Page.blank())) as store:
                seeding.sow(store, seed, sown)
        settings = Settings(
            folder=path,
            database=folder.database,
            anchor=None,
            root=root,
            throw_away=True,
            cache_keys=bounds.KEYS,
            staleness=bounds.STALENESS,
            audit_durable=False,
            metrics=metrics,
            certificate=None,
            limits=Limits(),
            oidc_keys=issuers,
            attestation_roots=roots,
            key_quota=key_quota,
        )
        with folder.locked():
            _serve(folder, settings, Place(_LOOPBACK, port), workers, ready)
    finally:
        ignore_signals()
        shutil.rmtree(path, ignore_errors=True)


def _roots(file: Path | None) -> bytes:
    """The certificates that attestation documents are to lead to, in PEM; AWS's, if none are given."""
    if file is None:
        return AWS_NITRO_ENCLAVES_G1
    try:
        pem = alone(file.read_bytes())
        Roots(pem)
    except OSError as failure:
        raise SetupError(f"`{file}` cannot be read: {failure.strerror}") from None
    except ValueError:
        raise SetupError(f"`{file}` is not certificates in PEM") from None
    if len(pem) > MOST_PEM_BYTES:
        raise SetupError(f"`{file}` has more certificates than fit into {MOST_PEM_BYTES} bytes")
    return pem


def _serve(
    folder: Folder,
    settings: Settings,
    place: Place,
    workers: int,
    ready: Callable[[int], None],
) -> None:
    Page.make(folder.page).close()
    log = to_stderr(pid=os.getpid())
    try:
        run(
            workers,
            run_worker,
            settings,
            host=place.host,
            port=place.port,
            grace=settings.limits.grace,
            log=log,
            ready=ready,
        )
    except (CannotListen, WorkerFailed, UnusableCertificate) as failure:
        raise SetupError(str(failure)) from None
