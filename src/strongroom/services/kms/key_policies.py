"""GetKeyPolicy, PutKeyPolicy, ListKeyPolicies.  A key has one policy, and it is named `default`."""

from functools import partial

from strongroom.errors import NotFound, Validation
from strongroom.keys import states
from strongroom.services.call import Call
from strongroom.services.circumstances import Value
from strongroom.services.kms import access, paging, policies
from strongroom.services.kms.circumstances import of_bypass
from strongroom.services.kms.identifiers import id_or_arn
from strongroom.services.kms.world import Kms, KmsBooks
from strongroom.wire.shapes.kms import (
    GetKeyPolicyRequest,
    GetKeyPolicyResponse,
    ListKeyPoliciesRequest,
    ListKeyPoliciesResponse,
    PutKeyPolicyRequest,
)


def get_key_policy(kms: Kms, call: Call, rq: GetKeyPolicyRequest) -> GetKeyPolicyResponse:
    key = id_or_arn(kms, call, "GetKeyPolicy", rq.KeyId)
    access.require(kms, call, "GetKeyPolicy", key, lambda: _of_name(rq.PolicyName))
    if (rq.PolicyName or policies.NAME) != policies.NAME:
        raise NotFound("No such policy exists")
    return GetKeyPolicyResponse(Policy=policies.shown(kms, key), PolicyName=policies.NAME)


def put_key_policy(kms: KmsBooks, call: Call, rq: PutKeyPolicyRequest) -> None:
    key = id_or_arn(kms, call, "PutKeyPolicy", rq.KeyId)
    access.require(kms, call, "PutKeyPolicy", key, partial(_of_put, rq))
    if rq.PolicyName == "AWS_RAM":
        raise Validation("The AWS_RAM policy can only be managed by the RAM service.")
    states.require("PutKeyPolicy", key.state, key.arn)
    if (rq.PolicyName or policies.NAME) != policies.NAME:
        raise NotFound("No such policy exists")
    policies.require_form(rq.Policy)
    document, named = policies.settled(kms, call, rq.Policy)
    as_it_will_be = key.but(policy=document, principals=named)
    policies.require_no_lockout(kms, call, as_it_will_be, bypass=rq.BypassPolicyLockoutSafetyCheck)
    kms.books.change_key(key, policy=document, principals=named)


def _of_put(rq: PutKeyPolicyRequest) -> dict[str, Value]:
    return of_bypass(rq.BypassPolicyLockoutSafetyCheck) | _of_name(rq.PolicyName)


def _of_name(name: str | None) -> dict[str, Value]:
    """kms:PolicyName: `default`, unless the request names another."""
    return {"kms:policyname": name or policies.NAME}


def list_key_policies(kms: Kms, call: Call, rq: ListKeyPoliciesRequest) -> ListKeyPoliciesResponse:
    most = paging.count(rq.Limit, paging.WIDE)
    key = id_or_arn(kms, call, "ListKeyPolicies", rq.KeyId)
    access.require(kms, call, "ListKeyPolicies", key)
    page, more, following = paging.cut_whole([policies.NAME], rq.Marker, most)
    return ListKeyPoliciesResponse(PolicyNames=list(page), Truncated=more, NextMarker=following)
