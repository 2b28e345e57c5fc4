"""What a session is made of, however it is asked for: its role, its policies, its tags, its length.

Source: STS API Reference, "AssumeRole"; IAM User Guide, "Session policies", "Passing session tags".
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn

from strongroom.arn import Arn
from strongroom.errors import Fault, MalformedPolicyDocument, Validation
from strongroom.keys.session import Session
from strongroom.policy import grammar
from strongroom.policy.compiled import Use
from strongroom.policy.identity import Identity
from strongroom.services.sts.world import Books, Sts
from strongroom.wire.shapes.sts import AssumedRoleUser, Credentials, PolicyDescriptorType

_HOUR = 3_600
_MOST_TAGS = 50
_MOST_POLICY = 2_048  # characters of a session's policies, its own and the managed ones', packed
_MOST_MANAGED = 10


class PackedPolicyTooLarge(Fault):
    code = "PackedPolicyTooLargeException"


class InvalidParameterValue(Fault):
    """Tags that contradict each other, with the sentences that were recorded."""

    code = "InvalidParameterValueException"


def role_arn(text: str) -> Arn:
    """The ARN of a role; Validation if it is not one."""
    try:
        arn = Arn.parse(text)
    except ValueError:
        raise Validation(f"{text} is invalid") from None
    kind, _, name = arn.resource.partition("/")
    if arn.service != "iam" or kind != "role" or not name:
        raise Validation(f"{text} is invalid")
    return arn


def role(sts: Sts, arn: Arn) -> Identity | None:
    """The role of exactly this ARN, if there is one."""
    found = sts.books.identity(arn.account, "role", arn.resource.rpartition("/")[2])
    return found if found is not None and found.arn == str(arn) else None


def role_seconds(role: Identity, asked: int | None) -> int:
    """How long a role's session is to last; an hour, or what the role allows, unless it is said."""
    return asked or min(_HOUR, role.max_session_seconds)


def require_within(role: Identity, seconds: int) -> None:
    """Validation if that is longer than the role allows."""
    if seconds > role.max_session_seconds:
        raise Validation(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        )


def assumed(role: Identity, session: Session) -> AssumedRoleUser:
    """By what names the session of a role is known."""
    partition = Arn.parse(role.arn).partition
    return AssumedRoleUser(
        AssumedRoleId=f"{role.unique_id}:{session.name}",
        Arn=f"arn:{partition}:sts::{role.account}:assumed-role/{role.name}/{session.name}",
    )


def tags(given: Iterable[tuple[str, str]]) -> dict[str, str]:
    """A session's own tags; InvalidParameterValue or Validation if they break a rule."""
    found: dict[str, str] = {}
    for key, value in given:
        if key.lower() in {name.lower() for name in found}:
            raise InvalidParameterValue(
                "Duplicate tag keys found. Please note that Tag keys are case insensitive."
            )
        if key.lower().startswith("aws:"):
            raise Validation("Tag keys that begin with aws: are reserved")
        found[key] = value
    if len(found) > _MOST_TAGS:
        raise Validation(f"A session has at most {_MOST_TAGS} tags")
    return found


def transitive(tags: Mapping[str, str], keys: Iterable[str]) -> list[str]:
    """Those of a session's own tags that go along; InvalidParameterValue if it has not all of them."""
    wanted = {key.lower() for key in keys}
    found = [name for name in tags if name.lower() in wanted]
    if len(found) < len(wanted):
        raise InvalidParameterValue(
            "The specified transitive tag key must be included in the requested tags."
        )
    return found


def policies(
    books: Books, account: str, own: str | None, managed: Sequence[PolicyDescriptorType] | None
) -> list[str] | None:
    """A session's policies; None if it has none, which is not the same as one that allows nothing."""
    texts = []
    if own is not None:
        grammar.require(own, Use.SESSION)
        texts.append(_compact(own))
    if len(managed or ()) > _MOST_MANAGED:
        _too_large(f"at most {_MOST_MANAGED} managed policies")
    for descriptor in managed or ():
        arn = descriptor.arn or ""
        policy = books.managed_policy(account, arn)
        version = None if policy is None else books.version(policy, policy.default_version)
        if version is None:
            raise MalformedPolicyDocument(f"ARN {arn} is not valid or does not exist.")
        texts.append(_compact(version.document))
    if own is not None and len(texts[0]) > _MOST_POLICY:
        _too_large(f"at most {_MOST_POLICY} characters")
    return texts or None


def _compact(text: str) -> str:
    return json.dumps(json.loads(text), separators=(",", ":"))


def packed(session: Session) -> int | None:
    """How much of what a token may carry is used, in percent; PackedPolicyTooLarge if it is more."""
    if session.policies is None and not session.tags:
        return None
    size = sum(len(text.encode()) for text in session.policies or ()) + sum(
        len(name.encode()) + len(value.encode()) for name, value in session.tags.items()
    )
    percent = max(1, size * 100 // (4 * _MOST_POLICY))
    if percent > 100:
        raise PackedPolicyTooLarge(
            f"Packed policy consumes {percent}% of allotted space, please use smaller policy."
        )
    return percent


def _too_large(bound: str) -> NoReturn:
    raise PackedPolicyTooLarge(f"The policies of a session may have {bound}.")


def credentials(sts: Sts, session: Session) -> Credentials:
    made = sts.seal(session)
    return Credentials(
        AccessKeyId=made.key_id,
        SecretAccessKey=made.secret,
        SessionToken=made.token,
        Expiration=session.expires,
    )
