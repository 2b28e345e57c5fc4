"""File encryption beside Debian's `age` and the AWS Encryption SDK for Python, in one run.

Each is a process of its own, timed from start to end as a user would: ours and the SDK ask the
same KMS for one data key a file, and `age` encrypts to an X25519 recipient.  All read the same
incompressible file and write to the same folder, in turns and in an order that changes by the
round, so that what else the machine does falls on all alike.  None waits for the disk (no fsync),
and the disk's backlog is written out before each turn.

Before each turn its input is read, so that all find it in memory, and as much memory is written
to as its output will take: on a virtual machine, what the host had taken back is several times as
slow at the first touch, and that would be counted against whoever is first.

The SDK has its default settings: suite 0x0578 (signed), frames of 4,096 bytes.  Its
speed hardly depends on the size, so it is given a part of the file; `--whole` gives it all.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

MIB = 2**20

_SDK = """
import sys
import aws_encryption_sdk as sdk
verb, key, source, sink = sys.argv[1:]
client = sdk.EncryptionSDKClient()
if verb == "e":
    provider = sdk.StrictAwsKmsMasterKeyProvider(key_ids=[key])
else:
    provider = sdk.DiscoveryAwsKmsMasterKeyProvider()
with open(source, "rb") as plain, open(sink, "wb") as sealed:
    with client.stream(mode=verb, source=plain, key_provider=provider) as stream:
        for part in stream:
            sealed.write(part)
