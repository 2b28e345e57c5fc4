"""What a grant may be asked to hold: operations, constraints, principals.

Each `require_...` raises what AWS answers.  AWS's sentences are known for a grant of CreateGrant
alone, for two constraints and for a principal; the others are ours (docs/divergences.md).

Source: KMS API Reference, CreateGrant and GrantConstraints; Developer Guide, "Grant operations".
"""

import re
from collections.abc import Mapping, Sequence

from strongroom.errors import InvalidArn, Validation
from strongroom.keys.grant import Grant, Pairs
from strongroom.keys.specs import SYMMETRIC_DEFAULT, Usage

MOST_OF_A_KEY = 50_000
MOST_PAIRS = 8
LONGEST_VALUE = 384  # characters

_OF_ANY_KEY = frozenset("CreateGrant DescribeKey RetireGrant".split())
_OF_SYMMETRIC_KEYS = frozenset(
    "Decrypt Encrypt GenerateDataKey GenerateDataKeyPair GenerateDataKeyPairWithoutPlaintext "
    "GenerateDataKeyWithoutPlaintext ReEncryptFrom ReEncryptTo".split()
)
_OF_USAGE: dict[Usage, frozenset[str]] = {
    # of ENCRYPT_DECRYPT, what asymmetric keys have
    Usage.ENCRYPT_DECRYPT: frozenset(
        "Decrypt Encrypt GetPublicKey ReEncryptFrom ReEncryptTo".split()
    ),
    Usage.SIGN_VERIFY: frozenset("GetPublicKey Sign Verify".split()),
    Usage.GENERATE_VERIFY_MAC: frozenset("GenerateMac VerifyMac".split()),
    Usage.KEY_AGREEMENT: frozenset("DeriveSharedSecret GetPublicKey".split()),
    Usage.ENCAPSULATE_DECAPSULATE: frozenset("Decapsulate Encapsulate GetPublicKey".split()),
}

_PRINCIPAL = re.compile(
    r"arn:aws[a-z-]*:"
    r"(?:iam::[0-9]{12}:(?:root|user/[\w+=,.@/-]+|role/[\w+=,.@/-]+)"
    r"|sts::[0-9]{12}:(?:assumed-role/[\w+=,.@-]+/[\w+=,.@-]+|federated-user/[\w+=,.@-]+))",
    re.ASCII,
)
"""An account, a user, a role, a session of a role, a federated user; no group, no service."""


def operations_of(spec: str, usage: Usage) -> frozenset[str]:
    """What a grant on a key of this kind may allow."""
    own = _OF_SYMMETRIC_KEYS if spec == SYMMETRIC_DEFAULT else _OF_USAGE[usage]
    return _OF_ANY_KEY | own


def require_principal(principal: str) -> None:
    """InvalidArn unless `principal` has the form of an ARN that a grant may name."""
    if not _PRINCIPAL.fullmatch(principal):
        raise no_principal(principal)


def no_principal(principal: str) -> InvalidArn:
    """For what has not the form of a principal, and for one that does not exist."""
    return InvalidArn(f"ARN does not refer to a valid principal: {principal}")


def require_parties(
    grantee: str | None,
    grantee_service: str | None,
    retiring: str | None,
    retiring_service: str | None,
    source_arn: str | None,
) -> tuple[str, str]:
    """The grantee and the retiring principal, "" for none."""
    if (grantee is None) == (grantee_service is None):
        raise Validation(
            "You must specify either GranteePrincipal or GranteeServicePrincipal, but not both."
        )
    if retiring is not None and retiring_service is not None:
        raise Validation(
            "You can specify either RetiringPrincipal or RetiringServicePrincipal, but not both."
        )
    for principal in (grantee, retiring):
        if principal is not None:
            require_principal(principal)
    retires = retiring or retiring_service or ""
    if grantee_service is not None and not (source_arn and retires):
        raise Validation(
            "When you specify a GranteeServicePrincipal, you must also specify a SourceArn grant "
            "constraint and either a RetiringPrincipal or a RetiringServicePrincipal."
        )
    return grantee or grantee_service or "", retires


def require_operations(asked: Sequence[str]) -> tuple[str, ...]:
    """The operations in the order in which they came, each once."""
    operations = tuple(dict.fromkeys(asked))
    if not operations:
        raise Validation("Grants must contain at least one operation.")
    if operations == ("CreateGrant",):
        raise Validation("Grants must not contain only the CreateGrant operation.")
    return operations


def require_pairs(
    equals: Mapping[str, str] | None, subset: Mapping[str, str] | None
) -> tuple[Pairs | None, Pairs | None]:
    """What constrains the encryption context: exactly these pairs, or at least those, or neither.

    Refuses more than one constraint, and one that is too large.  A `subset` without pairs
    constrains nothing, nor does an `equals` without pairs beside a `subset` that has some:
    Terraform sends both and means the one that has pairs.

    Keys are compared without regard to case, so two that differ in nothing else would each hide
    the other: such a constraint is refused.
    """
    if equals and subset:
        raise Validation("More than one constraint supplied")
    pairs = equals or subset or {}
    if len(pairs) > MOST_PAIRS:
        raise Validation(f"A grant constraint can have at most {MOST_PAIRS} pairs.")
    if any(len(value) > LONGEST_VALUE for value in pairs.values()):
        raise Validation(
            f"A value in a grant constraint can have at most {LONGEST_VALUE} characters."
        )
    if len({key.lower() for key in pairs}) != len(pairs):
        raise Validation("The keys in a grant constraint must differ by more than case.")
    if subset:
        return None, tuple(subset.items())
    return None if equals is None else tuple(equals.items()), None


def require_fit(grant: Grant, spec: str, usage: Usage) -> None:
    """Refuse operations and constraints that make no sense for the key."""
    fitting = operations_of(spec, usage)
    for operation in grant.operations:
        if operation not in fitting:
            raise Validation(
                f"Operation {operation} is not valid for a grant on a key with key spec {spec} "
                f"and key usage {usage}."
            )
    constrained = grant.equals is not None or grant.subset is not None
    if constrained and spec != SYMMETRIC_DEFAULT:
        raise Validation(
            "Encryption context constraints are valid for symmetric encryption keys only."
        )
