"""GetContextKeysForCustomPolicy, GetContextKeysForPrincipalPolicy: what policies look at.

Documents in a request must be policies of a principal; what a principal has was checked when it
was kept.  A permissions boundary and service control policies are not looked at.
"""

from collections.abc import Iterable

from strongroom.policy import context_keys
from strongroom.policy.compiled import Use
from strongroom.services.call import Call
from strongroom.services.iam import access, attached
from strongroom.services.iam.simulation_inputs import require_form
from strongroom.services.iam.world import Iam
from strongroom.wire.shapes import iam as shapes


def get_context_keys_for_custom_policy(
    _iam: Iam, call: Call, rq: shapes.GetContextKeysForCustomPolicyRequest
) -> shapes.GetContextKeysForPolicyResponse:
    access.require(call, "GetContextKeysForCustomPolicy", "*")
    return _answer(_checked(rq.PolicyInputList))


def get_context_keys_for_principal_policy(
    iam: Iam, call: Call, rq: shapes.GetContextKeysForPrincipalPolicyRequest
) -> shapes.GetContextKeysForPolicyResponse:
    entity = attached.source(iam, call, "GetContextKeysForPrincipalPolicy", rq.PolicySourceArn)
    own = [policy.document for policy in attached.to(iam, entity)]
    return _answer([*own, *_checked(rq.PolicyInputList or [])])


def _checked(documents: list[str]) -> list[str]:
    for document in documents:
        require_form(document, Use.IDENTITY)
    return documents


def _answer(documents: Iterable[str]) -> shapes.GetContextKeysForPolicyResponse:
    found = context_keys.of_documents(documents)
    return shapes.GetContextKeysForPolicyResponse(ContextKeyNames=list(found.values()))
