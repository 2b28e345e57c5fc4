"""A past request, found in the audit log by its request id, and what it was about.

A denial's record has its explanation as it was (`Call.decide`).  Of any other request the record
has who asked for what, in which circumstances, and the question can be asked again, of the
policies as they are now: the log tells too what has been changed since (`since`).  What a session
brought is in the record of how it was made (`session`).
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

from strongroom.audit import event
from strongroom.audit.event import Event
from strongroom.errors import SetupError
from strongroom.main import requested
from strongroom.policy.told import Told, cut
from strongroom.services.circumstances import Value, flag
from strongroom.services.kms import recipients

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_MOST_OF_A_LINE = 4 << 20  # bytes; a record is at most a few hundred KB
_HALVES = {"ReEncrypt": ("ReEncryptFrom", "ReEncryptTo")}
"""Operations that are weighed as two actions, on the first and the last key of their records."""
_OF_ALIASES = frozenset({"CreateAlias", "DeleteAlias", "UpdateAlias"})
"""Operations that are weighed on an alias, and on each key that it leads to or shall lead to."""

_ON_SAME_KEY = "kms:reencryptonsamekey"
_ENTITLING = frozenset(
    "CreateAlias CreateGrant DeleteAlias PutKeyPolicy RetireGrant RevokeGrant TagResource "
    "UntagResource UpdateAlias".split()
)
"""Operations of KMS that change who may do what with their key."""

_MADE_BY: dict[str, Literal["role", "user", "federated"]] = {
    "AssumeRole": "role",
    "AssumeRoleWithWebIdentity": "role",
    "GetFederationToken": "federated",
    "GetSessionToken": "user",
}
_TRAILING_DAYS = "kms:trailingdayswithoutkeyusage"
_LONGEST_CHAIN = 16  # of sessions that asked for one another


class NoSuchRequest(SetupError):
    """The audit log has no request of that id."""


class Half(NamedTuple):
    """One question that a request was weighed on."""

    action: str  # "kms:Decrypt"
    resource: str


def find(audit: Path, request_id: str) -> Event:
    """The record of a request; NoSuchRequest if there is none."""
    if _ID.fullmatch(request_id) is None:
        raise NoSuchRequest(
            f"`{request_id}` is not a request id; give the id that the answer's header "
            "x-amzn-RequestId had, or a principal and an action"
        )
    for found in _events(audit, f'"requestID":"{request_id.lower()}"'):
        if found.requestID == request_id.lower():
            return found
    raise NoSuchRequest(
        f"the audit log has no request {request_id}; is it that of another server, or was its file "
        "taken away?"
    )


def since(audit: Path, of: Event, accounts: Sequence[str]) -> list[Event]:
    """What was changed after a request, or within the same second, and may have a say on one like
    it: policies and grants of its keys, whatever IAM keeps of `accounts`, organizations.
    """
    keys = {str(each.get("ARN")) for each in _array(of.resources)}
    found = [
        each
        for each in _events(audit, '"readOnly":false')
        if each.eventTime >= of.eventTime
        and each.errorCode is None
        and each.requestID != of.requestID
        and _entitles(each, keys, accounts)
    ]
    return sorted(found, key=lambda each: each.eventTime)


def _entitles(each: Event, keys: set[str], accounts: Sequence[str]) -> bool:
    match each.eventSource:
        case "kms.amazonaws.com":
            about = {str(resource.get("ARN")) for resource in _array(each.resources)}
            return each.eventName in _ENTITLING and bool(about & keys)
        case "iam.amazonaws.com":
            return each.recipientAccountId in accounts and "AccessKey" not in each.eventName
    return each.eventSource == "organizations.amazonaws.com"


def _events(audit: Path, words: str) -> Iterator[Event]:
    """The records whose lines have these words, files with the newest first.

    A caller may have written the same words into a parameter: who asks looks at the event.
    """
    wanted = words.encode()
    for path in sorted(audit.glob("*.jsonl"), key=lambda path: path.name, reverse=True):
        with path.open("rb") as file:
            while line := file.readline(_MOST_OF_A_LINE):
                found = _event(line) if wanted in line else None
                if found is not None:
                    yield found


def _event(line: bytes) -> Event | None:
    try:
        return event.read(line)
    except ValueError:
        return None


def explanation(of: Event) -> Told | None:
    """Why it was denied, as it was kept then; None if it was not denied."""
    additional = _object(of.additionalEventData)
    kept = additional.get("authorization")
    return kept if isinstance(kept, dict) else None


def principal(of: Event) -> str:
    """The ARN of who asked, or what a web identity has in its place; nothing for somebody who did
    not show it.
    """
    identity = _object(of.userIdentity)
    return str(identity.get("arn") or identity.get("principalId", ""))


def accounts(of: Event) -> list[str]:
    """The account of who asked, and of the role that was asked for."""
    role = str(_object(of.requestParameters).get("roleArn", ""))
    return [str(_object(of.userIdentity).get("accountId", "")), *role.split(":")[4:5]]


def in_session(of: Event) -> bool:
    """Whether it was made with temporary credentials."""
    return "sessionContext" in _object(of.userIdentity)


class Brought(NamedTuple):
    """What a session brought, from the record of how it was made."""

    made: Event
    kind: Literal["role", "user", "federated"]
    of: str  # the unique id of the role or user
    name: str
    policy: str | None
    policy_arns: tuple[str, ...]
    tags: Mapping[str, str]
    transitive: tuple[str, ...]  # keys of tags
    source_identity: str
    provider: str


def session(audit: Path, of: Event) -> Brought | None:
    """The session that made a request; None if none did, or the log does not tell how it began."""
    return _session(audit, _object(of.userIdentity), _LONGEST_CHAIN)


def _session(audit: Path, identity: Mapping[str, Any], deeper: int) -> Brought | None:
    key_id = str(identity.get("accessKeyId", ""))
    context: Mapping[str, Any] = identity.get("sessionContext") or {}
    made = _maker(audit, key_id) if context and deeper else None
    if made is None:
        return None
    asked = _object(made.requestParameters)
    transitive = [str(each) for each in asked.get("transitiveTagKeys", ())]
    before = _session(audit, _object(made.userIdentity), deeper - 1)
    passed_on = (
        {}
        if before is None
        else {key: before.tags[key] for key in before.transitive if key in before.tags}
    )
    issuer = context.get("sessionIssuer", {})
    return Brought(
        made=made,
        kind=_MADE_BY[made.eventName],
        of=str(issuer.get("principalId") or identity.get("principalId", "")),
        name=str(asked.get("roleSessionName") or asked.get("name", "")),
        policy=asked.get("policy"),
        policy_arns=tuple(str(each.get("arn", "")) for each in asked.get("policyArns", ())),
        tags=passed_on
        | {str(each["key"]): str(each.get("value", "")) for each in asked.get("tags", ())},
        transitive=(*passed_on, *transitive),
        source_identity=str(context.get("sourceIdentity", "")),
        provider=str(context.get("webIdFederationData", {}).get("federatedProvider", "")),
    )


def _maker(audit: Path, key_id: str) -> Event | None:
    """The record of the request that was answered with these temporary credentials."""
    for found in _events(audit, f'"accessKeyId":"{key_id}"'):
        given = _object(found.responseElements).get("credentials", {})
        if found.eventName in _MADE_BY and given.get("accessKeyId") == key_id:
            return found
    return None


def halves(of: Event) -> list[Half]:
    """The questions that it was weighed on, as far as its record tells."""
    service = of.eventSource.partition(".")[0]
    keys = [str(each.get("ARN", "")) for each in _array(of.resources)]
    if service == "kms":
        if of.eventName in _OF_ALIASES:
            return [Half(f"kms:{of.eventName}", place) for place in keys]
        names = _HALVES.get(of.eventName, (of.eventName,))
        places = [keys[0], keys[-1]] if len(names) > 1 and keys else keys[:1] or ["*"]
        return [Half(f"kms:{name}", place) for name, place in zip(names, places, strict=False)]
    if service == "sts" and of.eventName == "AssumeRole":
        role = _object(of.requestParameters).get("roleArn", "")
        return [Half("sts:AssumeRole", str(role))]
    return []


def seconds(of: Event) -> float:
    """When it was, since the epoch."""
    return datetime.fromisoformat(of.eventTime).timestamp()


def circumstances(of: Event) -> dict[str, Value]:
    """The condition keys that a record tells, but for how its operation uses a key."""
    found: dict[str, Value] = {
        "aws:currenttime": of.eventTime,
        "aws:epochtime": str(int(seconds(of))),
        "aws:requestedregion": of.awsRegion,
        "aws:sourceip": of.sourceIPAddress,
        "aws:securetransport": "true" if _object(of.tlsDetails) else "false",
    }
    if of.userAgent is not None:
        found["aws:useragent"] = of.userAgent
    keys = [str(each.get("ARN", "")) for each in _array(of.resources)]
    if of.eventName == "ReEncrypt" and (len(keys) > 1 or of.errorCode is None):
        found[_ON_SAME_KEY] = flag(keys[0] == keys[-1])
    parameters = _object(of.requestParameters)
    recipient = _object(of.additionalEventData).get("recipient", {})
    return {
        **found,
        **requested.keys(of.eventSource, of.eventName, parameters),
        **recipients.of_record(recipient),
    }


def tells(of: Event, name: str) -> bool:
    """Whether a record tells if its operation had a condition key, of those that operations bring."""
    if name == _TRAILING_DAYS:
        return False
    if name == _ON_SAME_KEY and of.eventName == "ReEncrypt":
        return False  # of one that was denied its first half, the other key is not in the record
    return requested.tells(of.eventSource, of.eventName, _object(of.requestParameters))


def seen(then: Told) -> dict[str, Value | None]:
    """The condition keys that statements asked for when a request was denied, in lower case, and
    what they saw; None for what the request did not have.  What was cut is left out.
    """
    layers = then.get("layers")
    return {
        str(condition["key"]).lower(): _value(condition.get("seen"))
        for layer in (layers if isinstance(layers, list) else ())
        for statement in layer.get("statements", ())
        for condition in statement.get("conditions", ())
        if not cut(condition.get("seen"))
    }


def _value(seen: str | Sequence[str] | None) -> Value | None:
    return seen if seen is None or isinstance(seen, str) else tuple(seen)


def key_asked_for(of: Event, action: str) -> str | None:
    """How the request named the key of an action."""
    name = {"kms:ReEncryptFrom": "sourceKeyId", "kms:ReEncryptTo": "destinationKeyId"}
    return _object(of.requestParameters).get(name.get(action, "keyId"))


def algorithm(of: Event, action: str) -> Mapping[str, Value]:
    """The encryption algorithm that an action of the request was to use, if it was said."""
    return requested.algorithm(action, _object(of.requestParameters))


def encryption_context(of: Event, action: str) -> dict[str, str]:
    """The one that an action of the request was about."""
    parameters = _object(of.requestParameters)
    name = {
        "kms:ReEncryptFrom": "sourceEncryptionContext",
        "kms:ReEncryptTo": "destinationEncryptionContext",
    }.get(action, "encryptionContext")
    given = parameters.get(name)
    return {str(key): str(value) for key, value in given.items()} if isinstance(given, dict) else {}


def _object(raw: Any) -> dict[str, Any]:
    read = json.loads(bytes(raw) or b"null")
    return read if isinstance(read, dict) else {}


def _array(raw: Any) -> list[dict[str, Any]]:
    read = json.loads(bytes(raw) or b"null")
    return [each for each in read if isinstance(each, dict)] if isinstance(read, list) else []
