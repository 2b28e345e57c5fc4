"""`CiphertextForRecipient`: AWS's very bytes, and what OpenSSL makes of ours."""

import contextlib
import json
import subprocess
from pathlib import Path

import pytest
from enclaves import Enclave

from strongroom.attestation import envelope

VECTOR = json.loads(
    (Path(__file__).parents[2] / "vectors" / "attestation" / "envelope.json").read_text()
)
ENCLAVES = {bits: Enclave(bits) for bits in (2048, 3072, 4096)}


def test_the_envelope_is_framed_as_aws_frames_it():
    parts = [bytes.fromhex(VECTOR[name]) for name in ("identifier", "encrypted_key", "iv")]
    made = envelope.enveloped(*parts, bytes.fromhex(VECTOR["ciphertext"]))
    assert made.hex() == VECTOR["envelope"]


@pytest.mark.parametrize("bits", ENCLAVES)
@pytest.mark.parametrize("size", [1, 15, 16, 17, 32, 127, 128, 1024, 4096])
def test_openssl_opens_it(bits, size, tmp_path):
    enclave, plaintext = ENCLAVES[bits], bytes(range(256)) * 16
    sealed = envelope.sealed(enclave.key.public_key(), plaintext[:size])
    assert enclave.opened(sealed, tmp_path) == plaintext[:size]


def test_nobody_else_opens_it(tmp_path):
    sealed = envelope.sealed(ENCLAVES[2048].key.public_key(), b"for you alone")
    with contextlib.suppress(subprocess.CalledProcessError):
        # One wrong key in 256 gives padding that looks right.
        assert Enclave().opened(sealed, tmp_path) != b"for you alone"


def test_no_two_are_alike():
    key = ENCLAVES[2048].key.public_key()
    assert len({envelope.sealed(key, b"x") for _ in range(50)}) == 50
