"""From what has signed to the principal that it speaks for: long-term keys and sessions.

A principal is made once of what it is made of, and is the same object for as long as that stays
the same: the identity that the registry holds is a new object whenever anything about it changes.
When any organization changes, all are made anew.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import msgspec

from strongroom.arn import partition_of
from strongroom.errors import ExpiredToken, UnrecognizedClient
from strongroom.keys.credential import Credential
from strongroom.keys.session import PREFIX, Session, opened
from strongroom.policy.caller import Caller, Kind, Named, role_key
from strongroom.policy.compiled import Policy, Use, compile_policy
from strongroom.policy.entities import SERVICES_PATH
from strongroom.policy.identity import Document, Identity
from strongroom.policy.moments import iso8601
from strongroom.policy.organization import ALONE, Standing
from strongroom.services import principal
from strongroom.services.principal import Principal
from strongroom.storage.registry import Registry

_MOST_KEPT = 8_192


class Credentials:
    """Access keys by id, and sessions by their tokens.

    Throw-away servers know keys besides that everybody knows: `test`, and twelve digits.
    """

    def __init__(
        self,
        registry: Registry,
        session_key: bytes,
        now: Callable[[], float],
        known_to_all: Callable[[str], Credential | None] = lambda _: None,
    ) -> None:
        self._registry = registry
        self._session_key = session_key
        self._now = now
        self._known_to_all = known_to_all
        self._kept: OrderedDict[tuple[str, bytes], Credential] = OrderedDict()

    def __call__(self, key_id: str, token: bytes | None) -> Credential | None:
        """UnrecognizedClient and ExpiredToken for sessions that are none, or over."""
        if token is not None or key_id.startswith(PREFIX):
            return self._of_session(key_id, token or b"")
        return self._known_to_all(key_id) or self._registry.credential(key_id)

    def _of_session(self, key_id: str, token: bytes) -> Credential | None:
        credential = self._kept.get((key_id, token))
        if credential is None:
            session = opened(self._session_key, key_id, token)
            if session is None:
                return None
            credential = Credential(key_id, session.secret, session.account, session.of, session)
            self._kept[key_id, token] = credential
            if len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        if credential.session is not None and credential.session.expires <= self._now():
            raise ExpiredToken("The security token included in the request is expired")
        return credential


class _Kept(NamedTuple):
    credential: Credential
    identity: Identity | None
    made: Principal


class Principals:
    """The same object for the same principal, for as long as nothing about it changes."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._kept: OrderedDict[tuple[int, int | str], _Kept] = OrderedDict()
        self._organizations = registry.organizations

    def __call__(self, credential: Credential, region: str) -> Principal:
        """UnrecognizedClient if what signed speaks for nobody any more."""
        if self._registry.organizations != self._organizations:
            # INVARIANT: decisions are kept by principal, and rest on where accounts stand in
            # organizations, the caller's and the resource's.  New principals, new decisions.
            self._kept.clear()
            self._organizations = self._registry.organizations
        identity = None
        name: tuple[int, int | str]
        if credential.user:
            identity = self._registry.identity(credential.account, credential.user)
            if identity is None:
                raise UnrecognizedClient
            name = id(credential), id(identity)
        else:
            name = id(credential), region  # which says the partition
        kept = self._kept.get(name)
        if kept is None:
            standing = self._registry.standing(credential.account)
            # An entry holds what its name is made of, so no other object can come by that name.
            made = (
                _root(credential, region) if identity is None else of_identity(credential, identity)
            )
            made = within(made, standing)
            kept = self._kept[name] = _Kept(credential, identity, made)
            if len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return kept.made


def _root(credential: Credential, region: str) -> Principal:
    made = principal.root(partition_of(region), credential.account, credential.key_id)
    if credential.session is None:
        return made
    context = {**made.context, **_of_session(credential.session)}
    return replace(made, context=context, session=credential.session)


def of_identity(credential: Credential, identity: Identity) -> Principal:
    """The principal that a user's or a role's credential speaks for."""
    session = credential.session
    caller = _caller(identity, session)
    return Principal(
        caller,
        identity=tuple(_compiled(each, Use.IDENTITY) for each in identity.policies),
        boundaries=None
        if identity.boundary is None
        else (_compiled(identity.boundary, Use.BOUNDARY),),
        session_policies=None if session is None else _session_policies(session),
        context=_context(caller, identity, session),
        session=session,
        user_id=_user_id(identity, session),
        identity_json=_recorded(caller, identity, credential),
    )


