"""`strongroom explain` and `strongroom who-can`, from what a person typed to what is answered.

Both read a data folder, whether or not a server runs on it, and change nothing.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from strongroom.audit.event import Event
from strongroom.errors import SetupError
from strongroom.keys.session import Session
from strongroom.keys.specs import SYMMETRIC_DEFAULT
from strongroom.main import past, reaching
from strongroom.main.actions import spelt
from strongroom.main.authority import Asked, Authority, follows
from strongroom.main.foundation import administered
from strongroom.main.requested import is_own
from strongroom.policy.decide import prepare
from strongroom.policy.explain import explain
from strongroom.policy.reach import open_keys
from strongroom.policy.told import Told, told
from strongroom.policy.variables import Context
from strongroom.services.kms.circumstances import SYMMETRIC_USES, of_alias, of_context
from strongroom.services.kms.grant_access import of_grants
from strongroom.services.principal import Principal
from strongroom.storage.folder import Folder
from strongroom.storage.seals import Opener


class Unclear(SetupError):
    """A question that cannot be asked."""


@contextmanager
def _authority(data: Path, opener: Opener) -> Iterator[Authority]:
    with administered(data, opener) as store, store.reading() as books:
        yield Authority(books, time.time())


def hypothetical(
    data: Path,
    opener: Opener,
    words: Sequence[str],
    region: str,
    given: Context,
) -> Told:
    """What would be decided now on a request: principal, action and perhaps a resource."""
    principal, action, resource = (*words, "*")[:3]
    with _authority(data, opener) as authority:
        who = authority.principal(principal)
        return _told(_asked(authority, who, action, resource, region, given))


def request(data: Path, opener: Opener, request_id: str) -> Told:
    """A past request: `record` is what the audit log says of it; `then` why it was denied, as it
    was kept; `now` what would be decided on it now; `changed` the documents that are others since;
    `since`, of one that was not denied, the changes that may have a say.
    """
    audit = Folder(data.absolute()).audit
    with _authority(data, opener) as authority:
        return _of_past(authority, audit, past.find(audit, request_id))


def _of_past(authority: Authority, audit: Path, found: Event) -> Told:
    answer: Told = {"record": _record(found)}
    then = past.explanation(found)
    asked = past.halves(found)
    if then is not None:
        answer["then"] = then
        asked = [past.Half(str(then["action"]), str(then["resource"]))]
    if not asked:
        return answer
    try:
        brought = past.session(audit, found)
        who = _who(authority, found, brought)
        now = [_again(authority, who, found, half, then) for half in asked]
    except SetupError as fault:
        answer["unknown"] = str(fault)
        return answer
    if brought is not None:
        answer["session"] = _session(brought)
    if brought is None and past.in_session(found):
        answer["supposed"] = "the session brought no policies and tags: how it began is not logged"
    elif brought is not None and brought.provider:
        answer["supposed"] = "the session's token brought no tags: they are not logged"
    answer["now"] = now
    if then is not None:
        answer["changed"] = _changed(then, now[0])
    else:
        changes = past.since(audit, found, past.accounts(found))
        answer["since"] = [_record(each) for each in changes]
    return answer


def _again(
    authority: Authority, who: Principal, found: Event, half: past.Half, then: Told | None
) -> Told:
    """What would be decided now on one question of a past request.

    Unclear if that hangs on something that the log does not tell of the request.
    """
    if half.action == "kms:RetireGrant":
        raise Unclear(
            "a grant is retired by its own leave, and the record does not tell which it was"
        )
    seen = {} if then is None else past.seen(then)
    given = {
        name: value
        for name, value in seen.items()
        if value is not None and not follows(name, half.resource)
    } | _context(found, half)
    asked = _asked(authority, who, half.action, half.resource, "", given)

    def told_of(name: str) -> bool:
        return (
            name in given
            or name in seen
            or past.tells(found, name)
            or not is_own(name)
            or asked.supposed.settled(name)
        )

    missing = open_keys(prepare(asked.question, asked.layers), told_of, asked.supposed)
    if missing:
        raise Unclear(f"it hangs on {', '.join(missing)}, which the record does not tell")
    return _told(asked)


def _context(found: Event, half: past.Half) -> dict[str, str | tuple[str, ...]]:
    return {
        **past.circumstances(found),
        **of_alias(past.key_asked_for(found, half.action)),
        **of_context(past.encryption_context(found, half.action)),
        **past.algorithm(found, half.action),
    }


def _who(authority: Authority, found: Event, brought: past.Brought | None) -> Principal:
    """Who made a past request, as that principal is now."""
    if brought is None:
        return authority.principal(past.principal(found))
    session = Session(
        kind=brought.kind,
        account=past.accounts(found)[0],
        of=brought.of,
        name=brought.name,
        secret="",
        issued=past.seconds(brought.made),
        expires=past.seconds(found),
        tags=dict(brought.tags),
        source_identity=brought.source_identity,
        provider=brought.provider,
    )
    return authority.of_session(session, brought.policy, brought.policy_arns)


def _session(brought: past.Brought) -> Told:
    told: Told = {**_record(brought.made), "tags": dict(brought.tags)}
    if brought.policy is not None:
        told["policy"] = brought.policy
    if brought.policy_arns:
        told["policyArns"] = list(brought.policy_arns)
    return told


def who_can(
    data: Path,
    opener: Opener,
    action: str,
    key: str,
    region: str,
    given: Context,
) -> Told:
    with _authority(data, opener) as authority:
        name = _kms_action(action)
        if name == "RetireGrant":
            raise Unclear(
                "each grant says for itself who may retire it; `aws kms list-grants` tells of them, and "
                "`strongroom explain PRINCIPAL kms:RetireGrant KEY` whether one lets somebody"
            )
        return reaching.who_can(authority, name, authority.key(key, region), given)


def context_of(conditions: Sequence[str], encryption: Sequence[str]) -> Context:
    """Condition keys as they were typed, `NAME=VALUE`; a name given twice has two values."""
    found: dict[str, str | tuple[str, ...]] = {}
    for text in conditions:
        name, value = _pair(text, "--context")
        before = found.get(name.lower())
        if before is None:
            found[name.lower()] = value
        else:
            found[name.lower()] = (*((before,) if isinstance(before, str) else before), value)
    pairs = dict(_pair(text, "--encryption-context") for text in encryption)
    return {**found, **of_context(pairs)}


def _pair(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise Unclear(f"`{text}` is no pair; write {option} NAME=VALUE")
    return name, value


def _asked(
    authority: Authority, who: Principal, action: str, resource: str, region: str, given: Context
) -> Asked:
    service, colon, name = action.partition(":")
    if not colon or not name or not service.isalnum() or "*" in name:
        raise Unclear(f"`{action}` is not an action; write one as kms:Decrypt")
    service, name = service.lower(), spelt(service, name)
    action = f"{service}:{name}"
    of_alias_itself = (
        action in _OF_ALIASES and resource.startswith("arn:") and ":alias/" in resource
    )
    if of_alias_itself:
        return authority.of_rest(who, action, resource, given)
    if action == "kms:RetireGrant" and resource != "*":
        return authority.of_retirement(who, authority.key(resource, region), given)
    given = _implied(name, resource) | dict(given)
    if service == "kms" and resource != "*":
        return authority.of_key(who, name, authority.key(resource, region), given)
    if action in _OF_ROLES:
        return authority.of_role(who, action, authority.role(resource), given)
    return authority.of_rest(who, action, resource, given)


_OF_ALIASES = frozenset({"kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"})
"""Actions on an alias, which only the account's policies are about, and on its key."""

