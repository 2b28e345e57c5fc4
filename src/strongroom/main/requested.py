"""The condition keys that a past request had because of its operation, put together again.

The services give them from the request (`Besides`); here they come from what the audit log kept of
it, under CloudTrail's names.  Of operations that are not here the log does not tell them, but for
those that the explanation of a denial has seen.

Source: KMS Developer Guide, "AWS KMS condition keys"; IAM User Guide, "Available keys for AWS STS".
"""

from collections.abc import Callable, Mapping
from typing import Any

from strongroom.errors import Validation
from strongroom.keys import imports, rotation
from strongroom.keys.grant_rules import require_pairs
from strongroom.keys.messages import RAW
from strongroom.keys.specs import SYMMETRIC_DEFAULT, Origin, Usage
from strongroom.policy.moments import iso8601
from strongroom.services.circumstances import Value, of_request_tags
from strongroom.services.kms.circumstances import of_bypass, of_context, of_new_key
from strongroom.services.kms.deletion import LONGEST_DAYS
from strongroom.services.kms.policies import NAME
from strongroom.wire.moments import of_cloudtrail

Parameters = Mapping[str, Any]
"""`requestParameters` of a record."""

_OWN = ("aws:requesttag/", "aws:tagkeys", "iam:", "kms:", "organizations:", "sts:")
"""Beginnings of the keys that an operation may have of its own."""


def is_own(name: str) -> bool:
    """Whether a condition key, in lower case, is one that operations bring."""
    return name.startswith(_OWN)


def tells(source: str, operation: str, parameters: Parameters) -> bool:
    """Whether the parameters of an operation tell all the keys that it had of its own."""
    if "omitted" in parameters:
        return False
    return source == "kms.amazonaws.com" or operation == "AssumeRole"


def keys(source: str, operation: str, parameters: Parameters) -> Mapping[str, Value]:
    """The keys that an operation had of its own, but for how it uses a key."""
    if not tells(source, operation, parameters):
        return {}
    of = _OF_OPERATIONS.get(operation)
    return {} if of is None else of(parameters)


def algorithm(action: str, parameters: Parameters) -> Mapping[str, Value]:
    """kms:EncryptionAlgorithm of a use of a key, where the request said one."""
    named = {
        "kms:ReEncryptFrom": "sourceEncryptionAlgorithm",
        "kms:ReEncryptTo": "destinationEncryptionAlgorithm",
    }.get(action, "encryptionAlgorithm")
    return {"kms:encryptionalgorithm": parameters[named]} if named in parameters else {}


def _named(**keys: str) -> Callable[[Parameters], Mapping[str, Value]]:
    """Condition keys of `kms:` that are parameters, by what these are called."""

    def of(parameters: Parameters) -> Mapping[str, Value]:
        return {
            f"kms:{key}": parameters[name] for key, name in keys.items() if parameters.get(name)
        }

    return of


def _of_signing(parameters: Parameters) -> Mapping[str, Value]:
    return {
        "kms:messagetype": parameters.get("messageType") or RAW,
        **_named(signingalgorithm="signingAlgorithm")(parameters),
    }


def _of_import(parameters: Parameters) -> Mapping[str, Value]:
    found: dict[str, Value] = {
        "kms:expirationmodel": parameters.get("expirationModel") or imports.EXPIRES
    }
    if "validTo" in parameters:
        found["kms:validto"] = iso8601(of_cloudtrail(parameters["validTo"]))
    return found


def _of_role(parameters: Parameters) -> Mapping[str, Value]:
    found = {
        f"sts:{name.lower()}": parameters[name]
        for name in ("roleSessionName", "externalId", "sourceIdentity")
        if name in parameters
    }
    if parameters.get("transitiveTagKeys"):
        found["sts:transitivetagkeys"] = tuple(parameters["transitiveTagKeys"])
    return found | of_request_tags(_pairs(parameters, "key", "value"))


