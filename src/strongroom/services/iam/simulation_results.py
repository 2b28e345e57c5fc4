"""The results of a simulation, one for each action: `EvaluationResult` and what is in it.

What an action comes to is `policy.simulation`'s; here it is asked for each resource and said on the
wire.  How much one request may have compared is bounded: every string of every policy counts for
each action and resource, and more for each 100 characters of what it is compared with; and so are the
steps of matching that it takes (`policy.effort`).

Source: IAM API Reference, EvaluationResult, ResourceSpecificResult, Statement; the keys of
EvalDecisionDetails and the names of sources as in its sample answers.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from strongroom.errors import InvalidInput
from strongroom.policy import context_keys, effort, simulation
from strongroom.policy.compiled import Policy, Span, Use, compile_policy
from strongroom.policy.layers import Layer, Layers, Question, Verdict
from strongroom.policy.simulation import Outcome
from strongroom.services.iam import resource_handling, simulation_inputs
from strongroom.services.iam.simulation_inputs import Simulated, Value
from strongroom.wire.shapes import iam as shapes

_MOST_COMPARED = 3_000_000
_AT_LEAST = 100  # strings, that a decision costs as much as
_MOST_STEPS = 20 * effort.MOST  # of matching, in one request
_DECISIONS = {
    Verdict.ALLOW: "allowed",
    Verdict.IMPLICIT_DENY: "implicitDeny",
    Verdict.EXPLICIT_DENY: "explicitDeny",
}
_SIDES = {
    Layer.IDENTITY: "IAM Policy",
    Layer.RESOURCE: "Resource Policy",
    Layer.BOUNDARY: "Permissions Boundary Policy",
}

Request = shapes.SimulateCustomPolicyRequest | shapes.SimulatePrincipalPolicyRequest


@dataclass(slots=True)
class Simulation:
    """What is asked, and everything that is the same for all its actions."""

    who: Simulated
    supposed: Layers  # without a resource's policy, whose use depends on the action
    actions: Sequence[str]
    resources: Sequence[str]
    resource_policy: str | None
    owner: str  # account, of resources whose ARNs name none
    entries: Mapping[str, Value | None]
    _keys: dict[str, str] = field(init=False)  # that policies look at, to how they are written
    _begun: int = field(init=False)
    _resource_policies: dict[Use, Policy] = field(default_factory=dict)
    _positions: dict[Policy, list[Span]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._begun = effort.spent()
        policies = [*self.supposed.identity, *(self.supposed.boundaries or ())]
        self._keys = context_keys.of_documents(policy.text for policy in policies)

    @classmethod
    def of(cls, rq: Request, who: Simulated, supposed: Layers) -> "Simulation":
        """InvalidInput if anything in the request cannot be meant."""
        if rq.ResourcePolicy is not None and who.names_nobody:
            raise InvalidInput("Invalid caller - Caller must be an IAM user in this context.")
        made = cls(
            who,
            supposed,
            simulation_inputs.actions(rq.ActionNames),
            simulation_inputs.resources(rq.ResourceArns),
            rq.ResourcePolicy,
            simulation_inputs.owner(rq.ResourceOwner) or who.caller.account,
            simulation_inputs.entries(rq.ContextEntries),
        )
        resource_handling.require(rq.ResourceHandlingOption, made.actions, made.resources)
        return made

    @property
    def most_actions(self) -> int:
        """How many may be asked for at once; InvalidInput if a single one is too many."""
        strings = _AT_LEAST + sum(document.count('"') for document in self._documents())
        longest = max(map(_length, self.entries.values()), default=0)
        each = sum(strings * (1 + (len(name) + longest) // 100) for name in self.resources)
        if each > _MOST_COMPARED:
            raise InvalidInput("The simulation has too many resources for policies of that size.")
        return _MOST_COMPARED // each

    def result(self, action: str) -> shapes.EvaluationResult:
        results = [self._result(action, resource) for resource in self.resources]
        whole = simulation.together([result.outcome for result in results])
        by_resource = self.resources != ["*"]
        within = by_resource and whole.organization is not False
        return shapes.EvaluationResult(
            EvalActionName=action,
            EvalResourceName=self.resources[0] if len(self.resources) == 1 else "*",
            EvalDecision=_DECISIONS[whole.verdict],
            MatchedStatements=self._matched(whole),
            MissingContextValues=list(
                dict.fromkeys(key for each in results for key in each.missing)
            ),
            OrganizationsDecisionDetail=_of_organization(whole),
            PermissionsBoundaryDecisionDetail=_of_boundary(whole),
            EvalDecisionDetails=_details(whole, otherwise={} if within else None),
            ResourceSpecificResults=[self._of_resource(each) for each in results]
            if by_resource
            else None,
        )

    def _of_resource(self, result: "_Result") -> shapes.ResourceSpecificResult:
        return shapes.ResourceSpecificResult(
            EvalResourceName=result.resource,
            EvalResourceDecision=_DECISIONS[result.outcome.verdict],
            MatchedStatements=self._matched(result.outcome),
            MissingContextValues=result.missing,
            EvalDecisionDetails=_details(result.outcome),
            PermissionsBoundaryDecisionDetail=_of_boundary(result.outcome),
        )

    def _result(self, action: str, resource: str) -> "_Result":
        if effort.spent() - self._begun > _MOST_STEPS:
            raise InvalidInput("The simulation takes too long with policies and values like these.")
        account = simulation_inputs.account_of(resource, self.owner)
        question = Question(self.who.caller, action, resource, account)
        layers = replace(self.supposed, resource=self._of_resources(question))
        said = {**self.who.context(question), **self.entries}
        context = {key: value for key, value in said.items() if value is not None}
        missing = [name for key, name in self._keys.items() if key not in said]
        return _Result(resource, simulation.simulate(question, layers, context), missing)

    def _of_resources(self, question: Question) -> Policy | None:
        """The resource's policy, of the use that it has for this question."""
        document, use = self.resource_policy, question.use_of_policy
        if document is None:
            return None
        if use not in self._resource_policies:
            simulation_inputs.require_form(document, use)
            self._resource_policies[use] = compile_policy(document, use, "ResourcePolicy")
            self._keys = context_keys.of_documents([document]) | self._keys
        return self._resource_policies[use]

    def _documents(self) -> Iterator[str]:
        layers = self.supposed
        policies = [*layers.identity, *(layers.boundaries or ())]
        for policy in [*policies, *(policy for level in layers.scps for policy in level)]:
            yield policy.text
        if self.resource_policy is not None:
            yield self.resource_policy

    def _matched(self, outcome: Outcome) -> list[shapes.Statement]:
        found = []
        for layer, policy, at in outcome.matched:
            if policy not in self._positions:
                self._positions[policy] = simulation.positions(policy.text)
            start, end = self._positions[policy][at]
            found.append(
                shapes.Statement(
                    SourcePolicyId=policy.name,
                    SourcePolicyType="Resource Policy" if layer is Layer.RESOURCE else "IAM Policy",
                    StartPosition=shapes.Position(Line=start.line, Column=start.column),
                    EndPosition=shapes.Position(Line=end.line, Column=end.column),
                )
            )
        return found


class _Result(NamedTuple):
    resource: str
    outcome: Outcome
    missing: list[str]  # condition keys that policies look at and that had no value


def _details(outcome: Outcome, otherwise: dict[str, str] | None = None) -> dict[str, str] | None:
    if outcome.sides is None:
        return otherwise
    return {_SIDES[side]: _DECISIONS[says] for side, says in outcome.sides.items()}


def _of_boundary(outcome: Outcome) -> shapes.PermissionsBoundaryDecisionDetail | None:
    if outcome.boundary is None:
        return None
    return shapes.PermissionsBoundaryDecisionDetail(AllowedByPermissionsBoundary=outcome.boundary)


def _of_organization(outcome: Outcome) -> shapes.OrganizationsDecisionDetail | None:
    if outcome.organization is None:
        return None
    return shapes.OrganizationsDecisionDetail(AllowedByOrganizations=outcome.organization)


def _length(value: Value | None) -> int:
    return max(map(len, value), default=0) if isinstance(value, tuple) else len(value or "")
