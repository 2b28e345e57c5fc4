"""Who may make a grant, and who may retire one; and what policies may ask about it.

A grant is made by whom the key's policy lets, and then may hold anything; or by whom another grant
lets, and then must be no wider than any one of those.  Retiring is allowed by the grant itself, which
counts as any grant does: an account that it lets retire leaves that to its own principals'
policies, and a Deny on the caller's side wins.  The key's policy is not asked.

Source: KMS Developer Guide, "Controlling access to grants", "Retiring and revoking grants", "AWS
KMS condition keys".
"""

from collections.abc import Mapping
from functools import partial

from strongroom.keys.grant import Grant, is_service, narrower
from strongroom.keys.key import Key
from strongroom.policy import grants
from strongroom.policy.layers import Question
from strongroom.services.call import Call
from strongroom.services.circumstances import Value
from strongroom.services.kms import access
from strongroom.services.kms.circumstances import OfKey, of_context
from strongroom.services.kms.world import KmsBooks


def require_creation(kms: KmsBooks, call: Call, key: Key, grant: Grant) -> Grant | None:
    """The grant that lets the caller create this one, or None where a policy does.

    A grant lets nobody create one that is wider than itself; of several it is any that covers it.
    """
    besides = partial(_of_creation, grant)
    return access.require(
        kms, call, "CreateGrant", key, besides, by=lambda parent: narrower(grant, parent)
    )


def require_retirement(kms: KmsBooks, call: Call, grant: Grant) -> None:
    """AccessDenied unless the grant, and the caller's own side, let the caller retire it."""
    call.resources.append(grant.key_arn)
    who = call.who
    question = Question(who.caller, "kms:RetireGrant", grant.key_arn, grant.account)
    layers = who.layers(grants=[grants.Grant(grant.id, name, _RETIRING) for name in grant.retirers])
    key = kms.books.key(grant.account, grant.region, grant.key_id)
    circumstances = OfKey(kms, call, key, partial(_of_constraint, grant))
    decision = call.decide(question, layers, circumstances)
    if not decision.allows:
        access.refuse(call, question, decision)


_RETIRING = frozenset({"kms:retiregrant"})


def of_grants() -> Mapping[str, Value]:
    """What every operation on grants has: no AWS service makes it on somebody's behalf."""
    return {"kms:grantisforawsresource": "false"}


def _of_creation(grant: Grant) -> Mapping[str, Value]:
    to = "granteeserviceprincipal" if is_service(grant.grantee) else "granteeprincipal"
    by = "retiringserviceprincipal" if is_service(grant.retiring) else "retiringprincipal"
    found: dict[str, Value] = {
        f"kms:{to}": grant.grantee,
        f"kms:{by}": grant.retiring,
        "kms:grantconstraintsourcearn": grant.source_arn,
        "kms:grantoperations": grant.operations,
    }
    present = {name: value for name, value in found.items() if value}
    return {**_of_constraint(grant), **present, **of_grants()}


def _of_constraint(grant: Grant) -> Mapping[str, Value]:
    found = of_context(dict(grant.equals or grant.subset or ()))
    if grant.equals is not None:
        found["kms:grantconstrainttype"] = "EncryptionContextEquals"
    elif grant.subset is not None:
        found["kms:grantconstrainttype"] = "EncryptionContextSubset"
    return found
