"""May the caller do this to that key?

Every handler that acts on a key passes `require`, which is also where the audit record learns
which keys a call was about; one that acts on none passes `require_account`.  What decides is
`policy`; here stand the layers that have a say, and the refusals.

A key's policy must allow, or leave it to the account; what comes from a key that does not exist
and from one that is not shared is the same, so that nobody learns which keys there are.

Source: KMS Developer Guide, "Key policies", "Allowing users in other accounts to use a KMS key".
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from itertools import islice
from typing import NamedTuple, NoReturn, TypeVar

from strongroom.arn import partition_of, root_user
from strongroom.errors import AccessDenied
from strongroom.keys.grant import Grant
from strongroom.keys.key import Key, Profile
from strongroom.keys.specs import Manager
from strongroom.policy import grants as policy_grants
from strongroom.policy.compiled import Policy, Use, compile_policy
from strongroom.policy.decide import Decision, Prepared, decide, prepare
from strongroom.policy.layers import Layer, Layers, Question, Verdict
from strongroom.policy.organization import ALONE, Standing
from strongroom.policy.words import denial
from strongroom.services.call import Call
from strongroom.services.circumstances import Besides, nothing
from strongroom.services.kms.circumstances import OfKey, known
from strongroom.services.kms.weighing import weighed
from strongroom.services.kms.world import Kms, KmsBooks, Reading
from strongroom.services.principal import Principal

OF_CIPHERTEXT = "the resource associated with this ciphertext"
_MOST_KEPT = 8_192  # decisions
_MOST_EXPLAINED = 64  # grants of a denial
Name = TypeVar("Name")
Entry = TypeVar("Entry")
_BESIDE_GRANTS = (Layer.RESOURCE, Layer.IDENTITY, Layer.BOUNDARY, Layer.SESSION)
"""Layers whose silence a grant makes up for."""


class _Kept(NamedTuple):
    who: Principal
    of: Key | Profile
    prepared: Prepared


class Granted(NamedTuple):
    """The same question with the grants that mean the caller, and those by id."""

    prepared: Prepared
    grants: Mapping[str, Grant]


class _KeptGranted(NamedTuple):
    who: Principal
    key: Key
    granted: Granted


class Decisions:
    """What was prepared for a caller, a key and an action.

    A principal and a key are immutable and replaced when anything about them changes, a grant of
    the key's included, so an entry is right for as long as it is found: it holds both, and their
    identities are its name.  So it is with the organization of the key's account, for principals are
    replaced with that too.  What lives for one transaction wants one of its own.

    Where no policy tells keys of one profile apart, one entry is for all of them.
    """

    def __init__(self, standing: Callable[[str], Standing]) -> None:
        """`standing` gives that of an account."""
        self._standing = standing
        self._kept: dict[tuple[int, int, str], _Kept] = {}
        self._granted: dict[tuple[int, int, str], _KeptGranted] = {}

    def of(self, who: Principal, key: Key, action: str) -> Prepared:
        of: Key | Profile = key.profile
        kept = self._kept.get((id(who), id(of), action))
        if kept is not None and kept.prepared.narrow:
            of = key
            kept = self._kept.get((id(who), id(of), action))
        if kept is None:
            kept = _Kept(who, of, self._prepared(who, key, action))
            _keep(self._kept, (id(who), id(of), action), kept)
        return kept.prepared

    def granted(
        self, who: Principal, key: Key, action: str, grants: Callable[[], Sequence[Grant]]
    ) -> Granted:
        """`grants` gives those of the key that mean the caller."""
        name = id(who), id(key), action
        kept = self._granted.get(name)
        if kept is not None:
            return kept.granted
        granted = self.granted_by(who, key, action, grants())
        _keep(self._granted, name, _KeptGranted(who, key, granted))
        return granted

    def granted_by(self, who: Principal, key: Key, action: str, grants: Sequence[Grant]) -> Granted:
        """The same where these grants alone count; it is not kept."""
        prepared = self._prepared(who, key, action, grants)
        return Granted(prepared, {grant.id: grant for grant in grants})

    def _prepared(
        self, who: Principal, key: Key, action: str, grants: Sequence[Grant] = ()
    ) -> Prepared:
        standing = self._standing(key.account)
        return prepare(
            *asked(who, action, key, standing, grants), known(who, key.profile, action, standing)
        )


def _keep(kept: dict[Name, Entry], name: Name, entry: Entry) -> None:
    """When there are too many, it begins anew."""
    if len(kept) >= _MOST_KEPT:
        kept.clear()
    kept[name] = entry


def require(
    kms: Kms | KmsBooks,
    call: Call,
    action: str,
    key: Key,
    besides: Besides = nothing,
    *,
    on: str = "",
    by: Callable[[Grant], bool] | None = None,
) -> Grant | None:
    """AccessDenied unless the caller may do `action` (`Encrypt`, `ReEncryptFrom`, ...).

    The grant that lets the caller, where no policy does.  `besides` gives the condition keys that
    the operation has of its own; `on` names the key in a refusal where it was not the caller who
    named it; `by` tells the grants that count, if not all do.
    """
    call.resources.append(key.arn)
    prepared = kms.decisions.of(call.who, key, action)
    decision = prepared.settled or prepared.decide(OfKey(kms, call, key, besides))
    if decision.allows:
        return None
    grants: Mapping[str, Grant] = {}
    if decision.layer in _BESIDE_GRANTS and not decision.note and not decision.denies:
        find = partial(grants_to, kms.books, call.who, key)
        if by is None:
            prepared, grants = kms.decisions.granted(call.who, key, action, find)
        else:
            counting = [grant for grant in find() if by(grant)]
            prepared, grants = kms.decisions.granted_by(call.who, key, action, counting)
        decision = prepared.settled or prepared.decide(OfKey(kms, call, key, besides))
    if decision.grant is None:
        near = tuple(islice(grants.values(), _MOST_EXPLAINED))  # none of them lets the caller
        standing = kms.books.standing(key.account)
        question, layers = asked(call.who, action, key, standing, near)
        refuse(call, question, call.decide(question, layers, OfKey(kms, call, key, besides)), on)
    return grants[decision.grant.id]


def grants_to(books: Reading, who: Principal, key: Key) -> tuple[Grant, ...]:
    """The grants of a key that mean the caller, or its account; or the service that it is."""
    caller = who.caller
    whole = root_user(partition_of(key.region), caller.account) if caller.account else caller.arn
    return books.grants(key.account, key.region, key.id, (*caller.names, whole))


def require_account(
    kms: Kms | KmsBooks,
    call: Call,
    action: str,
    besides: Besides = nothing,
    *,
    resource: str = "*",
) -> None:
    """AccessDenied unless the caller's own policies allow what is about no key: `CreateKey`."""
    question = _question(call.who, action, resource, call.account)
    decision = call.decide(question, _layers(call.who, None), OfKey(kms, call, None, besides))
    if not decision.allows:
        refuse(call, question, decision)


