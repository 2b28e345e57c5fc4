"""The main job, shown: a real file under a KMS key by envelope encryption, and back again.

Starts a throw-away server, talks to it with boto3 and the `strongroom` command, and says in a few
lines what happened.  `python scripts/demo.py [MEBIBYTES]`, 2,048 unless told otherwise.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
from botocore.exceptions import ClientError

STRONGROOM = Path(sys.executable).with_name("strongroom")
REGION = "eu-central-1"
MIB = 1 << 20


def main() -> None:
    size = int(sys.argv[1]) * MIB if len(sys.argv) > 1 else 2048 * MIB
    for name in [*os.environ]:
        # Nothing of this machine's own settings: other endpoints, profiles, proxies.
        if name.startswith(("AWS_", "STRONGROOM_")) or name.lower().endswith("_proxy"):
            del os.environ[name]
    folder = Path(tempfile.mkdtemp(prefix="strongroom-demo-"))
    try:
        if shutil.disk_usage(folder).free < 4 * size:
            sys.exit(f"the demo needs {4 * size >> 20} MiB of disk in {folder.parent}; set TMPDIR")
        with server() as url:
            show(url, folder, size)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def show(url: str, folder: Path, size: int) -> None:
    os.environ |= {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    kms = boto3.client("kms")
    key = kms.create_key(Description="the demo's key")["KeyMetadata"]
    kms.create_alias(AliasName="alias/demo", TargetKeyId=key["KeyId"])
    say("key", f"{key['Arn']}, as alias/demo")

    plain, sealed, opened = folder / "report", folder / "report.encrypted", folder / "report.opened"
    digest = make(plain, size)
    say("file", f"{size / 1e9:.2f} GB made, SHA-256 {digest[:16]}…")

    try:
        kms.encrypt(KeyId="alias/demo", Plaintext=bytes(4097))
    except ClientError as refused:
        say("4,097 bytes", f"refused by Encrypt: {refused.response['Error']['Message']}")
    else:
        sys.exit("Encrypt took 4,097 bytes, and must not")
    say("so", "one GenerateDataKey; the file is sealed here; the encrypted data key lies beside it")

    took = run(
        "encrypt", "--quiet", "--key", "alias/demo", "-c", "purpose=demo", plain, "-o", sealed
    )
    more = sealed.stat().st_size - size
    say("encrypted", f"in {took:.1f} s, {size / took / 1e6:,.0f} MB/s, {more:,} bytes more")

    took = run("decrypt", "--quiet", sealed, "-o", opened)
    compare(opened, digest)
    say("decrypted", f"in {took:.1f} s, {size / took / 1e6:,.0f} MB/s, and equal")

    kms.rotate_key_on_demand(KeyId=key["KeyId"])
    materials = kms.list_key_rotations(KeyId=key["KeyId"], IncludeKeyMaterial="ALL_KEY_MATERIAL")
    say("rotated", f"{len(materials['Rotations'])} materials now; key id and ARN are the same")

    opened.unlink()
    took = run("decrypt", "--quiet", sealed, "-o", opened)
    compare(opened, digest)
    say("the old file", f"still opens, in {took:.1f} s, and is equal")

    kms.disable_key(KeyId=key["KeyId"])
    opened.unlink()
    refused_open = subprocess.run(
        [STRONGROOM, "decrypt", sealed, "-o", opened], capture_output=True, text=True, check=False
    )
    if refused_open.returncode == 0 or opened.exists():
        sys.exit("a file was opened under a disabled key, and must not be")
    say("disabled", f"the key opens nothing now: {refused_open.stderr.strip()}")


@contextmanager
def server() -> Iterator[str]:
    """A throw-away server; its address, once it is ready."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [STRONGROOM, "dev", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("export AWS_ENDPOINT_URL="):
                url = line.strip().partition("=")[2]
                say("server", f"ready on {url} in {time.perf_counter() - began:.2f} s")
                yield url
                return
        sys.exit("the server did not start; run `strongroom dev` to see why")
    finally:
        process.terminate()
        process.wait(30)


def make(file: Path, size: int) -> str:
    """Write `size` bytes that do not compress, and answer their SHA-256."""
    digest = hashlib.sha256()
    with file.open("wb") as opened:
        for start in range(0, size, 8 * MIB):
            chunk = os.urandom(min(8 * MIB, size - start))
            digest.update(chunk)
            opened.write(chunk)
    return digest.hexdigest()


def compare(file: Path, digest: str) -> None:
    with file.open("rb") as opened:
        if hashlib.file_digest(opened, "sha256").hexdigest() != digest:
            sys.exit("what came back is not what went in")


def run(*arguments: str | Path) -> float:
    """Run `strongroom` with these arguments; the seconds that it took."""
    began = time.perf_counter()
    subprocess.run([STRONGROOM, *arguments], check=True)
    return time.perf_counter() - began


def say(what: str, sentence: str) -> None:
    print(f"{what:>13}  {sentence}", flush=True)


if __name__ == "__main__":
    main()
