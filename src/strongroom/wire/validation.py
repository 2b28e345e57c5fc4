"""The slow walk: why a request that the fast decoder refused is refused, in AWS's words.

Rules:
* A wrong type is a SerializationException and nothing else is said (`javatypes`).
* Otherwise every violated constraint is told, in the model's order, up to the ten that AWS tells.
  There the walk ends, and also after 10,000 values: what a refusal costs is bounded.
* Members go by their path in lowerCamelCase; list items count from 1: `tags.1.member.tagKey`.
* A structure in a list has a path of its own.  A scalar in a list or a map has not: the list is
  the member that fails, and every constraint on its items is named, violated or not.
* Values are echoed, except blobs and sensitive ones; what is echoed is bounded.
* `null` is absence, in a member.  In a list or a map it is a value that must not be.

Whatever the fast decoder refuses this walk must find something in; should it not, the answer is
a SerializationException all the same.  tests/wire/test_agreement.py keeps the two together.

Source: KMS facts as recorded (`tags.1.member.tagKey`, `Value at 'plaintext'`); the form for items,
`Member must satisfy constraint: [...]`, and the limit of ten, from answers of AWS's other services.
"""

import functools
from collections.abc import Callable, Iterable

from strongroom.errors import Fault, Serialization, Validation
from strongroom.wire import javatypes
from strongroom.wire.model import Kind, Node, constraints, item_of, members, struct_of
from strongroom.wire.shape import Shape

UNREADABLE = "the body of the request could not be read"
TOO_MANY = "the body of the request has too many values to say which of them is wrong"

_MOST_TOLD = 10
_MOST_SEEN = 10_000  # values; a request that AWS would take has some hundreds at most
_MOST_ECHOED = 4096  # characters of one value; the longest a valid key id or alias can be is half
_NOT_NULL = "Member must not be null"

Constraint = tuple[str, Callable[[object], bool]]


def refusal(document: object, struct: type[Shape], *, blobs: type) -> Fault:
    """The fault to raise for a document that is no `struct`.

    `document` is what a parser made of the body; `blobs` is the type in which blobs come
    (`str` of base64, or `bytes`).
    """
    walk = _Walk(blobs)
    try:
        walk.structure(document, struct, "")
    except Serialization as fault:
        return fault
    except _Enough:
        pass
    if not walk.found:
        return Serialization(UNREADABLE)
    count = len(walk.found)
    plural = "s" if count > 1 else ""
    return Validation(f"{count} validation error{plural} detected: {'; '.join(walk.found)}")


class _Enough(Exception):
    """As much is wrong as will be told."""


