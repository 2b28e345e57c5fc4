"""The header's bounds, each met and each passed by one."""

import io
import struct

import pytest

from strongroom.client import Altered, Unsupported
from strongroom.client.header import (
    LONGEST_FRAME,
    MOST_DATA_KEYS,
    Content,
    EncryptedDataKey,
    Header,
    authenticate,
    read,
    write,
)
from strongroom.client.suites import MessageKey, Suite, derive

KEY = derive(bytes(32), Suite.PLAIN, bytes(32))
ONE = EncryptedDataKey("aws-kms", b"arn", b"sealed")


def parsed(raw) -> Header:
    def take(size):
        part = source.read(size)
        if len(part) < size:
            raise EOFError
        return part

    source = io.BytesIO(raw)
    return read(take)


def headed(data_keys=(ONE,), frame_length=4096, context=b""):
    return write(bytes(32), context, data_keys, frame_length, KEY)


def with_context(raw):
    return headed(context=raw)


def test_what_is_written_is_read():
    header = parsed(headed([ONE, ONE]))
    assert header.data_keys == (ONE, ONE)
    assert (header.content, header.frame_length) == (Content.FRAMED, 4096)
    authenticate(header, KEY)


def test_as_many_data_keys_as_the_bound_and_no_more():
    assert len(parsed(headed([ONE] * MOST_DATA_KEYS)).data_keys) == MOST_DATA_KEYS
    with pytest.raises(Unsupported, match="33 encrypted data keys"):
        parsed(headed([ONE] * (MOST_DATA_KEYS + 1)))


def test_a_header_of_endless_data_keys_is_not_read_to_its_end():
    with pytest.raises(Unsupported, match="256 KiB"):
        parsed(headed([ONE._replace(ciphertext=bytes(65_535))] * 5))


def test_a_frame_as_long_as_the_bound_and_no_longer():
    assert parsed(headed(frame_length=LONGEST_FRAME)).frame_length == LONGEST_FRAME
    with pytest.raises(Unsupported, match="32 MiB"):
        parsed(headed(frame_length=LONGEST_FRAME + 1))
    with pytest.raises(Altered):
        parsed(headed(frame_length=0))


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"\0", id="half a count"),
        pytest.param(b"\0\1", id="no pair"),
        pytest.param(b"\0\1\0\1k", id="no value"),
        pytest.param(b"\0\1\0\1k\0\2v", id="value cut short"),
        pytest.param(b"\0\1\0\1k\0\1v!", id="bytes after"),
        pytest.param(b"\0\1\0\1\xff\0\1v", id="not UTF-8"),
        pytest.param(b"\0\2\0\1k\0\1v\0\1k\0\1w", id="a key twice"),
    ],
)
def test_a_context_that_is_none_is_refused(raw):
    with pytest.raises(Altered):
        parsed(with_context(raw))


def test_a_provider_that_is_no_text_is_refused():
    with pytest.raises(Altered):
        parsed(headed().replace(b"aws-kms", b"aws-km\xff"))


@pytest.mark.parametrize(("content", "length"), [(0, 16), (1, 16), (3, 16), (2, 0)])
def test_only_frames_or_one_block(content, length):
    raw = headed(frame_length=0xABCDEF)
    altered = raw.replace(struct.pack(">BI", 2, 0xABCDEF), struct.pack(">BI", content, length))
    with pytest.raises(Altered):
        parsed(altered)


def test_commitment_and_tag_are_each_checked():
    header = parsed(headed())
    with pytest.raises(Altered):
        authenticate(header, MessageKey(KEY.secret, bytes(32)))
    with pytest.raises(Altered):
        authenticate(header, MessageKey(bytes(32), KEY.commitment))


def test_a_message_key_does_not_show_itself():
    assert KEY.secret.hex() not in repr(KEY)
    assert repr(KEY.secret)[2:-1] not in repr(KEY)