def within(made: Principal, standing: Standing) -> Principal:
    """A principal with what its account's organization says of it."""
    if standing is ALONE:
        return made
    context = {**made.context, **standing.of_principal()}
    return replace(made, context=context, scps=standing.scps)


def _caller(identity: Identity, session: Session | None) -> Caller:
    own = {identity.arn: Named.LIMITED, identity.unique_id: Named.LIMITED}
    start, _, _ = identity.arn.partition(":iam:")
    if session is not None and session.kind == "role":
        arn = f"{start}:sts::{identity.account}:assumed-role/{identity.name}/{session.name}"
        return Caller(
            Kind.SESSION,
            identity.account,
            arn,
            own | {arn: Named.ALONE},
            role_key(identity.arn),
            service_linked=identity.path.startswith(SERVICES_PATH),
        )
    if session is not None and session.kind == "federated":
        arn = f"{start}:sts::{identity.account}:federated-user/{session.name}"
        return Caller(Kind.FEDERATED, identity.account, arn, own | {arn: Named.ALONE})
    return Caller.user(identity.arn, identity.account, identity.unique_id)


def _session_policies(session: Session) -> tuple[Policy, ...] | None:
    if session.policies is None:
        return None
    return tuple(
        compile_policy(text, Use.SESSION, f"session policy {at}")
        for at, text in enumerate(session.policies, 1)
    )


def _user_id(identity: Identity, session: Session | None) -> str:
    if session is None or session.kind == "user":
        return identity.unique_id
    owner = identity.account if session.kind == "federated" else identity.unique_id
    return f"{owner}:{session.name}"


def _context(
    caller: Caller, identity: Identity, session: Session | None
) -> dict[str, str | tuple[str, ...]]:
    """What of the context follows from who calls."""
    arn = caller.arn if caller.kind is Kind.FEDERATED else identity.arn
    context: dict[str, str | tuple[str, ...]] = {
        "aws:principalarn": arn,
        "aws:principalaccount": identity.account,
        "aws:principaltype": caller.kind.value,
        "aws:userid": _user_id(identity, session),
        "aws:principalisawsservice": "false",
    }
    if caller.kind is Kind.USER:
        context["aws:username"] = identity.name
    tags = dict(_lower(identity.tags.items()))
    if session is not None:
        context |= _of_session(session)
        tags |= _lower(session.tags.items())
    return context | {f"aws:principaltag/{name}": value for name, value in tags.items()}


def _of_session(session: Session) -> dict[str, str | tuple[str, ...]]:
    found: dict[str, str | tuple[str, ...]] = {
        "aws:tokenissuetime": iso8601(session.issued),
        "aws:multifactorauthpresent": "false",
    }
    if session.source_identity:
        found["aws:sourceidentity"] = session.source_identity
    if session.provider:
        found["aws:federatedprovider"] = session.provider
    return found


def _lower(tags: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name.lower(): value for name, value in tags}


@lru_cache(maxsize=4_096)
def _compiled(document: Document, use: Use) -> Policy:
    return compile_policy(document.text, use, document.name)


def _recorded(caller: Caller, identity: Identity, credential: Credential) -> bytes:
    """`userIdentity` of the audit log.  Source: CloudTrail User Guide, "userIdentity element"."""
    session = credential.session
    kinds = {Kind.USER: "IAMUser", Kind.SESSION: "AssumedRole", Kind.FEDERATED: "FederatedUser"}
    recorded: dict[str, object] = {
        "type": kinds[caller.kind],
        "principalId": _user_id(identity, session),
        "arn": caller.arn,
        "accountId": identity.account,
        "accessKeyId": credential.key_id,
    }
    if caller.kind is Kind.USER:
        recorded["userName"] = identity.name
    if session is not None:
        about: dict[str, object] = {}
        if session.provider:
            about["webIdFederationData"] = {
                "federatedProvider": session.provider,
                "attributes": {},
            }
        about |= {
            "attributes": {
                "creationDate": iso8601(session.issued),
                "mfaAuthenticated": "false",
            }
        }
        if caller.kind is not Kind.USER:
            about = {
                "sessionIssuer": {
                    "type": "Role" if session.kind == "role" else "IAMUser",
                    "principalId": identity.unique_id,
                    "arn": identity.arn,
                    "accountId": identity.account,
                    "userName": identity.name,
                }
            } | about
        if session.source_identity:
            about["sourceIdentity"] = session.source_identity
        recorded["sessionContext"] = about
    return msgspec.json.encode(recorded)