class _Walk:
    def __init__(self, blobs: type) -> None:
        self.found: list[str] = []
        self._blobs = blobs
        self._seen = 0

    def structure(self, value: object, struct: type[Shape], path: str) -> None:
        self._count()
        document = javatypes.require_map(value, Kind.STRUCTURE)
        for member in members(struct):
            within = f"{path}.{member.lower}" if path else member.lower
            given = document.get(member.name)
            if given is not None:
                self._member(given, member.node, within)
            elif member.required:
                self._tell("Value null", within, _NOT_NULL)

    def _member(self, value: object, node: Node, path: str) -> None:
        match node.kind:
            case Kind.STRUCTURE:
                self.structure(value, struct_of(node), path)
            case Kind.LIST:
                items = javatypes.require_list(value)
                self._limits(items, node, path)
                if _has_parts(node):
                    self._parts(((str(at), each) for at, each in enumerate(items, 1)), node, path)
                else:
                    self._scalars(items, items, node, path)
            case Kind.MAP:
                entries = javatypes.require_map(value, Kind.MAP)
                self._limits(entries, node, path)
                self._keys(entries, node, path)
                if _has_parts(node):
                    self._parts(entries.items(), node, path)
                else:
                    self._scalars(entries.values(), entries, node, path)
            case _:
                self._limits(self._scalar(value, node, path), node, path)

    def _parts(self, items: Iterable[tuple[str, object]], node: Node, path: str) -> None:
        """Items with members of their own, so with paths of their own."""
        for name, item in items:
            within = f"{path}.{_cut(name)}.member"
            if item is None:
                self._tell("Value null", within, _NOT_NULL)
            else:
                self._member(item, item_of(node), within)

    def _scalars(self, items: Iterable[object], whole: object, node: Node, path: str) -> None:
        """Items that fail as one, whichever of them is wrong."""
        item_node = item_of(node)
        demands = _demands(item_node)
        wrong = False
        for item in items:
            if item is None:
                wrong = True
            else:
                scalar = self._scalar(item, item_node, path)
                wrong = wrong or not all(holds(scalar) for _, holds in demands)
        if wrong:
            subject = "Map value" if node.kind is Kind.MAP else "Member"
            phrase = f"{subject} must satisfy constraint: {_all_of(demands)}"
            self._tell(_echo(whole, node), path, phrase)

    def _keys(self, entries: dict[str, object], node: Node, path: str) -> None:
        demands = _demands(node.key) if node.key else ()
        if not all(holds(key) for key in entries for _, holds in demands):
            phrase = f"Map keys must satisfy constraint: {_all_of(demands)}"
            self._tell(_echo(entries, node), path, phrase)

    def _scalar(self, value: object, node: Node, path: str) -> object:
        self._count()
        return javatypes.require_scalar(value, node, path, blobs=self._blobs)

    def _limits(self, value: object, node: Node, path: str) -> None:
        for phrase, holds in _demands(node):
            if not holds(value):
                self._tell(_echo(value, node), path, phrase)

    def _count(self) -> None:
        self._seen += 1
        if self._seen > _MOST_SEEN:
            raise Serialization(TOO_MANY)

    def _tell(self, subject: str, path: str, phrase: str) -> None:
        self.found.append(f"{subject} at '{path}' failed to satisfy constraint: {phrase}")
        if len(self.found) == _MOST_TOLD:
            raise _Enough


@functools.cache
def _demands(node: Node) -> tuple[Constraint, ...]:
    """What a model demands of a value, each with AWS's phrase for it."""
    least, most = constraints(node)
    number = node.kind in (Kind.INTEGER, Kind.LONG)
    size = _value if number else _length
    noun = "value" if number else "length"
    demands: list[Constraint] = []
    if most is not None:
        phrase = f"Member must have {noun} less than or equal to {most}"
        demands.append((phrase, lambda value: size(value) <= most))
    if least is not None:
        phrase = f"Member must have {noun} greater than or equal to {least}"
        demands.append((phrase, lambda value: size(value) >= least))
    if (matcher := node.matcher) is not None:
        phrase = f"Member must satisfy regular expression pattern: {node.pattern}"
        demands.append((phrase, lambda value: matcher.search(str(value)) is not None))
    if node.kind is Kind.ENUM:
        phrase = f"Member must satisfy enum value set: [{', '.join(node.values)}]"
        demands.append((phrase, lambda value: value in node.values))
    return tuple(demands)


def _all_of(demands: tuple[Constraint, ...]) -> str:
    return f"[{', '.join([*(phrase for phrase, _ in demands), _NOT_NULL])}]"


def _has_parts(node: Node) -> bool:
    return item_of(node).kind in (Kind.STRUCTURE, Kind.LIST, Kind.MAP)


def _value(value: object) -> int:
    return value if isinstance(value, int) else 0


def _length(value: object) -> int:
    """Characters are code points, as the fast decoder counts them."""
    return len(value) if isinstance(value, str | bytes | list | dict) else 0


def _echo(value: object, node: Node) -> str:
    """`Value '...'`, or plain `Value` where the value must not be shown."""
    if node.secret or any(part.secret for part in (node.item, node.key) if part):
        return "Value"
    match value:
        case list() | dict() if _has_parts(node):
            return "Value"
        case list():
            shown = f"[{', '.join(map(_text, value))}]"
        case dict():
            shown = "{" + ", ".join(f"{key}={_text(each)}" for key, each in value.items()) + "}"
        case _:
            shown = str(value)
    return f"Value '{_cut(shown)}'"


def _text(value: object) -> str:
    return "null" if value is None else str(value)


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_ECHOED else text[:_MOST_ECHOED] + "..."
