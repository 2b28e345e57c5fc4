"""Sealing and opening against each other, and everything that must not open."""

import io
import os
import struct

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.flipping import flipped

from strongroom.client import (
    Altered,
    ContextRefused,
    KeyRefused,
    MessageFault,
    NotAMessage,
    UnexpectedAnswer,
    Unsupported,
    decrypt,
    encrypt,
)
from strongroom.client.flow import BATCH
from strongroom.client.frames import FINAL_OVERHEAD, OVERHEAD, sealed_size
from strongroom.client.sealing import FRAME, encrypt_with

SMALL = 16  # bytes in a frame
STRIDE = SMALL + OVERHEAD
CONTEXT = {"tenant": "one"}


class Trickle(io.RawIOBase):
    """A source that gives a few bytes at a time, as a pipe may."""

    def __init__(self, content, sizes):
        self._left = io.BytesIO(content)
        self._sizes = sizes
        self._turn = 0

    def readable(self):
        return True

    def readinto(self, room):
        size = self._sizes[self._turn % len(self._sizes)]
        self._turn += 1
        return self._left.readinto(room[:size])


class OnlyRead:
    """A source with `read` alone, as some HTTP bodies are."""

    def __init__(self, content):
        self._left = io.BytesIO(content)

    def read(self, size):
        return self._left.read(min(size, 1000))


