"""The whole of one decision: every layer, every statement, every condition, and what would change it.

Nothing is short-circuited here.  The decision itself is `decide`'s; the rest is looked at statement
by statement, so that a reader sees why each one counted or not.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from strongroom.policy.caller import Caller, Named
from strongroom.policy.compiled import Policy, Statement
from strongroom.policy.conditions import Condition
from strongroom.policy.decide import Decision, decide
from strongroom.policy.grants import Grant
from strongroom.policy.layers import Layer, Layers, Question, Verdict
from strongroom.policy.variables import Context


@dataclass(frozen=True, slots=True)
class Asked:
    """A condition, what it wants and what it saw."""

    condition: Condition
    seen: str | tuple[str, ...] | None  # None: the request has no such key
    holds: bool


@dataclass(frozen=True, slots=True)
class Weighed:
    """A statement, and in which respects it is about the request."""

    policy: Policy
    statement: Statement
    named: Named  # NOT: it is about other principals
    action: bool
    resource: bool
    conditions: tuple[Asked, ...]

    @property
    def applies(self) -> bool:
        return (
            not self.statement.inert
            and self.named is not Named.NOT
            and self.action
            and self.resource
            and all(asked.holds for asked in self.conditions)
        )

    @property
    def why_not(self) -> str:
        """The first respect in which it is not about the request; nothing if it applies."""
        if self.statement.inert:
            return self.statement.inert
        if self.named is Named.NOT:
            return "it is about other principals"
        if not self.action:
            return "it is about other actions"
        if not self.resource:
            return "it is about other resources"
        failed = [asked for asked in self.conditions if not asked.holds]
        if not failed:
            return ""
        return (
            f"its condition {failed[0].condition.operator} on {failed[0].condition.written} fails"
        )


@dataclass(frozen=True, slots=True)
class LayerVerdict:
    """What one layer, or one level of it, says by itself."""

    layer: Layer
    name: str  # of a level; else nothing
    says: Verdict
    statements: tuple[Weighed, ...]


@dataclass(frozen=True, slots=True)
class GrantVerdict:
    grant: Grant
    named: Named
    operation: bool
    holds: bool

    @property
    def applies(self) -> bool:
        return bool(self.named) and self.operation and self.holds


@dataclass(frozen=True, slots=True)
class Explanation:
    question: Question
    context: Context = field(repr=False)
    decision: Decision
    layers: tuple[LayerVerdict, ...]
    grants: tuple[GrantVerdict, ...]
    remedies: tuple[str, ...]  # what would have to change for the request to be allowed


def explain(question: Question, layers: Layers, context: Context) -> Explanation:
    decision = decide(question, layers, context)
    weighing = _Weighing(question, context, bounded=bool(layers.boundaries))
    verdicts = []
    for layer, levels in (
        (Layer.SCP, layers.scps),
        (Layer.RCP, layers.rcps),
    ):
        for at, level in enumerate(levels, 1):
            verdicts.append(weighing.layer(layer, level, f"level {at}"))
    for layer, policies in (
        (Layer.ENDPOINT, layers.endpoint),
        (Layer.RESOURCE, None if layers.resource is None else (layers.resource,)),
        (Layer.IDENTITY, layers.identity),
        (Layer.BOUNDARY, layers.boundaries),
        (Layer.SESSION, layers.session),
    ):
        if policies is not None:
            verdicts.append(weighing.layer(layer, policies, ""))
    grants = tuple(
        GrantVerdict(
            grant,
            grant.names_caller(question.caller),
            question.action.lower() in grant.actions,
            grant.holds(question.action.lower(), context),
        )
        for grant in layers.grants
    )
    whole = tuple(verdicts)
    return Explanation(
        question, context, decision, whole, grants, tuple(_remedies(question, decision, whole))
    )


class _Weighing:
    def __init__(self, question: Question, context: Context, *, bounded: bool) -> None:
        self._question = question
        self._context = context
        self._bounded = bounded

    def layer(self, layer: Layer, policies: Sequence[Policy], name: str) -> LayerVerdict:
        weighed = tuple(
            self._statement(policy, statement)
            for policy in policies
            for statement in policy.statements
        )
        applying = [each for each in weighed if each.applies]
        if any(not each.statement.allow for each in applying):
            says = Verdict.EXPLICIT_DENY
        else:
            says = Verdict.ALLOW if applying else Verdict.IMPLICIT_DENY
        return LayerVerdict(layer, name, says, weighed)

    def _statement(self, policy: Policy, statement: Statement) -> Weighed:
        named = statement.names(self._question.caller)
        if not named and self._bounded and statement.not_principals and not statement.allow:
            named = Named.ALONE
        return Weighed(
            policy,
            statement,
            named,
            statement.selects(self._question.action.lower()),
            statement.includes(self._question.resource, self._context),
            tuple(
                Asked(each, self._context.get(each.key), each.holds(self._context))
                for each in statement.conditions
            ),
        )


def _remedies(question: Question, decision: Decision, layers: Sequence[LayerVerdict]) -> list[str]:
    """What would have to change, in the order in which one would try."""
    if decision.allows:
        return []
    if decision.note:
        return [decision.note]
    action, resource, who = question.action, question.resource, _keeper(question.caller)
    if decision.verdict is Verdict.EXPLICIT_DENY:
        statement, policy = decision.statement, decision.policy
        if statement is None or policy is None:
            return []
        where = f"line {statement.span.start.line} of {policy.name}"
        named = (
            f"the statement `{statement.sid}`"
            if statement.sid
            else f"statement {statement.index + 1}"
        )
        return [
            f"take away {named} ({where}), or make it spare this request",
            *(
                f"or let its condition {each.operator} on {each.written} not hold: it wants "
                f"{_listed(each.values)}"
                for each in statement.conditions
            ),
        ]
    near = [
        f"the statement at line {each.statement.span.start.line} of {each.policy.name} would allow it, "
        f"but {_failed(each)}"
        for verdict in layers
        if verdict.layer is decision.layer
        for each in verdict.statements
        if each.statement.allow
        and each.named
        and each.action
        and each.resource
        and not each.applies
    ]
    match decision.layer:
        case Layer.RESOURCE if question.is_of_key:
            missing = (
                f"let the key policy allow {action} to {who}, or to its account "
                f"({question.caller.account}), or make a grant"
            )
        case Layer.RESOURCE:
            missing = f"let the resource's policy allow {action} to {who}"
        case Layer.IDENTITY:
            missing = f"attach a policy to {who} that allows {action} on {resource}"
        case Layer.BOUNDARY:
            missing = f"let the permissions boundary of {who} allow {action} on {resource}"
        case Layer.SESSION:
            missing = f"let the session's policy allow {action} on {resource}"
        case Layer.SCP:
            missing = f"let every level of service control policies allow {action}"
        case Layer.ENDPOINT:
            missing = f"let the VPC endpoint's policy allow {action}"
        case _:
            missing = f"nothing allows {action} on {resource}"
    return [*near, missing]


def _keeper(caller: Caller) -> str:
    """The ARN of whom policies are attached to: of a session, its role or the user who asked for it."""
    kept = [name for name, named in caller.names.items() if named is Named.LIMITED]
    arn = next((name for name in kept if name.startswith("arn:")), "")
    if arn or not caller.role:
        return arn or caller.arn
    partition, account, role = caller.role.split(":", 2)
    return f"arn:{partition}:iam::{account}:role/{role}"


def _failed(weighed: Weighed) -> str:
    for asked in weighed.conditions:
        if not asked.holds:
            wanted = _listed(asked.condition.values)
            seen = "it is absent" if asked.seen is None else f"it is {_listed(asked.seen)}"
            return f"{asked.condition.operator} wants {asked.condition.written} to be {wanted}, and {seen}"
    return weighed.why_not


def _listed(values: str | Sequence[str]) -> str:
    if isinstance(values, str):
        return f"`{values}`"
    return ", ".join(f"`{value}`" for value in values) or "nothing"
