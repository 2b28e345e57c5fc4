"""The decision, fast: what cannot change between requests is settled once, in `prepare`.

    prepare(question, layers)    who, what and which resource: which statements are left, and what
                                 of them depends on the circumstances; of these, what is `known`
    Prepared.decide(context)     the answer in these circumstances

An explicit Deny anywhere wins.  What has to allow is said in `_combine`, which is all of AWS's
evaluation logic that is not about a single statement:

    same account      a resource's policy that names the caller itself is enough; one that names
                      what the caller is a session of is limited by boundary and session policies;
                      else identity, boundary and session policies must all allow
    keys and roles    the resource's own policy must allow, or leave it to the account
    other accounts    both sides must allow
    grants            beside a key's policy, as if it named the grantee

Source: IAM User Guide, "Policy evaluation logic"; KMS Developer Guide, "Key policies", "Grants".
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from strongroom.policy import effort
from strongroom.policy.caller import OUTSIDE, Caller, Kind, Named
from strongroom.policy.compiled import Policy, Statement, Use
from strongroom.policy.conditions import Condition, together
from strongroom.policy.grants import Grant, unconstrained
from strongroom.policy.kms import ACROSS_ACCOUNTS
from strongroom.policy.layers import Layer, Layers, Question, Verdict
from strongroom.policy.variables import Context

Test = Callable[[Context], bool]

# Looked up once: to ask an enumeration for a member takes as long as four of the comparisons here.
_SERVICE, _ANONYMOUS, _ROOT, _FEDERATED = (
    Kind.SERVICE,
    Kind.ANONYMOUS,
    Kind.ROOT,
    Kind.FEDERATED,
)
_NOT, _LIMITED, _ALONE = Named.NOT, Named.LIMITED, Named.ALONE
_ALLOW, _EXPLICIT, _IMPLICIT = Verdict.ALLOW, Verdict.EXPLICIT_DENY, Verdict.IMPLICIT_DENY
_RESOURCE, _IDENTITY, _BOUNDARY, _SESSION = (
    Layer.RESOURCE,
    Layer.IDENTITY,
    Layer.BOUNDARY,
    Layer.SESSION,
)


class Decision(msgspec.Struct, frozen=True):
    verdict: Verdict
    layer: Layer | None  # that decided; None where nothing but the account's root user was needed
    policy: Policy | None = None
    statement: Statement | None = None
    grant: Grant | None = None
    note: str = ""  # where neither a policy nor its silence decided

    @property
    def allows(self) -> bool:
        return self.verdict is _ALLOW

    @property
    def denies(self) -> bool:
        """Whether a statement says no, which nothing else can make good."""
        return self.verdict is _EXPLICIT


class Heard(msgspec.Struct, frozen=True):
    """A statement that is about this caller, action and resource, as far as that is settled."""

    layer: Layer
    policy: Policy
    statement: Statement
    named: Named
    test: Test | None  # what it still depends on


class HeardGrant(NamedTuple):
    grant: Grant
    named: Named


class Prepared(msgspec.Struct, eq=False):
    """One question, asked of these layers in any circumstances."""

    question: Question
    action: str  # lower case
    denies: list[Heard]
    scps: list[list[Heard]]
    endpoint: list[Heard] | None
    resource: list[Heard]  # the narrowest names first
    identity: list[Heard]
    boundaries: list[Heard] | None
    session: list[Heard] | None
    grants: list[HeardGrant]
    strict: bool  # the resource's own policy must allow or delegate
    refused: str  # why no policy could allow it
    narrow: bool  # whether the answer may be another for another key, whatever else is the same
    settled: Decision | None = None  # if nothing depends on the circumstances
    unless: list[Decision] | None = None  # by grants: all that depends is whether they hold
    otherwise: Decision | None = None  # where there are such, and none holds

    def decide(self, context: Context) -> Decision:
        if self.settled is not None:
            return self.settled
        effort.begin()
        if self.unless is None or self.otherwise is None:
            return _combine(self, context)
        for decision in self.unless:
            if decision.grant is not None and decision.grant.holds(self.action, context):
                return decision
        return self.otherwise


_NO_CONTEXT: Context = {}


def prepare(question: Question, layers: Layers, known: Context = _NO_CONTEXT) -> Prepared:
    """`known` has the condition keys whose values are these in all circumstances."""
    effort.begin()
    caller = question.caller
    action = question.action.lower()
    hear = _Hearing(question, action, known, bounded=bool(layers.boundaries))
    scps: list[list[Heard]] = []
    if layers.scps and not (caller.kind in OUTSIDE or caller.service_linked):
        scps = [hear(Layer.SCP, level) for level in layers.scps]
    if layers.rcps and not (
        caller.service_linked or layers.of_aws_managed_key or action == "kms:retiregrant"
    ):
        for level in layers.rcps:
            # They only ever deny: what allows is attached to each level and cannot be taken off.
            hear(Layer.RCP, level)
    endpoint = None if layers.endpoint is None else hear(Layer.ENDPOINT, layers.endpoint)
    resource = [] if layers.resource is None else hear(_RESOURCE, (layers.resource,))
    if len(resource) > 1:
        resource.sort(key=lambda heard: -heard.named)
    identity = hear(_IDENTITY, layers.identity)
    boundaries = None if layers.boundaries is None else hear(_BOUNDARY, layers.boundaries)
    session = None if layers.session is None else hear(_SESSION, layers.session)
    if session is None and caller.kind is _FEDERATED:
        session = []
    grants = [
        HeardGrant(grant, named)
        for grant in layers.grants
        if action in grant.actions and (named := grant.names_caller(caller))
    ]
    prepared = Prepared(
        question,
        action,
        hear.denies,
        scps,
        endpoint,
        resource,
        identity,
        boundaries,
        session,
        grants,
        _strict(question, action, layers.resource),
        _refused(question, action),
        hear.narrow,
    )
    if not hear.depends:
        if any(heard.grant.constrained for heard in grants):
            _settle_all_but_grants(prepared)
        else:
            prepared.settled = _combine(prepared, _NO_CONTEXT)
    return prepared


def _settle_all_but_grants(asked: Prepared) -> None:
    """Without grants the answer is settled; of the grants, which could make it another."""
    grants = asked.grants
    asked.grants = []
    asked.otherwise = _combine(asked, _NO_CONTEXT)
    enough: dict[Named, bool] = {}  # a grant that means the caller so, if it holds
    for heard in grants:
        if heard.named not in enough:
            asked.grants = [HeardGrant(unconstrained(heard.grant), heard.named)]
            enough[heard.named] = _combine(asked, _NO_CONTEXT).grant is not None
    asked.grants = grants
    asked.unless = [
        Decision(_ALLOW, Layer.GRANT, grant=heard.grant) for heard in grants if enough[heard.named]
    ]


def decide(question: Question, layers: Layers, context: Context) -> Decision:
    """One decision, from compiled policies."""
    return prepare(question, layers).decide(context)


def _strict(question: Question, action: str, policy: Policy | None) -> bool:
    if action.startswith("kms:"):
        return question.is_of_key
    return policy is not None and policy.use is Use.TRUST


def _refused(question: Question, action: str) -> str:
    caller = question.caller
    if caller.kind is _ANONYMOUS and action.startswith("kms:"):
        return "KMS serves nobody who does not say who they are"
    if (
        action.startswith("kms:")
        and caller.kind is not _SERVICE
        and not question.same_account
        and action not in ACROSS_ACCOUNTS
    ):
        return f"{question.action} does not work across accounts"
    if caller.kind is _ROOT and action == "sts:assumerole":
        return "an account's root user cannot assume a role"
    return ""


class _Hearing:
    """Collects the statements of each layer that may matter."""

    def __init__(self, question: Question, action: str, known: Context, *, bounded: bool) -> None:
        self._caller: Caller = question.caller
        self._arn = question.resource
        self._keys = question.keys
        self._action = action
        self._known = known
        self._bounded = bounded
        self.denies: list[Heard] = []
        self.depends = False  # something depends on the circumstances
        self.narrow = not self._keys  # something depends on which key it is

    def __call__(self, layer: Layer, policies: Iterable[Policy]) -> list[Heard]:
        """The statements of a layer that allow; those that deny are kept aside."""
        allows: list[Heard] = []
        for policy in policies:
            for statement in policy.about(self._action):
                named = statement.names(self._caller)
                if not named and not (
                    self._bounded and statement.not_principals and not statement.allow
                ):
                    continue
                test = statement.test
                if test is not None and self._known:
                    open_ = self._open(statement.conditions)
                    if open_ is None:
                        continue
                    test = together(open_)
                self.narrow = self.narrow or statement.tells_apart(self._keys)
                if statement.depends_for_resource:
                    test = _with_resource(statement, self._arn, test)
                elif not statement.includes(self._arn, _NO_CONTEXT):
                    continue
                if test is not None:
                    self.depends = True
                heard = Heard(layer, policy, statement, named or _ALONE, test)
                (allows if statement.allow else self.denies).append(heard)
        return allows

    def _open(self, conditions: Iterable[Condition]) -> list[Condition] | None:
        """Those that what is known does not settle; None if one of them is settled not to hold."""
        open_ = []
        for condition in conditions:
            if not condition.keys <= self._known.keys():
                open_.append(condition)
            elif not condition.holds(self._known):
                return None
        return open_


def _with_resource(statement: Statement, arn: str, test: Test | None) -> Test:
    return lambda context: statement.includes(arn, context) and (test is None or test(context))


def _combine(asked: Prepared, context: Context) -> Decision:
    """AWS's evaluation logic, over statements that are about this question."""
    if (deny := _first(asked.denies, context)) is not None:
        return Decision(_EXPLICIT, deny.layer, deny.policy, deny.statement)
    for level in asked.scps:
        if _first(level, context) is None:
            return _silent(Layer.SCP)
    if asked.endpoint is not None and _first(asked.endpoint, context) is None:
        return _silent(Layer.ENDPOINT)
    if asked.refused:
        return Decision(_IMPLICIT, _RESOURCE, note=asked.refused)

    question = asked.question
    caller = question.caller
    named = _first(asked.resource, context)
    if caller.kind in OUTSIDE:
        if named is not None and named.named is _ALONE:
            return _allowed(named)
        for grant, _ in asked.grants:
            if grant.holds(asked.action, context):
                return Decision(_ALLOW, Layer.GRANT, grant=grant)
        return _silent(_RESOURCE)

    root = caller.kind is _ROOT
    identity = None if root else _first(asked.identity, context)
    limited: Layer | None = None  # what of boundary and session does not allow
    if asked.session is not None and _first(asked.session, context) is None:
        limited = _SESSION
    if asked.boundaries is not None and not root and _first(asked.boundaries, context) is None:
        limited = _BOUNDARY
    # What of all the caller's own side does not.
    missing = limited if root or identity is not None else _IDENTITY
    how = named.named if named is not None else _NOT

    if question.same_account:
        if named is not None and (how is _ALONE or (how is _LIMITED and limited is None)):
            return _allowed(named)
        if missing is None and (how or not asked.strict):
            # The account's own policies, or its root user, to whom the resource leaves it.
            return _allowed(named if identity is None else identity)
        at_fault = (limited if how is _LIMITED else missing) if how or not asked.strict else None
    else:
        if named is not None and missing is None:
            return _allowed(named)
        at_fault = missing if named is not None else None

    for grant, by in asked.grants:
        needs = None
        if by is not _ALONE:
            needs = limited if by is _LIMITED else missing
        if needs is None and grant.holds(asked.action, context):
            return Decision(_ALLOW, Layer.GRANT, grant=grant)
    return _silent(at_fault or _RESOURCE)


def _first(heard: Iterable[Heard], context: Context) -> Heard | None:
    """The first statement that applies."""
    for each in heard:
        if each.test is None or each.test(context):
            return each
    return None


def _allowed(heard: Heard | None) -> Decision:
    if heard is None:
        return Decision(_ALLOW, None)
    return Decision(_ALLOW, heard.layer, heard.policy, heard.statement)


def _silent(layer: Layer) -> Decision:
    return Decision(_IMPLICIT, layer)
