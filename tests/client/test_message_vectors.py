"""Known answers made by AWS's SDKs, and one of ours, pinned and opened by theirs."""

import hashlib
import io
import json
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from tests.flipping import flipped

from strongroom.client import Altered, MessageFault, decrypt
from strongroom.client.sealing import encrypt_with
from strongroom.client.suites import Suite, derive

VECTORS = Path(__file__).parents[2] / "vectors" / "message"
CASES = {case["name"]: case for case in json.loads((VECTORS / "vectors.json").read_text())}
BY_OTHERS = [name for name in CASES if name != "strongroom"]
# Known to be authentic only at their end, and small enough to try every byte of.
LATE = ["javascript-0578-two-keys", "python-0578-single-block", "python-0478-single-block"]
FOOTER = 105  # bytes; the SDK for Python always makes it this long


class GivenKey:
    """A KMS that gives the vector's data key for each of its keys, whatever it is asked to open.

    So a test here shows what is refused without KMS's help.
    """

    def __init__(self, case):
        self._case = case

    def decrypt(self, *, KeyId, CiphertextBlob, EncryptionContext):  # noqa: N803
        if KeyId not in self._case["keys"]:
            raise ClientError({"Error": {"Code": "NotFoundException"}}, "Decrypt")
        return {"KeyId": KeyId, "Plaintext": bytes.fromhex(self._case["data_key"])}


def message_of(name):
    return (VECTORS / f"{name}.bin").read_bytes()


def plaintext_of(name):
    return hashlib.shake_128(name.encode()).digest(CASES[name]["size"])


def opened(name, message, **options):
    sink = io.BytesIO()
    try:
        result = decrypt(io.BytesIO(message), sink, kms=GivenKey(CASES[name]), **options)
    except MessageFault:
        if not options.get("sink_is_provisional"):
            assert plaintext_of(name).startswith(sink.getvalue())
            if CASES[name]["signed"] or CASES[name]["single_block"]:
                assert sink.getvalue() == b""
        raise
    return sink.getvalue(), result


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("provisional", [False, True])
def test_known_answers_open(name, provisional):
    plaintext, result = opened(name, message_of(name), sink_is_provisional=provisional)
    assert plaintext == plaintext_of(name)
    assert result.signed is CASES[name]["signed"]
    assert result.plaintext == len(plaintext)
    assert CASES[name]["context"].items() <= result.context.items()


def test_ours_is_written_as_it_was(kms, key):
    case, sink = CASES["strongroom"], io.BytesIO()
    kms.keys, kms.next_data_key = {key: bytes(32)}, bytes.fromhex(case["data_key"])
    encrypt_with(
        hashlib.sha256(b"message id of strongroom").digest(),
        io.BytesIO(plaintext_of("strongroom")),
        sink,
        key=key,
        kms=kms,
        context=case["context"],
        frame_length=64,
    )
    assert sink.getvalue() == message_of("strongroom")


def test_ours_is_opened_by_theirs(kms, key, kms_url, sdk_at):
    kms.keys = {key: bytes(32)}
    message, context = message_of("strongroom"), CASES["strongroom"]["context"]
    assert sdk_at(kms_url).decrypt(message, context=context) == plaintext_of("strongroom")


@pytest.mark.parametrize("name", LATE)
def test_no_byte_of_a_message_that_is_verified_late_may_change(name):
    message = message_of(name)
    for at in range(len(message)):
        altered = flipped(message, at)
        with pytest.raises(MessageFault):
            opened(name, altered)


@pytest.mark.parametrize("name", LATE)
def test_no_byte_of_a_message_that_is_verified_late_may_be_missing(name):
    message = message_of(name)
    for length in range(len(message)):
        with pytest.raises(Altered):
            opened(name, message[:length])


@pytest.mark.parametrize("name", BY_OTHERS)
@pytest.mark.parametrize("more", [b"\0", bytes(200)])
def test_nothing_may_follow(name, more):
    with pytest.raises(Altered):
        opened(name, message_of(name) + more)


def test_a_block_has_the_iv_of_its_kind_and_no_other():
    # Sealed anew, with everything in order but the IV: the number 2.
    name = "python-0478-single-block"
    message, plaintext = message_of(name), plaintext_of(name)
    key = derive(bytes.fromhex(CASES[name]["data_key"]), Suite.PLAIN, message[3:35])
    start = len(message) - (20 + len(plaintext) + 16)
    length = len(plaintext).to_bytes(8)
    aad = message[3:35] + b"AWSKMSEncryptionClient Single Block" + bytes([0, 0, 0, 1]) + length

    def block(number):
        iv = number.to_bytes(12)
        return message[:start] + iv + length + key.cipher().encrypt(iv, plaintext, aad)

    assert block(1) == message
    with pytest.raises(Altered):
        opened(name, block(2))


def test_a_signature_cannot_be_another_messages():
    ours, theirs = message_of("python-0578-single-block"), message_of("python-default")
    assert ours[-FOOTER:][:2] == theirs[-FOOTER:][:2] == (FOOTER - 2).to_bytes(2)
    with pytest.raises(Altered):
        opened("python-0578-single-block", ours[:-FOOTER] + theirs[-FOOTER:])


def test_a_signature_cannot_be_taken_off():
    # The tag over the header would catch it, too, but this is seen before a key is asked for.
    signed, plain = message_of("python-0578-single-block"), message_of("strongroom")
    with pytest.raises(Altered, match="disagree on a signature"):
        opened("python-0578-single-block", b"\x02\x04\x78" + signed[3:-FOOTER])
    with pytest.raises(Altered, match="disagree on a signature"):
        opened("strongroom", b"\x02\x05\x78" + plain[3:])
