"""The condition keys of a request for a key, beside those of every request.

Source: KMS Developer Guide, "AWS KMS condition keys".
"""

from collections.abc import Callable, Mapping

from strongroom.keys.key import Key, Profile
from strongroom.keys.specs import SYMMETRIC_DEFAULT
from strongroom.policy.organization import Standing
from strongroom.policy.variables import Context
from strongroom.services.call import Call
from strongroom.services.circumstances import (
    Besides,
    Circumstances,
    Value,
    by_name,
    flag,
    of_own,
    of_request_tags,
)
from strongroom.services.kms.world import Kms, KmsBooks
from strongroom.services.principal import Principal

SYMMETRIC_USES = frozenset(
    "Decrypt Encrypt GenerateDataKey GenerateDataKeyPair GenerateDataKeyPairWithoutPlaintext "
    "GenerateDataKeyWithoutPlaintext ReEncryptFrom ReEncryptTo".split()
)
"""Actions that use an encryption algorithm; a symmetric key has but one."""

_TAG = "aws:resourcetag/"
_ORGANIZATION = "aws:resourceorg"  # ID, Paths


class OfKey(Circumstances):
    """What a policy may ask of a request for a key."""

    __slots__ = ("_key", "_kms")

    def __init__(self, kms: Kms | KmsBooks, call: Call, key: Key | None, besides: Besides) -> None:
        # As `Circumstances` has it, without the call: one is made for every request.
        self.call = call
        self._besides = besides
        self._given = None
        self._kms = kms
        self._key = key

    def of_resource(self, name: str) -> Value | None:
        key = self._key
        if name == "kms:calleraccount":
            return self.call.account
        if key is None:
            return of_own(self.call, name)
        if (look := _OF_KEYS.get(name)) is not None:
            return look(key.profile)
        if name.startswith(_ORGANIZATION):
            return self._kms.books.standing(key.account).of_resource().get(name)
        if name == "kms:resourcealiases":
            return self._kms.books.about(key).aliases
        if name.startswith(_TAG):
            tags = self._kms.books.about(key).tags
            same = {tag: tags[tag] for tag in tags if tag.lower() == name[len(_TAG) :]}
            return by_name(_TAG, same).get(name)
        return None


def known(who: Principal, profile: Profile, action: str, standing: Standing) -> Context:
    """What is the same for all requests of a caller to do something with a key of this profile, as long
    as neither the caller changes, nor the standing of the key's account.
    """
    of_key = {
        name: value for name, look in _OF_KEYS.items() if (value := look(profile)) is not None
    }
    of_call = {"kms:calleraccount": who.caller.account, "aws:requestedregion": profile.region}
    if profile.spec == SYMMETRIC_DEFAULT and action in SYMMETRIC_USES:
        of_call["kms:encryptionalgorithm"] = SYMMETRIC_DEFAULT
    return {**of_key, **of_call, **standing.of_resource(), **who.context}


_OF_KEYS: dict[str, Callable[[Profile], str | None]] = {
    "aws:resourceaccount": lambda key: key.account,
    "kms:customermasterkeyspec": lambda key: key.spec,
    "kms:customermasterkeyusage": lambda key: key.usage.value,
    "kms:keyorigin": lambda key: key.origin.value,
    "kms:keyspec": lambda key: key.spec,
    "kms:keyusage": lambda key: key.usage.value,
    "kms:multiregion": lambda key: flag(key.multi_region_type is not None),
    "kms:multiregionkeytype": lambda key: key.multi_region_type,
}


def of_new_key(
    spec: str, usage: str, origin: str, multi_region_type: str | None, tags: Mapping[str, str]
) -> dict[str, Value]:
    """Of a key as it will be; `multi_region_type` is PRIMARY, REPLICA, or None of any other key.

    Its tags are the request's, and its own already.
    """
    found: dict[str, Value] = {
        "kms:customermasterkeyspec": spec,
        "kms:customermasterkeyusage": usage,
        "kms:keyorigin": origin,
        "kms:keyspec": spec,
        "kms:keyusage": usage,
        "kms:multiregion": flag(multi_region_type is not None),
    }
    if multi_region_type is not None:
        found["kms:multiregionkeytype"] = multi_region_type
    return found | of_request_tags(tags) | by_name(_TAG, tags)


def of_context(pairs: Mapping[str, str] | None) -> dict[str, Value]:
    """What an encryption context is to policies; nothing, if it is empty."""
    if not pairs:
        return {}
    return by_name("kms:encryptioncontext:", pairs) | {"kms:encryptioncontextkeys": tuple(pairs)}


def of_alias(key_id: str | None) -> dict[str, Value]:
    """kms:RequestAlias: the name of the alias by which the key was asked for, if it was."""
    if key_id is None or "alias/" not in key_id:
        return {}
    return {"kms:requestalias": key_id[key_id.index("alias/") :]}


def of_bypass(asked: bool | None) -> dict[str, Value]:
    """kms:BypassPolicyLockoutSafetyCheck: absent, unless the request has it."""
    return {} if asked is None else {"kms:bypasspolicylockoutsafetycheck": flag(asked)}
