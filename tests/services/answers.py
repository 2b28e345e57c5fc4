"""What a test says of an answer: which members it has, or how it was refused."""

import contextlib
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

ACCOUNT = "000000000000"
NEVER = "00000000-0000-4000-8000-000000000000"  # a key id that no key has
CONTEXT_TOO_LARGE = "EncryptionContext must be at most 8192 bytes."
HIDDEN = (
    "because the resource does not exist in this Region, no resource-based policies allow access, "
    "or a resource-based policy explicitly denies access"
)
OF_CIPHERTEXT = "the resource associated with this ciphertext"
DRY = "The request would have succeeded, but the DryRun option is set."
RESERVED_TAGS = "Tags beginning with aws: are reserved"


@contextlib.contextmanager
def refused(code: str, message: str, status: int = 400) -> Iterator[None]:
    """The block's call is refused with exactly this code, message and status."""
    with pytest.raises(ClientError) as caught:
        yield
    answer = caught.value.response
    error = answer["Error"]
    assert (code, message) == (error["Code"], error.get("Message", ""))
    assert status == answer["ResponseMetadata"]["HTTPStatusCode"]


def violated(*parts: str) -> str:
    """AWS's sentence for violated constraints, each as `'value' at 'member' ...: Member must ...`."""
    plural = "s" if len(parts) > 1 else ""
    return f"{len(parts)} validation error{plural} detected: {'; '.join(parts)}"


def one(value: str, member: str, demand: str) -> str:
    return f"Value {value} at '{member}' failed to satisfy constraint: Member must {demand}"


def members(answer: dict) -> set[str]:
    """The members of an answer, without what boto3 adds."""
    return set(answer) - {"ResponseMetadata"}


def arn(region: str, resource: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:kms:{region}:{account}:{resource}"


def denied(action: str, on: str = "this resource", account: str = ACCOUNT) -> str:
    """What is said of what is not there and of what is another account's, alike."""
    return f"User: arn:aws:iam::{account}:root is not authorized to perform: kms:{action} on {on} {HIDDEN}"


BEHIND_CIPHERTEXT = denied("Decrypt", OF_CIPHERTEXT)


def not_allowed(action: str, resource: str, account: str = ACCOUNT) -> str:
    """What is said of the caller's own key, whose policy does not allow."""
    return (
        f"User: arn:aws:iam::{account}:root is not authorized to perform: kms:{action} on "
        f"resource: {resource} because no resource-based policy allows the kms:{action} action"
    )