def allows(
    kms: Kms | KmsBooks, call: Call, action: str, key: Key, besides: Besides = nothing
) -> bool:
    """The same as an answer, of a key as it would be: for the lockout check."""
    question, layers = asked(call.who, action, key, kms.books.standing(key.account))
    return decide(question, layers, OfKey(kms, call, key, besides)).allows


def refuse_absent(call: Call, action: str, arn: str, account: str) -> NoReturn:
    """For what does not exist in another account: refused as if it did and were not shared."""
    question = _question(call.who, action, arn, account)
    refuse(call, question, call.decide(question, _layers(call.who, None), {}))


def behind_ciphertext(call: Call, action: str) -> AccessDenied:
    """One refusal for a ciphertext whose key does not exist and one whose key is not shared."""
    question = _question(call.who, action, "*", "")
    return AccessDenied(
        denial(
            question,
            Verdict.IMPLICIT_DENY,
            Layer.RESOURCE,
            caller=call.principal,
            on=OF_CIPHERTEXT,
        )
    )


def refuse(call: Call, question: Question, decision: Decision, on: str = "") -> NoReturn:
    """AccessDenied in AWS's words for the layer that decided."""
    raise AccessDenied(
        denial(question, decision.verdict, decision.layer, caller=call.principal, on=on)
    )


def asked(
    who: Principal, action: str, key: Key, standing: Standing, grants: Sequence[Grant] = ()
) -> tuple[Question, Layers]:
    """Whether `who` may do `action` to a key, with everything that has a say, `standing` being that
    of the key's account.
    """
    layers = _layers(who, key.profile, standing, [weighed(grant) for grant in grants])
    return _question(who, action, key.arn, key.account), layers


def _question(who: Principal, action: str, resource: str, account: str) -> Question:
    return Question(who.caller, f"kms:{action}", resource, account)


def _layers(
    who: Principal,
    key: Profile | None,
    standing: Standing = ALONE,
    grants: Sequence[policy_grants.Grant] = (),
) -> Layers:
    """`standing` is that of the key's account."""
    policy = None if key is None else key_policy(key.policy, key.principals)
    return who.layers(
        policy,
        grants,
        rcps=standing.rcps,
        of_aws_managed_key=key is not None and key.manager is Manager.AWS,
    )


@lru_cache(maxsize=4_096)
def key_policy(document: str, principals: tuple[tuple[str, str], ...]) -> Policy:
    """A key's policy, compiled once."""
    return compile_policy(document, Use.KEY, "key policy", dict(principals))
