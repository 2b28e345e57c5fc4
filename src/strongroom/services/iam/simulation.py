"""SimulateCustomPolicy, SimulatePrincipalPolicy: may somebody do something, if ...?

Each action is asked of each resource; the answer has a result for each action, in the order of the
request, which is the most restricted of its resources', and beside it what each resource comes to.
Nothing is done, and nothing is looked up of the resources: their policy is in the request.

The circumstances are those that follow from who calls and for what, and those of the request; a
time or an address is there only if the request says so.

Pages are of actions, and have fewer than they may where that many would take long to weigh.

Source: IAM API Reference, both operations.
"""

import re

from strongroom.errors import InvalidInput, Validation
from strongroom.policy.compiled import Policy, Use
from strongroom.policy.entities import Group, Role, User
from strongroom.policy.layers import Layers
from strongroom.policy.organization import Levels
from strongroom.services.call import Call
from strongroom.services.iam import access, attached, exclusions, paging, simulation_inputs
from strongroom.services.iam.simulation_inputs import Simulated
from strongroom.services.iam.simulation_results import Request, Simulation
from strongroom.services.iam.world import Iam
from strongroom.wire.shapes import iam as shapes

_PLACE = re.compile("[0-9]{1,6}")  # of the last action of the page before, from 1


def simulate_custom_policy(
    _iam: Iam, call: Call, rq: shapes.SimulateCustomPolicyRequest
) -> shapes.SimulatePolicyResponse:
    """What policies that are in the request alone allow."""
    access.require(call, "SimulateCustomPolicy", "*")
    supposed = Layers(
        identity=simulation_inputs.given(rq.PolicyInputList, "PolicyInputList", Use.IDENTITY),
        boundaries=simulation_inputs.boundary(rq.PermissionsBoundaryPolicyInputList),
        scps=simulation_inputs.organization(rq.OrderedOrganizationPolicyInputList),
    )
    who = simulation_inputs.nobody(call.account)
    if rq.CallerArn is not None:
        who = simulation_inputs.caller(rq.CallerArn)
    elif rq.ResourcePolicy is not None:
        raise InvalidInput("Invalid caller - Caller cannot be null or empty.")
    return _answer(rq, who, supposed)


def simulate_principal_policy(
    iam: Iam, call: Call, rq: shapes.SimulatePrincipalPolicyRequest
) -> shapes.SimulatePolicyResponse:
    """What the policies of a user, a group or a role allow, with those in the request.

    A boundary in the request takes the place of the principal's own.
    """
    entity = attached.source(iam, call, "SimulatePrincipalPolicy", rq.PolicySourceArn)
    excluded = exclusions.read(rq.PolicyExclusionList)
    own = [
        simulation_inputs.kept(policy.document, Use.IDENTITY, policy.source_id)
        for policy in attached.to(iam, entity)
        if excluded.spare(policy)
    ]
    more = simulation_inputs.given(rq.PolicyInputList, "PolicyInputList", Use.IDENTITY)
    boundaries = simulation_inputs.boundary(rq.PermissionsBoundaryPolicyInputList)
    if boundaries is None and not excluded.boundary:
        boundaries = _boundary(iam, entity)
    who = simulation_inputs.caller(rq.CallerArn or entity.arn)
    if who.caller.arn == entity.arn:
        tags = iam.books.iam_tags(entity.account, entity.id)
        who = simulation_inputs.known(who, entity.id, tags)
    scps: Levels = ()
    if who.caller.account == call.account:
        standing = iam.books.standing(call.account)
        who = simulation_inputs.within(who, standing)
        scps = () if excluded.scps else standing.scps
    supposed = Layers(identity=(*own, *more), boundaries=boundaries, scps=scps)
    return _answer(rq, who, supposed)


def _boundary(iam: Iam, entity: User | Group | Role) -> tuple[Policy, ...] | None:
    found = attached.boundary(iam, entity)
    if found is None:
        return None
    name, document = found
    return (simulation_inputs.kept(document, Use.BOUNDARY, name),)


def _answer(rq: Request, who: Simulated, supposed: Layers) -> shapes.SimulatePolicyResponse:
    asked = Simulation.of(rq, who, supposed)
    page = paging.asked(rq)
    if page.after and not _PLACE.fullmatch(page.after):
        raise Validation("Invalid Marker.")
    begin = int(page.after or 0)
    most = min(page.most, asked.most_actions)
    behind = [*enumerate(asked.actions, 1)][begin : begin + most + 1]
    entries, more, marker = paging.cut(behind, paging.Page("", most), lambda entry: str(entry[0]))
    return shapes.SimulatePolicyResponse(
        EvaluationResults=[asked.result(action) for _, action in entries],
        IsTruncated=more,
        Marker=marker,
    )
