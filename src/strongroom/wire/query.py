"""The query protocol of IAM and STS: forms to requests.  Its answers are `markup`.

    Action=TagRole&Version=2010-05-08&RoleName=r&Tags.member.1.Key=a&Tags.member.1.Value=b

Names are paths.  Lists count their items under `member`, maps their entries under `entry` with
`key` and `value` in each; a flattened one leaves that word out.  `Tags=` is the empty list.

Rules:
* Form text is UTF-8, percent-encoded; a name comes once.  Anything else is malformed.
* The numbers of a list order it; gaps close up.  They are decimal and begin at 1.
* Parameters that the model does not have are ignored.  Those that it has, said in a way that is not
  read (`PolicyArns.1.arn`, `PolicyArns.member.0.arn`), are malformed: a list that is shorter than
  it was meant may be a session that is wider.
* A parameter of the wrong type is malformed; one beyond its limits is told as everywhere
  (`validation`).  Which codes AWS gives those in this protocol is `faults`.
* At most 5,000 parameters, 16 steps in a path.

INVARIANT: nothing but Faults comes out, whatever the bytes.

Source: AWS Query protocol, "Serialization"; Smithy 2.0, "awsQuery".
"""

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, NoReturn, TypeVar
from urllib.parse import parse_qsl

import msgspec

from strongroom.errors import Fault, Serialization, UnknownOperation
from strongroom.wire import validation
from strongroom.wire.model import Kind, Node, item_of, members, struct_of
from strongroom.wire.moments import from_iso8601
from strongroom.wire.shape import Shape

S = TypeVar("S", bound=Shape)

_MOST_PARAMETERS = 5_000
_MOST_STEPS = 16
_MOST_ECHOED = 128  # characters of an action or a version in a message
_HALF_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")
_WHOLE = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_POSITION = re.compile(r"[1-9]\d{0,8}", re.ASCII)
_TRUTHS = {"true": True, "false": False}


class MissingAction(Fault):
    code = "MissingAction"


class Form(NamedTuple):
    action: str
    version: str
    parameters: dict[str, str]


def parse(body: bytes) -> Form:
    """A form's action, version and other parameters.  Raises Serialization, MissingAction."""
    try:
        encoded = body.decode("utf-8")
        pairs = parse_qsl(
            encoded,
            keep_blank_values=True,
            strict_parsing=bool(encoded),
            errors="strict",
            max_num_fields=_MOST_PARAMETERS,
        )
    except ValueError:
        raise Serialization("the form of the request is malformed") from None
    parameters = dict(pairs)
    if len(parameters) < len(pairs) or _HALF_ESCAPE.search(encoded):
        raise Serialization("the form of the request is malformed")
    action = parameters.pop("Action", "")
    if not action:
        raise MissingAction("The request must contain the parameter Action")
    return Form(action, parameters.pop("Version", ""), parameters)


def unknown(form: Form) -> UnknownOperation:
    """What to raise when no service has the form's action."""
    version = form.version or "NO_VERSION_SPECIFIED"
    return UnknownOperation(
        f"Could not find operation {form.action[:_MOST_ECHOED]} "
        f"for version {version[:_MOST_ECHOED]}"
    )


def decoder(struct: type[S]) -> Callable[[dict[str, str]], S]:
    """A function from a form's parameters to a `struct`; raises Serialization or Validation."""

    def decode(parameters: dict[str, str]) -> S:
        document = _structure(_Branch.of(parameters), struct, "")
        try:
            return msgspec.convert(document, struct, builtin_types=(bytes,))
        except msgspec.ValidationError:
            raise validation.refusal(document, struct, blobs=bytes) from None

    return decode


@dataclass(slots=True)
class _Branch:
    """The parameters under one prefix."""

    value: str | None = None
    branches: dict[str, "_Branch"] = field(default_factory=dict)

    @classmethod
    def of(cls, parameters: dict[str, str]) -> "_Branch":
        root = cls()
        for name, value in parameters.items():
            at = root
            steps = name.split(".", _MOST_STEPS)
            if len(steps) > _MOST_STEPS:
                raise Serialization("a parameter of the request is nested too deep")
            for step in steps:
                at = at.branches.setdefault(step, cls())
            at.value = value
        return root

    def numbered(self, path: str, under: str) -> Iterator["_Branch"]:
        """The branches whose names are positions, in their order: its own, or those of `under`.

        Raises Serialization if there is anything else.
        """
        items = self.branches.get(under, _Branch()) if under else self
        stray = under and (self.value or self.branches.keys() - {under})
        if stray or items.value or not all(map(_POSITION.fullmatch, items.branches)):
            raise Serialization(f"the items of `{path}` are not numbered as they have to be")
        return (items.branches[name] for name in sorted(items.branches, key=int))


def _structure(branch: _Branch, struct: type[Shape], path: str) -> dict[str, object]:
    found = {}
    for member in members(struct):
        if (under := branch.branches.get(member.name)) is not None:
            within = f"{path}.{member.name}" if path else member.name
            found[member.name] = _item(under, member.node, within)
    return found


def _item(branch: _Branch, node: Node, path: str) -> object:
    match node.kind:
        case Kind.STRUCTURE:
            return _structure(branch, struct_of(node), path)
        case Kind.LIST:
            items = branch.numbered(path, "" if node.flattened else "member")
            return [_item(each, item_of(node), path) for each in items]
        case Kind.MAP:
            return _map(branch.numbered(path, "" if node.flattened else "entry"), node, path)
    if branch.branches:
        _malformed(path)
    return None if branch.value is None else _scalar(branch.value, node, path)


def _map(entries: Iterator[_Branch], node: Node, path: str) -> dict[str, object]:
    found: dict[str, object] = {}
    for entry in entries:
        key = entry.branches.get("key", _Branch()).value
        value = entry.branches.get("value")
        if key is None or key in found or value is None:
            raise Serialization(f"the entries of `{path}` are not a map")
        found[key] = _item(value, item_of(node), path)
    return found


def _scalar(value: str, node: Node, path: str) -> object:
    """A parameter's text as the type of its member; what is refused is not echoed."""
    try:
        match node.kind:
            case Kind.INTEGER | Kind.LONG:
                return int(value) if _WHOLE.fullmatch(value) else _malformed(path)
            case Kind.BOOLEAN:
                return _TRUTHS[value.lower()]
            case Kind.FLOAT:
                return float(value) if math.isfinite(float(value)) else _malformed(path)
            case Kind.TIMESTAMP:
                return from_iso8601(value)
            case Kind.BLOB:
                return msgspec.convert(value, bytes)
    except (ValueError, KeyError):
        _malformed(path)
    return value


def _malformed(path: str) -> NoReturn:
    raise Serialization(f"the value of `{path}` is not of its type") from None