class PartWriter(io.BytesIO):
    """A sink that takes a part of what it is given, as a raw file may."""

    def write(self, data):
        return super().write(data[: max(1, len(data) // 3)])


def sealed(data, kms, key, *, frame=SMALL, context=CONTEXT):
    sink = io.BytesIO()
    source = io.BytesIO(data)
    encrypt_with(
        os.urandom(32), source, sink, key=key, kms=kms, context=context, frame_length=frame
    )
    return sink.getvalue()


def opened(message, kms, **options):
    sink = io.BytesIO()
    decrypt(io.BytesIO(message), sink, kms=kms, **options)
    return sink.getvalue()


def body_of(message, size, frame=SMALL):
    """Where the body begins in a message of `size` bytes of plaintext."""
    return len(message) - sealed_size(size, frame)


@pytest.mark.parametrize("frames", [0, 1, 2, BATCH // STRIDE, BATCH // STRIDE + 1])
@pytest.mark.parametrize("beside", [-1, 0, 1])
def test_every_size_around_a_boundary_comes_back(kms, key, frames, beside):
    data = os.urandom(max(0, frames * SMALL + beside))
    message = sealed(data, kms, key)
    assert opened(message, kms) == data


@pytest.mark.parametrize("batches", [1, 2, 5])
def test_several_batches_come_back(kms, key, batches):
    data, message = os.urandom(batches * BATCH + 7), io.BytesIO()
    result = encrypt(io.BytesIO(data), message, key=key, kms=kms)
    assert result == (key, len(data), len(message.getvalue()))
    assert opened(message.getvalue(), kms) == data


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    data=st.binary(max_size=200),
    frame=st.integers(1, 70),
    sizes=st.lists(st.integers(1, 50), min_size=1, max_size=5),
)
@example(data=b"", frame=1, sizes=[1])
@example(data=bytes(140), frame=70, sizes=[7, 50])
def test_whatever_the_frames_and_the_reads(kms, key, data, frame, sizes):
    message, sink = io.BytesIO(), io.BytesIO()
    source = Trickle(data, sizes)
    encrypt_with(bytes(32), source, message, key=key, kms=kms, frame_length=frame)
    decrypt(Trickle(message.getvalue(), sizes), sink, kms=kms)
    assert sink.getvalue() == data


def test_file_objects_that_only_read_or_write_in_part_will_do(kms, key):
    data, message, plain = os.urandom(5000), PartWriter(), PartWriter()
    encrypt(OnlyRead(data), message, key=key, kms=kms)
    decrypt(OnlyRead(message.getvalue()), plain, kms=kms)
    assert plain.getvalue() == data


def test_a_source_that_does_not_wait_is_refused(kms, key):
    class Empty(io.RawIOBase):
        def readinto(self, room):
            return None

    with pytest.raises(BlockingIOError):
        encrypt(Empty(), io.BytesIO(), key=key, kms=kms)


def test_one_data_key_a_message_and_never_in_it(kms, key):
    messages = [sealed(b"same", kms, key) for _ in range(2)]
    assert [call[0] for call in kms.calls] == ["GenerateDataKey"] * 2
    assert kms.calls[0] == ("GenerateDataKey", key, CONTEXT)
    kms.next_data_key = b"the data key in plaintext, 32 B."
    assert kms.next_data_key not in sealed(b"same", kms, key)
    assert messages[0] != messages[1]
    opened(messages[0], kms)
    assert kms.calls[-1] == ("Decrypt", key, CONTEXT)


def test_progress_adds_up(kms, key):
    told, message = [], io.BytesIO()
    data = bytes(3 * BATCH)
    encrypt(io.BytesIO(data), message, key=key, kms=kms, progress=told.append)
    assert sum(told) == len(data)
    told.clear()
    message.seek(0)
    decrypt(message, io.BytesIO(), kms=kms, progress=told.append)
    assert sum(told) == sealed_size(len(data), FRAME)


# What must not open.

DATA = bytes(range(2 * SMALL + 5))


def test_no_byte_may_change(kms, key):
    message = sealed(DATA, kms, key)
    for at in range(len(message)):
        altered = flipped(message, at)
        sink = io.BytesIO()
        with pytest.raises(MessageFault):
            decrypt(io.BytesIO(altered), sink, kms=kms)
        # Frames come in one batch here, so nothing at all was released.
        assert sink.getvalue() == b"", at


def test_no_byte_may_be_missing(kms, key):
    message = sealed(DATA, kms, key)
    for length in range(len(message)):
        with pytest.raises(Altered, match="cut short"):
            opened(message[:length], kms)


@pytest.mark.parametrize("size", [0, len(DATA), SMALL * (BATCH // STRIDE) - 1])
@pytest.mark.parametrize("more", [b"\0", b"\xff" * 40, bytes(BATCH)])
def test_nothing_may_follow(kms, key, size, more):
    with pytest.raises(Altered, match="added"):
        opened(sealed(bytes(size), kms, key) + more, kms)


def frames_of(message):
    start = body_of(message, len(DATA))
    first, second = message[start : start + STRIDE], message[start + STRIDE : start + 2 * STRIDE]
    return message[:start], first, second, message[start + 2 * STRIDE :]


@pytest.mark.parametrize(
    "order",
    [
        pytest.param(lambda h, a, b, z: h + b + a + z, id="swapped"),
        pytest.param(lambda h, a, b, z: h + b + z, id="first dropped"),
        pytest.param(lambda h, a, b, z: h + a + z, id="second dropped"),
        pytest.param(lambda h, a, b, z: h + a + a + b + z, id="first repeated"),
        pytest.param(lambda h, a, b, z: h + a + b, id="final dropped"),
        pytest.param(lambda h, a, b, z: h + a + b + z + z, id="final repeated"),
        pytest.param(lambda h, a, b, z: h + z, id="only the final"),
        pytest.param(lambda h, a, b, z: h, id="no frames"),
    ],
)
def test_frames_stay_where_they_are(kms, key, order):
    with pytest.raises(Altered):
        opened(order(*frames_of(sealed(DATA, kms, key))), kms)


def test_renumbered_frames_do_not_pass(kms, key):
    head, first, second, final = frames_of(sealed(DATA, kms, key))

    def numbered(frame, number):
        return struct.pack(">IQI", number, 0, number) + frame[16:]

    with pytest.raises(Altered):
        opened(head + numbered(second, 1) + numbered(first, 2) + final, kms)
    early = struct.pack(">IIQII", 0xFFFFFFFF, 1, 0, 1, SMALL) + first[16:]
    with pytest.raises(Altered):
        opened(head + early, kms)


def test_a_number_and_its_iv_must_agree(kms, key):
    head, first, second, final = frames_of(sealed(DATA, kms, key))
    with pytest.raises(Altered):
        opened(head + first[:4] + bytes(12) + first[16:] + second + final, kms)


def test_a_final_frame_longer_than_the_rest_is_refused(kms, key):
    message = sealed(b"", kms, key)
    final = struct.pack(">IIQII", 0xFFFFFFFF, 1, 0, 1, SMALL + 1) + bytes(SMALL + 1 + 16)
    with pytest.raises(Altered, match="longer than the header allows"):
        opened(message[:-FINAL_OVERHEAD] + final, kms)


def test_frames_of_one_message_do_not_fit_another(kms, key):
    kms.next_data_key = os.urandom(32)  # one data key, so only the message id keeps them apart
    one, two = frames_of(sealed(DATA, kms, key)), frames_of(sealed(bytes(37), kms, key))
    with pytest.raises(Altered):
        opened(one[0] + one[1] + two[2] + one[3], kms)


def test_what_is_released_before_a_failure_is_authentic(kms, key):
    data, message, sink = os.urandom(4 * BATCH), io.BytesIO(), io.BytesIO()
    encrypt(io.BytesIO(data), message, key=key, kms=kms)
    with pytest.raises(Altered):
        decrypt(io.BytesIO(message.getvalue()[: 3 * BATCH]), sink, kms=kms)
    assert data.startswith(sink.getvalue())


def test_another_data_key_is_caught_by_the_commitment(kms, key):
    message = sealed(DATA, kms, key)

    class Swapped:
        def decrypt(self, **request):
            return {**kms.decrypt(**request), "Plaintext": os.urandom(32)}

    with pytest.raises(Altered, match="another message's"):
        opened(message, Swapped())


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        pytest.param(b"", Altered, id="empty"),
        pytest.param(b"age-encryption.org/v1\n", NotAMessage, id="age"),
        pytest.param(b"AgUhAAAA", NotAMessage, id="base64"),
        pytest.param(b"\x01\x80\x01\x78" + bytes(60), Unsupported, id="version 1"),
        pytest.param(b"\x02\x01\x78" + bytes(60), NotAMessage, id="suite without commitment"),
        pytest.param(b"\x02\x04\x78" + bytes(20), Altered, id="cut short"),
        pytest.param(b"\x02\x04\x78" + bytes(100), Altered, id="no data key"),
    ],
)
def test_other_files_are_told_apart(kms, content, fault):
    with pytest.raises(fault):
        opened(content, kms)
    assert kms.calls == []


# The encryption context.


@pytest.mark.parametrize(
    "context",
    [
        {"": "value"},
        {"key": ""},
        {"aws-crypto-public-key": "x"},
        {"key": "v" * 65_536},
        {"k" * 65_536: "v"},
        {str(n): "v" * 100 for n in range(700)},
    ],
)
def test_a_context_that_cannot_be_written_is_refused_before_kms_is_asked(kms, key, context):
    with pytest.raises(ContextRefused):
        encrypt(io.BytesIO(), io.BytesIO(), key=key, kms=kms, context=context)
    assert kms.calls == []


@pytest.mark.parametrize("wanted", [{"tenant": "two"}, {"other": "one"}, {**CONTEXT, "more": "x"}])
def test_a_context_that_is_not_the_messages_is_refused_before_kms_is_asked(kms, key, wanted):
    message = sealed(DATA, kms, key)
    kms.calls.clear()
    with pytest.raises(ContextRefused):
        opened(message, kms, context=wanted)
    assert kms.calls == []


def test_kms_is_asked_with_the_context(kms, key):
    message = sealed(DATA, kms, key, context={"b": "2", "a": "ä"})
    assert opened(message, kms, context={"a": "ä"}) == DATA
    assert kms.calls[-1][2] == {"a": "ä", "b": "2"}


# The data keys.


@pytest.mark.parametrize("wrong", [{"KeyId": "arn:aws:kms:::key/x"}, {"Plaintext": bytes(16)}])
def test_an_answer_for_another_key_is_refused(kms, key, wrong):
    message = sealed(DATA, kms, key)

    class Elsewhere:
        def decrypt(self, **request):
            return {**kms.decrypt(**request), **wrong}

    with pytest.raises(UnexpectedAnswer):
        opened(message, Elsewhere())


@pytest.mark.parametrize(
    "wrong", [{"Plaintext": bytes(16)}, {"KeyId": "alias/x"}, {"CiphertextBlob": b""}]
)
def test_an_answer_that_is_no_data_key_is_refused(kms, key, wrong):
    class Wrong:
        def generate_data_key(self, **request):
            return {**kms.generate_data_key(**request), **wrong}

    sink = io.BytesIO()
    with pytest.raises(UnexpectedAnswer):
        encrypt(io.BytesIO(), sink, key=key, kms=Wrong())
    assert sink.getvalue() == b""


def test_strict_opens_only_under_the_key_it_is_given(kms, key, other_key):
    message = sealed(DATA, kms, key)
    assert opened(message, kms, key=key) == DATA
    kms.calls.clear()
    with pytest.raises(KeyRefused, match=f"it is under {key}"):
        opened(message, kms, key=other_key)
    with pytest.raises(KeyRefused, match="not a key's ARN"):
        opened(message, kms, key="alias/mine")
    assert kms.calls == []


def test_a_region_opens_only_its_own_keys(kms, key):
    message = sealed(DATA, kms, key)
    assert opened(message, kms, region="us-east-1") == DATA
    kms.calls.clear()
    with pytest.raises(KeyRefused):
        opened(message, kms, region="eu-west-1")
    assert kms.calls == []


def test_a_multi_region_key_is_asked_for_where_one_is(kms):
    primary = "arn:aws:kms:us-east-1:000000000000:key/mrk-1"
    replica = "arn:aws:kms:eu-west-1:000000000000:key/mrk-1"
    other = "arn:aws:kms:eu-west-1:000000000001:key/mrk-1"
    kms.keys = dict.fromkeys((primary, replica, other), bytes(32))
    message = sealed(DATA, kms, primary)

    class Replicas:
        def decrypt(self, **request):
            asked.append(request["KeyId"])
            return {**kms.decrypt(**{**request, "KeyId": primary}), "KeyId": request["KeyId"]}

    for options in ({"region": "eu-west-1"}, {"key": replica}):
        asked = []
        assert opened(message, Replicas(), **options) == DATA
        assert asked == [replica]
    with pytest.raises(KeyRefused):
        opened(message, Replicas(), key=other)


def test_what_kms_said_is_kept(kms, key):
    message = sealed(DATA, kms, key)
    kms.faults["Decrypt"] = ("AccessDeniedException", "no")
    with pytest.raises(KeyRefused) as refused:
        opened(message, kms)
    assert [cause.response["Error"]["Code"] for cause in refused.value.causes] == [
        "AccessDeniedException"
    ]
