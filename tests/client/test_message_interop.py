"""Both ways with AWS's own implementations: they open ours, and theirs is opened here."""

import io
import os

import pytest

from strongroom.client import decrypt, encrypt
from strongroom.client.sealing import FRAME

CONTEXT = {"purpose": "test", "Ärger": "ÿ=1", "a": "b"}
PLAIN, SIGNED = 0x0478, 0x0578


def opened(message, kms, **options):
    sink = io.BytesIO()
    result = decrypt(io.BytesIO(message), sink, kms=kms, **options)
    return sink.getvalue(), result


@pytest.mark.parametrize("size", [0, 1, 5000, FRAME, 9 * FRAME + 1])
def test_what_we_seal_they_open(kms, key, kms_url, sdk_at, size):
    data, message = os.urandom(size), io.BytesIO()
    encrypt(io.BytesIO(data), message, key=key, kms=kms, context=CONTEXT)
    assert sdk_at(kms_url).decrypt(message.getvalue(), context=CONTEXT) == data


@pytest.mark.parametrize("suite", [None, PLAIN, SIGNED])
@pytest.mark.parametrize(("size", "frame"), [(0, None), (10_000, None), (8192, 4096), (1000, 128)])
def test_what_they_seal_we_open(kms, key, kms_url, sdk_at, suite, size, frame):
    data = os.urandom(size)
    message = sdk_at(kms_url).encrypt(data, [key], suite=suite, frame_length=frame, context=CONTEXT)
    plaintext, result = opened(message, kms, context=CONTEXT)
    assert plaintext == data
    assert result.signed is (suite != PLAIN)  # both sign by default
    assert result.key == key


def test_a_message_under_several_keys_opens_under_each(kms, key, other_key, kms_url, sdk_at):
    kms.keys[other_key] = os.urandom(32)
    message = sdk_at(kms_url).encrypt(b"for two", [key, other_key])
    for mine in (key, other_key):
        assert opened(message, kms, key=mine)[0] == b"for two"
    del kms.keys[key]
    assert opened(message, kms)[0] == b"for two"