"""


class Run(NamedTuple):
    seconds: float
    memory: int  # bytes, at the peak


class Contestant(NamedTuple):
    name: str
    size: int  # bytes of plaintext
    encrypt: Sequence[str]
    encrypted: Path
    decrypt: Sequence[str]
    decrypted: Path


class Row(NamedTuple):
    name: str
    verb: str
    rate: float  # MB/s, of 10^6 bytes; the median of the rounds
    best: float
    memory: int  # bytes, at the worst


def measure(
    url: str, *, size: int, sdk_size: int, rounds: int, folder: Path, say: Callable[[str], None]
) -> list[Row]:
    """Time encryption and decryption of a file of `size` bytes, with the KMS at `url`.

    Credentials and Region are those of the environment, or else of `strongroom dev`.
    """
    environment = _environment(url)
    plain = _incompressible(folder / "plain", size)
    part = plain if sdk_size >= size else _incompressible(folder / "part", sdk_size)
    contestants = list(_contestants(folder, plain, part, _new_key(environment)))
    runs: dict[tuple[str, str], list[Run]] = {}
    for turn in range(1, rounds + 1):
        for one in contestants if turn % 2 else reversed(contestants):
            source = plain if one.size == size else part
            for verb, command, given in (
                ("encrypt", one.encrypt, source),
                ("decrypt", one.decrypt, one.encrypted),
            ):
                _prepare(given)
                run = _timed(command, environment)
                runs.setdefault((one.name, verb), []).append(run)
                rate = one.size / run.seconds / 1e6
                say(f"round {turn}: {one.name} {verb} {rate:.0f} MB/s")
            if turn == 1 and not _same(source, one.decrypted):
                raise AssertionError(f"{one.name} did not give back what it was given")
            one.encrypted.unlink()
            one.decrypted.unlink()
    sizes = {one.name: one.size for one in contestants}
    return [_row(name, verb, sizes[name], done) for (name, verb), done in runs.items()]


def table(rows: Iterable[Row]) -> str:
    """The figures, and how many times as fast we are."""
    rows = list(rows)
    ours = {row.verb: row.rate for row in rows if row.name == "strongroom"}
    lines = [f"{'':24}{'MB/s':>8}{'best':>8}{'strongroom is':>16}{'peak memory':>14}"]
    for row in sorted(rows, key=lambda row: (row.verb != "encrypt", -row.rate)):
        ratio = "" if row.name == "strongroom" else f"{ours[row.verb] / row.rate:.2f} x"
        lines.append(
            f"{row.verb + ' ' + row.name:24}{row.rate:8.0f}{row.best:8.0f}{ratio:>16}"
            f"{row.memory / MIB:10.0f} MiB"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None, *, url: str | None = None) -> int:
    """Run and print; the KMS at `url`, `--url`, AWS_ENDPOINT_URL or port 4599."""
    options = _options(arguments)
    where = url or options.url
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="strongroom-bench-") as name:
        rows = measure(
            where,
            size=options.size * MIB,
            sdk_size=(options.size if options.whole else min(options.size, options.part)) * MIB,
            rounds=options.rounds,
            folder=Path(name),
            say=lambda text: print(text, file=sys.stderr, flush=True),
        )
    print(f"a file of {options.size} MiB, {options.rounds} rounds in turns, medians:")
    if not options.whole and options.part < options.size:
        print(f"(the SDK was given {options.part} MiB; its speed hardly depends on the size)")
    print(table(rows))
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.files", description=__doc__)
    default = os.environ.get("AWS_ENDPOINT_URL", "http://127.0.0.1:4599")
    parser.add_argument("--url", default=default, help="the KMS endpoint")
    parser.add_argument("--size", type=int, default=2048, metavar="MIB")
    parser.add_argument("--part", type=int, default=512, metavar="MIB", help="for the SDK")
    parser.add_argument("--whole", action="store_true", help="give the SDK the whole file")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=None, help="on the disk to measure")
    return parser.parse_args(arguments)


def _contestants(folder: Path, plain: Path, part: Path, key: str) -> Iterable[Contestant]:
    def of(name: str, source: Path, encrypt: Sequence[str], decrypt: Sequence[str]) -> Contestant:
        size = source.stat().st_size
        return Contestant(
            name,
            size,
            [*encrypt],
            folder / f"{name}.encrypted",
            [*decrypt],
            folder / f"{name}.decrypted",
        )

    def paths(name: str) -> tuple[str, str]:
        return str(folder / f"{name}.encrypted"), str(folder / f"{name}.decrypted")

    strongroom = [sys.executable, "-m", "strongroom"]
    sealed, opened = paths("strongroom")
    yield of(
        "strongroom",
        plain,
        [*strongroom, "encrypt", "-q", "--key", key, "-o", sealed, str(plain)],
        [*strongroom, "decrypt", "-q", "-o", opened, sealed],
    )
    if shutil.which("age"):
        identity = folder / "identity"
        subprocess.run(["age-keygen", "-o", identity], check=True, stderr=subprocess.DEVNULL)
        shown = subprocess.run(["age-keygen", "-y", identity], check=True, stdout=subprocess.PIPE)
        sealed, opened = paths("age")
        yield of(
            "age",
            plain,
            ["age", "-r", shown.stdout.decode().strip(), "-o", sealed, str(plain)],
            ["age", "-d", "-i", str(identity), "-o", opened, sealed],
        )
    sealed, opened = paths("sdk")
    sdk = [sys.executable, "-c", _SDK]
    yield of("sdk", part, [*sdk, "e", key, str(part), sealed], [*sdk, "d", key, sealed, opened])


def _prepare(given: Path) -> None:
    """Have the input in memory, the memory of the output touched, and nothing left to write."""
    room = bytearray(MIB)
    with given.open("rb", buffering=0) as source, tempfile.TemporaryFile(dir=given.parent) as touch:
        while source.readinto(room):
            touch.write(room)
    os.sync()


def _timed(command: Sequence[str], environment: dict[str, str]) -> Run:
    """Run a command; its time, and the peak of its memory as last seen.

    The peak is read while it runs: what `wait4` reports begins with the parent's own memory.
    """
    start = time.perf_counter()
    process = subprocess.Popen(command, env=environment)
    status, peak = Path(f"/proc/{process.pid}/status"), 0
    while process.poll() is None:
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                peak = max(peak, int(line.split()[1]) * 1024)
        try:
            process.wait(0.02)
        except subprocess.TimeoutExpired:
            continue
    seconds = time.perf_counter() - start
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Run(seconds, peak)


def _row(name: str, verb: str, size: int, runs: list[Run]) -> Row:
    rates = [size / run.seconds / 1e6 for run in runs]
    return Row(name, verb, median(rates), max(rates), max(run.memory for run in runs))


def _environment(url: str) -> dict[str, str]:
    dev = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    return {**dev, **os.environ, "AWS_ENDPOINT_URL": url}


def _new_key(environment: dict[str, str]) -> str:
    import botocore.session

    client = botocore.session.Session().create_client(
        "kms",
        region_name=environment["AWS_DEFAULT_REGION"],
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=environment.get("AWS_SESSION_TOKEN"),
    )
    try:
        return str(client.create_key(Description="bench.files")["KeyMetadata"]["Arn"])
    finally:
        client.close()


def _incompressible(path: Path, size: int) -> Path:
    with path.open("wb", buffering=0) as file:
        for start in range(0, size, 16 * MIB):
            file.write(os.urandom(min(16 * MIB, size - start)))
    return path


def _same(one: Path, other: Path) -> bool:
    return subprocess.run(["cmp", "-s", one, other], check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
