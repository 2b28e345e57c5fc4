"""The bound on memory, of a process: 150 MiB, whatever the size of the file and of its frames."""

import subprocess
import sys

import pytest

from strongroom.client.header import LONGEST_FRAME

MEMORY = 150 * 1024  # KiB

# VmHWM is this program's own; ru_maxrss would begin with what its parent had.
RUN = """
import io, os, sys
from pathlib import Path
import botocore.session
from strongroom.client import decrypt
from strongroom.client.sealing import encrypt_with

KEY = "arn:aws:kms:us-east-1:000000000000:key/1"
class Kms:
    def generate_data_key(self, **request):
        return {"KeyId": KEY, "Plaintext": bytes(32), "CiphertextBlob": b"sealed"}
    def decrypt(self, **request):
        return {"KeyId": KEY, "Plaintext": bytes(32)}

# As much as the commands have in memory beside.
botocore.session.Session().create_client(
    "kms", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
frame, size = int(sys.argv[1]), 300 * 2**20
with open("file", "wb") as file:
    file.truncate(size)
with open("file", "rb", buffering=0) as source, open("sealed", "wb", buffering=0) as sink:
    encrypt_with(os.urandom(32), source, sink, key=KEY, kms=Kms(), frame_length=frame)
with open("sealed", "rb", buffering=0) as source, open("opened", "wb", buffering=0) as sink:
    assert decrypt(source, sink, kms=Kms()).plaintext == size
status = Path("/proc/self/status").read_text()
print(status.split("VmHWM:")[1].split()[0])
"""


@pytest.mark.parametrize("frame", [128 * 1024, 4096, LONGEST_FRAME])
def test_300_mb_take_no_more_memory_than_the_bound(tmp_path, frame):
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(frame)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < MEMORY
    for path in tmp_path.iterdir():
        path.unlink()
