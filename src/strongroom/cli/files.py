"""`strongroom encrypt` and `strongroom decrypt`: envelope encryption of files.

The rules of these two commands:

* a failure is one sentence on standard error and exit code 1; a stack trace is a mistake of ours;
* standard output carries a file or nothing; what is said goes to standard error;
* an output appears under its name whole, or not at all, also on Ctrl-C and SIGTERM;
* nothing is overwritten without `--force`.

What they do is in `client.files`, imported when a command runs: `--help` needs none of it.
"""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from strongroom.client.files import Progress

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Output = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="OUT", help="Where to write; `-` is standard output."),
]
Force = Annotated[bool, typer.Option("--force", help="Replace OUT if it exists.")]
Sync = Annotated[
    bool, typer.Option("--sync", help="Have OUT on its disk, past a power cut, before it appears.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but failures.")]
EndpointUrl = Annotated[
    str | None,
    typer.Option("--endpoint-url", metavar="URL", help="The KMS to ask; else AWS_ENDPOINT_URL."),
]
Region = Annotated[
    str | None, typer.Option("--region", metavar="REGION", help="Else the key's, or AWS's.")
]
Profile = Annotated[
    str | None, typer.Option("--profile", metavar="NAME", help="A profile of ~/.aws/config.")
]


def encrypt(
    file: Annotated[str, typer.Argument(metavar="FILE", help="`-` is standard input.")],
    key: Annotated[
        str, typer.Option("--key", "-k", metavar="KEY", help="Key id, key ARN or alias/NAME.")
    ],
    output: Output = None,
    context: Annotated[
        list[str] | None,
        typer.Option(
            "--context",
            "-c",
            metavar="K=V",
            help="Bind this pair to the file; not secret. May be given again.",
        ),
    ] = None,
    force: Force = False,
    sync: Sync = False,
    quiet: Quiet = False,
    endpoint_url: EndpointUrl = None,
    region: Region = None,
    profile: Profile = None,
) -> None:
    """Encrypt FILE under a KMS key, to FILE.encrypted.

    KMS makes a data key for this file alone; the file is sealed with it here, by AES-256-GCM, and
    the data key is stored with it, encrypted. `strongroom decrypt` and every AWS Encryption SDK
    open the result.
    """
    with one_sentence():
        from strongroom.client.endpoint import Endpoint
        from strongroom.client.files import encrypt_file

        pairs = _pairs(context)
        _require_key(key)
        with Endpoint(endpoint_url=endpoint_url, region=region, profile=profile) as kms:
            done, sealed = encrypt_file(
                file,
                output,
                key=key,
                kms=kms,
                context=pairs,
                replace=force,
                durable=sync,
                progress=_progress(quiet=quiet),
            )
        if not quiet:
            say(f"{_named(done)}: {_size(sealed.plaintext)} sealed under {sealed.key}")


def decrypt(
    file: Annotated[str, typer.Argument(metavar="FILE", help="`-` is standard input.")],
    output: Output = None,
    key: Annotated[
        str | None,
        typer.Option("--key", "-k", metavar="ARN", help="Open only with this key; else with any."),
    ] = None,
    context: Annotated[
        list[str] | None,
        typer.Option("--context", "-c", metavar="K=V", help="Refuse FILE without this pair."),
    ] = None,
    force: Force = False,
    sync: Sync = False,
    quiet: Quiet = False,
    endpoint_url: EndpointUrl = None,
    region: Annotated[
        str | None,
        typer.Option("--region", metavar="REGION", help="Open only with keys of this Region."),
    ] = None,
    profile: Profile = None,
) -> None:
    """Decrypt FILE.encrypted, to FILE.

    FILE is what `strongroom encrypt` or an AWS Encryption SDK wrote; it names the key that KMS is
    asked for. OUT appears when all of FILE was found authentic. To standard output each part is
    written once it was, so a file that is cut short is noticed only after its beginning: mind the
    exit code.
    """
    with one_sentence():
        from strongroom.client.endpoint import Endpoint
        from strongroom.client.files import decrypt_file

        pairs = _pairs(context)
        _require_key(key)
        with Endpoint(endpoint_url=endpoint_url, region=region, profile=profile) as kms:
            done, opened = decrypt_file(
                file,
                output,
                key=key,
                region=region,
                kms=kms,
                context=pairs,
                replace=force,
                durable=sync,
                progress=_progress(quiet=quiet),
            )
        if not quiet:
            say(f"{_named(done)}: {_size(opened.plaintext)} opened with {opened.key}")


class _Stopped(BaseException):
    """A signal asked us to stop: not an Exception, so that nothing on the way takes it for one."""


@contextmanager
def one_sentence() -> Iterator[None]:
    """Turn every failure there may be into its sentence and exit code 1."""
    try:
        with _stoppable():
            from strongroom.client.sentences import FAILURES, sentence

            try:
                yield
            except FAILURES as failure:
                fail(sentence(failure))
    except _Stopped as stopped:
        fail(f"stopped by {stopped}")


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let the first signal that stops unwind the command, and later ones not disturb that."""

    def stop(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
        for each in _STOPPING:
            signal.signal(each, signal.SIG_IGN)
        raise _Stopped(signal.Signals(number).name)

    before = {each: signal.getsignal(each) for each in _STOPPING}
    for each, handler in before.items():
        if handler is not signal.SIG_IGN:  # as `nohup` leaves SIGHUP
            signal.signal(each, stop)
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _pairs(texts: list[str] | None) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in texts or ():
        key, equals, value = text.partition("=")
        if not _is_text(text):
            fail("`--context`: it is not text in UTF-8")
        if not equals or key in pairs:
            fail(f"`--context {text}`: give each key once, as KEY=VALUE")
        pairs[key] = value
    return pairs


def _require_key(key: str | None) -> None:
    if key is not None and not (key and _is_text(key)):
        fail("`--key`: give a key id, a key ARN or alias/NAME")


def _is_text(argument: str) -> bool:
    """Whether the shell handed over UTF-8; other bytes come as half characters."""
    return not any("\ud800" <= char <= "\udfff" for char in argument)


def _progress(*, quiet: bool) -> "Progress":
    @contextmanager
    def bar(total: int | None) -> Iterator[Callable[[int], None]]:
        if quiet or not sys.stderr.isatty():
            yield lambda _: None
            return
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        columns = BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()
        with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
            task = shown.add_task("", total=total)
            yield lambda done: shown.advance(task, done)

    return bar


def _named(output: str) -> str:
    return "standard output" if output == "-" else output


def _size(count: int) -> str:
    for unit, scale in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count} bytes"


def say(text: str) -> None:
    typer.echo(text, err=True)


def fail(text: str) -> NoReturn:
    say(f"strongroom: {text}")
    raise typer.Exit(1)
