"""The condition keys of one request for a key: which there are, and where each value comes from.

They are looked up when a policy asks for them, and not before.  The table says, per key, what
every operation on a key has; what an operation has besides is given by its handler (`of_use`,
`of_context`).  A key that is in neither is absent.

Source: KMS Developer Guide, "AWS KMS condition keys"; IAM User Guide, "AWS global condition context
keys".
"""

from collections.abc import Callable, Iterator, Mapping

from strongroom.keys.key import Key
from strongroom.policy.moments import iso8601
from strongroom.policy.variables import Ambiguous
from strongroom.services.call import Call
from strongroom.services.kms.world import Kms, KmsBooks

Value = str | tuple[str, ...]
Besides = Callable[[], Mapping[str, Value]]
"""What an operation has besides; called only when a policy asks."""

_TAG = "aws:resourcetag/"


def nothing() -> Mapping[str, Value]:
    return {}


class Circumstances(Mapping[str, Value]):
    """Condition keys, in lower case, to values, as `policy` asks for them."""

    __slots__ = ("_besides", "_call", "_given", "_key", "_kms")

    def __init__(self, kms: Kms | KmsBooks, call: Call, key: Key | None, besides: Besides) -> None:
        self._kms = kms
        self._call = call
        self._key = key
        self._besides = besides
        self._given: Mapping[str, Value] | None = None

    def get(self, name: str, default: object = None) -> object:  # type: ignore[override]
        call = self._call
        value = call.who.context.get(name)
        if value is None:
            value = self._own().get(name)
        if value is None and (find := _OF_CALLS.get(name)) is not None:
            value = find(call)
        if value is None and self._key is not None:
            if (look := _OF_KEYS.get(name)) is not None:
                value = look(self._key)
            elif name == "kms:resourcealiases":
                value = self._kms.books.about(self._key).aliases
            elif name.startswith(_TAG):
                tags = self._kms.books.about(self._key).tags
                value = next((tags[tag] for tag in tags if tag.lower() == name[len(_TAG) :]), None)
        return default if value is None else value

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

    def __len__(self) -> int:
        return len(self._own())


def _flag(value: bool) -> str:
    return "true" if value else "false"


_OF_CALLS: dict[str, Callable[[Call], str]] = {
    "aws:currenttime": lambda call: iso8601(call.now),
    "aws:epochtime": lambda call: str(int(call.now)),
    "aws:requestedregion": lambda call: call.region,
    "aws:securetransport": lambda call: _flag(call.secure),
    "aws:sourceip": lambda call: call.source_ip,
    "aws:useragent": lambda call: call.user_agent.decode("latin-1"),
    "aws:viaawsservice": lambda _call: "false",
    "kms:calleraccount": lambda call: call.account,
}
_OF_KEYS: dict[str, Callable[[Key], str | None]] = {
    "aws:resourceaccount": lambda key: key.account,
    "kms:customermasterkeyspec": lambda key: key.spec,
    "kms:customermasterkeyusage": lambda key: key.usage.value,
    "kms:keyorigin": lambda key: key.origin.value,
    "kms:keyspec": lambda key: key.spec,
    "kms:keyusage": lambda key: key.usage.value,
    "kms:multiregion": lambda key: _flag(key.multi_region),
    "kms:multiregionkeytype": lambda key: "PRIMARY" if key.multi_region else None,
}


def of_context(pairs: Mapping[str, str] | None) -> dict[str, Value]:
    """What an encryption context is to policies; nothing, if it is empty."""
    if not pairs:
        return {}
    found: dict[str, Value] = {"kms:encryptioncontextkeys": tuple(pairs)}
    for key, value in pairs.items():
        name = f"kms:encryptioncontext:{key.lower()}"
        before = found.get(name)
        if before is None:
            found[name] = value
        else:  # two keys that differ by case alone, and policies tell them apart no more
            found[name] = Ambiguous((*((before,) if isinstance(before, str) else before), value))
    return found


def of_alias(key_id: str | None) -> dict[str, Value]:
    """kms:RequestAlias: the name of the alias by which the key was asked for, if it was."""
    if key_id is None or "alias/" not in key_id:
        return {}
    return {"kms:requestalias": key_id[key_id.index("alias/") :]}


def of_bypass(asked: bool | None) -> dict[str, Value]:
    """kms:BypassPolicyLockoutSafetyCheck: absent, unless the request has it."""
    return {} if asked is None else {"kms:bypasspolicylockoutsafetycheck": _flag(asked)}


def of_request_tags(tags: Mapping[str, str]) -> dict[str, Value]:
    """aws:RequestTag/... and aws:TagKeys."""
    if not tags:
        return {}
    found: dict[str, Value] = {f"aws:requesttag/{name.lower()}": tags[name] for name in tags}
    return found | {"aws:tagkeys": tuple(tags)}
