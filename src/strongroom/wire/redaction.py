"""What of a request or an answer may stand in a record, as CloudTrail writes it.

Rules:
* Blobs and sensitive members never: plaintext, ciphertext, keys, messages, signatures, MACs,
  tokens, passwords.  Which strings are sensitive is the model's word and that of `overlays`.
* Everything else in clear: encryption contexts, descriptions, tags, policies, grant names.
* Names with a lower first letter, `aWSAccountId`; times as `Aug 10, 2022, 10:38:27 PM`.
* What is absent is left out, and so is a part that could never show anything.  Nothing to show at
  all is `null`, as CloudTrail has it.

One function is made per struct, and called for every request: it copies what may be shown into a
struct that has only that, and encodes it.  `tests/wire/test_redaction.py` puts a marked secret
into every member of every operation and looks for it.
"""

import functools
from collections.abc import Callable
from operator import attrgetter
from typing import NamedTuple

import msgspec

from strongroom.wire.model import Kind, Member, Node, item_of, members, struct_of
from strongroom.wire.moments import cloudtrail
from strongroom.wire.shape import Shape

Show = Callable[[object], object]
"""From a member's value to what is shown for it."""

_encode = msgspec.json.Encoder().encode


@functools.cache
def parameters(struct: type[Shape]) -> Callable[[Shape], bytes]:
    """A function from a `struct` to the JSON that may be recorded of it.

    Making one takes some 0.3 ms, so they are kept, and best made when first needed.
    """
    shown = _shown(struct)
    if not shown:
        return lambda _shape: b"null"
    copy = _copier(struct, shown)

    def recorded(shape: Shape) -> bytes:
        record = _encode(copy(shape))
        return record if len(record) > 2 else b"null"

    return recorded


def of(shape: Shape) -> bytes:
    """The JSON that may be recorded of it."""
    return parameters(type(shape))(shape)


class _Shown(NamedTuple):
    member: Member
    show: Show | None  # None: as it is


def _shown(struct: type[Shape]) -> list[_Shown]:
    """The members of which something may be shown."""
    return [
        _Shown(member, _show(member.node)) for member in members(struct) if _showable(member.node)
    ]


def _showable(node: Node) -> bool:
    if node.secret or (node.key is not None and node.key.secret):
        return False
    if node.kind is Kind.STRUCTURE:
        return any(_showable(member.node) for member in members(struct_of(node)))
    return node.item is None or _showable(node.item)


def _show(node: Node) -> Show | None:
    match node.kind:
        case Kind.TIMESTAMP:
            return lambda at: cloudtrail(at) if isinstance(at, int | float) else None
        case Kind.STRUCTURE:
            struct = struct_of(node)
            return _copier(struct, _shown(struct))
        case Kind.LIST | Kind.MAP if (show := _show(item_of(node))) is not None:
            return _each(show)
    return None


def _each(show: Show) -> Show:
    def each(value: object) -> object:
        if isinstance(value, dict):
            return {key: show(item) for key, item in value.items()}
        return [show(item) for item in value] if isinstance(value, list) else None

    return each


def _copier(struct: type[Shape], shown: list[_Shown]) -> Show:
    """A function from a `struct` to one that holds what is shown, under CloudTrail's names."""
    names = [each.member.name for each in shown]
    fields: list[tuple[str, type, object]] = [(name, object, None) for name in names]
    record = msgspec.defstruct(
        f"Recorded{struct.__name__}",
        fields,
        rename={each.member.name: each.member.lower for each in shown},
        omit_defaults=True,
        gc=False,
    )
    get = attrgetter(*names)
    single = len(names) == 1
    changed = [(at, show) for at, (_, show) in enumerate(shown) if show is not None]
    if not changed:
        return (lambda shape: record(get(shape))) if single else (lambda shape: record(*get(shape)))

    def copy(shape: object) -> object:
        values = [get(shape)] if single else list(get(shape))
        for at, show in changed:
            if values[at] is not None:
                values[at] = show(values[at])
        return record(*values)

    return copy
