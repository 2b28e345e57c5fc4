"""The condition keys of a request: which there are, and where each value comes from.

They are looked up when a policy asks for them, and not before.  Here is what every request has;
what a service or an operation has besides is given by it (`besides`), and a service whose
resources have keys of their own extends this.  A key that is nowhere is absent.

Source: IAM User Guide, "AWS global condition context keys".
"""

from collections.abc import Callable, ItemsView, Iterator, Mapping

from strongroom.policy.moments import iso8601
from strongroom.policy.variables import Ambiguous
from strongroom.services.call import Call

Value = str | tuple[str, ...]
Besides = Callable[[], Mapping[str, Value]]
"""What an operation has besides; called only when a policy asks."""


def nothing() -> Mapping[str, Value]:
    return {}


def flag(value: bool) -> str:
    return "true" if value else "false"


class Circumstances(Mapping[str, Value]):
    """Condition keys, in lower case, to values, as `policy` asks for them."""

    __slots__ = ("_besides", "_given", "call")

    def __init__(self, call: Call, besides: Besides = nothing) -> None:
        self.call = call
        self._besides = besides
        self._given: Mapping[str, Value] | None = None

    def get(self, name: str, default: object = None) -> object:  # type: ignore[override]
        call = self.call
        value = call.who.context.get(name)
        if value is None:
            given = self._given
            if given is None:
                given = self._given = self._besides()
            value = given.get(name)
        if value is None and (find := _OF_CALLS.get(name)) is not None:
            value = find(call)
        if value is None:
            value = self.of_resource(name)
        return default if value is None else value

    def of_resource(self, _name: str) -> Value | None:
        """What the resource says; to be said by the service that has it."""
        return None

    def _own(self) -> Mapping[str, Value]:
        if self._given is None:
            self._given = self._besides()
        return self._given

    # As a mapping it has what the operation gives, which is where grants look for the encryption
    # context, and whatever else is asked for by name.

    def __getitem__(self, name: str) -> Value:
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value  # type: ignore[return-value]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self._own())

    def items(self) -> ItemsView[str, Value]:
        return self._own().items()

    def __len__(self) -> int:
        return len(self._own())


class OfOwn(Circumstances):
    """Those of a request about what is the caller's account's own, or about nothing that has an
    account: AWS says then that the resource's account is the caller's.
    """

    __slots__ = ()

    def of_resource(self, name: str) -> Value | None:
        return of_own(self.call, name)


def about(call: Call, account: str, besides: Besides = nothing) -> Circumstances:
    """Those of a request about something of an account's, of which no more is known."""
    return OfOwn(call, besides) if account == call.account else Circumstances(call, besides)


def of_own(call: Call, name: str) -> Value | None:
    """What a resource of the caller's account has because of that account."""
    if name == "aws:resourceaccount":
        return call.account or None
    if name in _OF_ORGANIZATION:
        return call.who.context.get(_OF_ORGANIZATION[name])
    return None


_OF_ORGANIZATION = {
    "aws:resourceorgid": "aws:principalorgid",
    "aws:resourceorgpaths": "aws:principalorgpaths",
}


def _header(name: bytes) -> Callable[[Call], str | None]:
    def find(call: Call) -> str | None:
        value = call.headers.get(name)
        return None if value is None else value.decode("latin-1")

    return find


_OF_CALLS: dict[str, Callable[[Call], str | None]] = {
    "aws:currenttime": lambda call: iso8601(call.now),
    "aws:epochtime": lambda call: str(int(call.now)),
    "aws:referer": _header(b"referer"),
    "aws:requestedregion": lambda call: call.region,
    "aws:securetransport": lambda call: flag(call.secure),
    "aws:sourceip": lambda call: call.source_ip,
    "aws:useragent": _header(b"user-agent"),
    "aws:viaawsservice": lambda _call: "false",
}


def of_request_tags(tags: Mapping[str, str]) -> dict[str, Value]:
    """aws:RequestTag/... and aws:TagKeys."""
    if not tags:
        return {}
    return by_name("aws:requesttag/", tags) | {"aws:tagkeys": tuple(tags)}


def by_name(prefix: str, named: Mapping[str, str]) -> dict[str, Value]:
    """A condition key of each name.  Policies do not tell names apart by case: those that differ by
    nothing else are one key, which says two things.
    """
    found: dict[str, Value] = {}
    for name, value in named.items():
        key = prefix + name.lower()
        before = found.get(key)
        if before is None:
            found[key] = value
        else:
            found[key] = Ambiguous((*((before,) if isinstance(before, str) else before), value))
    return found
