"""Whether a CBOR body is of a size and a kind that is safe to parse.

Only the heads are looked at; no value is built.  A megabyte of CBOR can be a million empty lists,
half a second's work and eighty megabytes for whoever builds them, before anybody has been asked
who they are.  Refused here:

* more than 20,000 items, or nesting deeper than 32,
* a length that runs past the end, and bytes after the end,
* any tag but 1: the others are big numbers, regular expressions, shared references,
* chunks of an indefinite string that are not definite strings of its kind.

What a text string holds, keys that come twice and what a tag stands over are left to the parser.

    bits 7-5  major: 0 unsigned 1 negative 2 bytes 3 text 4 list 5 map 6 tag 7 simple, float, break
    bits 4-0  the argument; 24-27: it follows in 1, 2, 4, 8 bytes; 31: indefinite, or the break

Source: RFC 8949, sections 3 and 3.2; Smithy RPC v2 CBOR, which allows tag 1 and no other.
"""

from strongroom.errors import Serialization

_MOST_ITEMS = 20_000
_MOST_DEEP = 32

_BYTES, _TEXT, _LIST, _MAP, _TAG = 2, 3, 4, 5, 6
_INDEFINITE = 31
_BREAK = 0xFF
_EPOCH_TIME = 1
_ENDLESS = -1  # how many items are still to come in an indefinite list or map


def require_bounded(body: bytes, most_items: int = _MOST_ITEMS) -> None:
    """Raise Serialization unless `body` is one well-formed item within the bounds."""
    try:
        end = _item(body, most_items)
    except IndexError:
        raise Serialization("the CBOR of the request ends too early") from None
    if end != len(body):
        raise Serialization("the CBOR of the request goes on after its end")


def _item(body: bytes, most_items: int) -> int:
    """The offset after the first item.  IndexError if the body ends before it does."""
    at = items = 0
    awaited = [1]  # items still to come, the innermost container last
    while awaited:
        if awaited[-1] == 0 or (awaited[-1] == _ENDLESS and body[at] == _BREAK):
            at += awaited.pop() == _ENDLESS
            continue
        items += 1
        if items > most_items or len(awaited) > _MOST_DEEP:
            raise Serialization("the CBOR of the request is too deep or has too many items")
        if awaited[-1] != _ENDLESS:
            awaited[-1] -= 1
        major, argument, at = _head(body, at)
        if major in (_BYTES, _TEXT):
            at = _string(body, at, major, argument)
        elif major in (_LIST, _MAP):
            pairs = major == _MAP and argument != _ENDLESS
            awaited.append(argument * 2 if pairs else argument)
        elif major == _TAG:
            if argument != _EPOCH_TIME:
                raise Serialization("the CBOR of the request has a tag other than epoch time")
            awaited.append(1)
    return at


def _head(body: bytes, at: int) -> tuple[int, int, int]:
    """The major type, the argument and the offset after both."""
    major, info = body[at] >> 5, body[at] & 0x1F
    at += 1
    if info < 24:
        return major, info, at
    if info < 28:
        width = 1 << (info - 24)
        if at + width > len(body):
            raise IndexError
        return major, int.from_bytes(body[at : at + width], "big"), at + width
    if info == _INDEFINITE and major in (_BYTES, _TEXT, _LIST, _MAP):
        return major, _ENDLESS, at
    raise Serialization("the CBOR of the request is malformed")


def _string(body: bytes, at: int, major: int, length: int) -> int:
    """The offset after a string, whole or in chunks."""
    if length != _ENDLESS:
        if at + length > len(body):
            raise IndexError
        return at + length
    while body[at] != _BREAK:
        chunk, length, at = _head(body, at)
        if chunk != major or length == _ENDLESS:
            raise Serialization("the CBOR of the request is malformed")
        at = _string(body, at, major, length)
    return at + 1