def _of_key(parameters: Parameters) -> Mapping[str, Value]:
    spec = parameters.get("keySpec") or parameters.get("customerMasterKeySpec") or SYMMETRIC_DEFAULT
    return {
        **of_new_key(
            spec,
            parameters.get("keyUsage") or Usage.ENCRYPT_DECRYPT.value,
            parameters.get("origin") or Origin.AWS_KMS.value,
            "PRIMARY" if parameters.get("multiRegion") else None,
            _pairs(parameters, "tagKey", "tagValue"),
        ),
        **of_bypass(parameters.get("bypassPolicyLockoutSafetyCheck")),
    }


def _of_grant(parameters: Parameters) -> Mapping[str, Value]:
    constraints = parameters.get("constraints") or {}
    found: dict[str, Value] = {
        f"kms:{name.lower()}": parameters[name] for name in _PARTIES if parameters.get(name)
    }
    found["kms:grantoperations"] = tuple(dict.fromkeys(parameters.get("operations", ())))
    if constraints.get("sourceArn"):
        found["kms:grantconstraintsourcearn"] = constraints["sourceArn"]
    try:
        equals, subset = require_pairs(
            constraints.get("encryptionContextEquals"), constraints.get("encryptionContextSubset")
        )
    except Validation:  # and the request was refused for it
        return found
    if equals is not None:
        found["kms:grantconstrainttype"] = "EncryptionContextEquals"
    elif subset is not None:
        found["kms:grantconstrainttype"] = "EncryptionContextSubset"
    return found | of_context(dict(equals or subset or ()))


_PARTIES = (
    "granteePrincipal",
    "granteeServicePrincipal",
    "retiringPrincipal",
    "retiringServicePrincipal",
)


def _of_policy(parameters: Parameters) -> Mapping[str, Value]:
    bypass = of_bypass(parameters.get("bypassPolicyLockoutSafetyCheck"))
    return bypass | {"kms:policyname": parameters.get("policyName") or NAME}


def _of_deletion(parameters: Parameters) -> Mapping[str, Value]:
    days = parameters.get("pendingWindowInDays", LONGEST_DAYS)
    return {"kms:schedulekeydeletionpendingwindowindays": str(days)}


def _of_rotation(parameters: Parameters) -> Mapping[str, Value]:
    days = parameters.get("rotationPeriodInDays", rotation.DEFAULT_PERIOD_DAYS)
    return {"kms:rotationperiodindays": str(days)}


def _of_tags(parameters: Parameters) -> Mapping[str, Value]:
    return of_request_tags(_pairs(parameters, "tagKey", "tagValue"))


def _of_tag_keys(parameters: Parameters) -> Mapping[str, Value]:
    return {"aws:tagkeys": tuple(parameters.get("tagKeys", ()))}


def _pairs(parameters: Parameters, key: str, value: str) -> Mapping[str, str]:
    return {str(tag[key]): str(tag.get(value, "")) for tag in parameters.get("tags", ())}


_OF_OPERATIONS: Mapping[str, Callable[[Parameters], Mapping[str, Value]]] = {
    "AssumeRole": _of_role,
    "CreateGrant": _of_grant,
    "CreateKey": _of_key,
    "DeriveSharedSecret": _named(keyagreementalgorithm="keyAgreementAlgorithm"),
    "EnableKeyRotation": _of_rotation,
    "GenerateDataKeyPair": _named(datakeypairspec="keyPairSpec"),
    "GenerateDataKeyPairWithoutPlaintext": _named(datakeypairspec="keyPairSpec"),
    "GenerateMac": _named(macalgorithm="macAlgorithm"),
    "GetKeyPolicy": _of_policy,
    "GetParametersForImport": _named(
        wrappingalgorithm="wrappingAlgorithm", wrappingkeyspec="wrappingKeySpec"
    ),
    "ImportKeyMaterial": _of_import,
    "PutKeyPolicy": _of_policy,
    "ScheduleKeyDeletion": _of_deletion,
    "Sign": _of_signing,
    "TagResource": _of_tags,
    "UntagResource": _of_tag_keys,
    "Verify": _of_signing,
    "VerifyMac": _named(macalgorithm="macAlgorithm"),
}