_OF_ROLES = frozenset(
    {
        "sts:AssumeRole",
        "sts:AssumeRoleWithSAML",
        "sts:AssumeRoleWithWebIdentity",
        "sts:SetSourceIdentity",
        "sts:TagSession",
    }
)
"""Actions that a role's trust policy is about."""


def _kms_action(action: str) -> str:
    service, colon, name = action.rpartition(":")
    if (colon and service.lower() != "kms") or not name.isalnum():
        raise Unclear(f"`{action}` is not an action on keys; write one as kms:Decrypt")
    return spelt("kms", name)


def _implied(action: str, key: str) -> dict[str, str | tuple[str, ...]]:
    """What a request has because of its operation, and because of how it names its key."""
    found = dict(of_alias(key))
    if action in SYMMETRIC_USES:
        found["kms:encryptionalgorithm"] = SYMMETRIC_DEFAULT
    if action in ("CreateGrant", "ListGrants", "RevokeGrant"):
        found |= of_grants()
    return found


def _record(found: Event) -> Told:
    record: Told = {
        "requestID": found.requestID,
        "eventTime": found.eventTime,
        "eventSource": found.eventSource,
        "eventName": found.eventName,
        "principal": past.principal(found),
        "sourceIPAddress": found.sourceIPAddress,
    }
    if found.errorCode is not None:
        record |= {"errorCode": found.errorCode, "errorMessage": found.errorMessage or ""}
    return record


def _changed(then: Told, now: Told) -> list[str]:
    """The documents that decided then and are others now, or gone, by their names."""
    before, after = dict(_documents(then)), dict(_documents(now))
    return [name for name, digest in before.items() if after.get(name) != digest]


def _documents(told_: Told) -> Iterator[tuple[str, str]]:
    layers = told_.get("layers")
    for layer in layers if isinstance(layers, list) else ():
        for statement in layer.get("statements", ()):
            yield statement["policy"], statement["digest"]


def _told(asked: Asked) -> Told:
    return told(explain(asked.question, asked.layers, asked.supposed))
