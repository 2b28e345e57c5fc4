"""A past request, found in the audit log by its request id, and what it was about.

A denial's record has its explanation as it was (`Call.denied`).  Of any other request the record
has who asked for what, in which circumstances, and the question can be asked again, of the
policies as they are now.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from strongroom.audit import event
from strongroom.audit.event import Event
from strongroom.errors import SetupError
from strongroom.policy.told import Told

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_MOST_OF_A_LINE = 4 << 20  # bytes; a record is at most a few hundred KB
_HALVES = {"ReEncrypt": ("ReEncryptFrom", "ReEncryptTo")}
"""Operations that are weighed as two actions, on the first and the last key of their records."""


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
    wanted = f'"requestID":"{request_id.lower()}"'.encode()
    for path in sorted(audit.glob("*.jsonl"), key=lambda path: path.name, reverse=True):
        with path.open("rb") as file:
            while line := file.readline(_MOST_OF_A_LINE):
                # A caller may have written the same words into a parameter.
                found = _event(line) if wanted in line else None
                if found is not None and found.requestID == request_id.lower():
                    return found
    raise NoSuchRequest(
        f"the audit log has no request {request_id}; is it that of another server, or was its file "
        "taken away?"
    )


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


def halves(of: Event) -> list[Half]:
    """The questions that it was weighed on, as far as its record tells."""
    service = of.eventSource.partition(".")[0]
    keys = [str(each.get("ARN", "")) for each in _array(of.resources)]
    if service == "kms":
        names = _HALVES.get(of.eventName, (of.eventName,))
        places = [keys[0], keys[-1]] if len(names) > 1 and keys else keys[:1] or ["*"]
        return [Half(f"kms:{name}", place) for name, place in zip(names, places, strict=False)]
    if service == "sts" and of.eventName == "AssumeRole":
        role = _object(of.requestParameters).get("roleArn", "")
        return [Half("sts:AssumeRole", str(role))]
    return []


def circumstances(of: Event) -> Mapping[str, str]:
    """The condition keys that a record tells, but for the encryption context."""
    found = {
        "aws:currenttime": of.eventTime,
        "aws:sourceip": of.sourceIPAddress,
        "aws:securetransport": "true" if _object(of.tlsDetails) else "false",
    }
    if of.userAgent is not None:
        found["aws:useragent"] = of.userAgent
    parameters = _object(of.requestParameters)
    key_id = parameters.get("keyId")
    if isinstance(key_id, str) and "alias/" in key_id:
        found["kms:requestalias"] = key_id[key_id.index("alias/") :]
    return found


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
