"""A question put to policies that are only supposed, and what IAM's policy simulator says of it.

The decision is `decide`'s, as `explain` gives it; nothing is weighed a second way.  Here it is put
into the simulator's terms:

    matched        allowed: the Allow statements that apply, of the resource's policy and, where a
                   boundary does not keep them from counting, of the caller's own; denied by
                   statements: those; denied by silence: none within an account, and across
                   accounts the Allow statements of the side that does allow
    sides          across accounts, what each kind of policy says by itself
    boundary       whether the permissions boundary allows, where there is one
    organization   whether every level of service control policies does, where there are some

Statements of an organization's policies are never among those that matched.

A key always has a policy.  Where none is supposed, it is taken to leave the key to its account, as
the policy does that a key gets by itself.

Source: IAM API Reference, SimulateCustomPolicy, EvaluationResult, Statement; recorded answers.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from strongroom.arn import root_user
from strongroom.policy.compiled import Policy, Span, Use, compile_policy
from strongroom.policy.document import Lines, parse
from strongroom.policy.explain import Explanation, LayerVerdict, explain
from strongroom.policy.layers import Layer, Layers, Question, Verdict
from strongroom.policy.variables import Context

SIDES = (Layer.IDENTITY, Layer.RESOURCE, Layer.BOUNDARY)
"""The kinds of policies that are told apart across accounts."""

_OF_ORGANIZATIONS = (Layer.SCP, Layer.RCP)
_RESTRICTION = {Verdict.ALLOW: 0, Verdict.IMPLICIT_DENY: 1, Verdict.EXPLICIT_DENY: 2}


class Matched(NamedTuple):
    layer: Layer
    policy: Policy
    at: int  # which of the policy's statements, from 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one action on one resource, or on several together, comes to."""

    verdict: Verdict
    matched: tuple[Matched, ...]
    sides: Mapping[Layer, Verdict] | None  # None within an account, and where an SCP denies
    boundary: bool | None
    organization: bool | None


def simulate(question: Question, layers: Layers, context: Context) -> Outcome:
    """What the simulator says of one action on one resource."""
    supposed = layers.resource
    if supposed is None and question.is_of_key:
        layers = replace(layers, resource=_left_to_the_account(question))
    explanation = explain(question, layers, context)
    of = {verdict.layer: verdict for verdict in explanation.layers}
    levels = [each.says for each in explanation.layers if each.layer is Layer.SCP]
    organization = None
    if levels and not question.caller.service_linked:
        organization = all(says is Verdict.ALLOW for says in levels)
    boundary = of[Layer.BOUNDARY].says is Verdict.ALLOW if Layer.BOUNDARY in of else None
    return Outcome(
        explanation.decision.verdict,
        tuple(
            each
            for each in _matched(explanation, of, boundary=boundary)
            if each.layer is not Layer.RESOURCE or each.policy is supposed
        ),
        None
        if question.same_account or organization is False
        else {
            side: of[side].says if side in of else Verdict.IMPLICIT_DENY
            for side in SIDES
            if side in of or side is not Layer.BOUNDARY
        },
        boundary,
        organization,
    )


def together(outcomes: Sequence[Outcome]) -> Outcome:
    """Several resources' outcomes as one, which is that of the most restricted; at least one."""
    verdict = most_restrictive(each.verdict for each in outcomes)
    matched: dict[Matched, None] = {}
    if verdict is not Verdict.IMPLICIT_DENY:
        for each in outcomes:
            if each.verdict is verdict:
                matched |= dict.fromkeys(each.matched)
    given = [each.sides for each in outcomes if each.sides is not None]
    return Outcome(
        verdict,
        tuple(matched),
        {
            side: most_restrictive(sides[side] for sides in given if side in sides)
            for side in SIDES
            if any(side in sides for sides in given)
        }
        if given
        else None,
        _all(each.boundary for each in outcomes),
        _all(each.organization for each in outcomes),
    )


def positions(text: str) -> list[Span]:
    """Where AWS says that each statement of a well-formed document stands; ends are exclusive.

    It tells where its parser is: a statement in an array begins behind the bracket or behind the
    statement before, one without an array behind its own brace.
    """
    root, lines = parse(text).value, Lines(text)
    if not isinstance(root, dict):
        return []
    node = root["Statement"]
    begin = node.start + 1
    found = []
    for item in node.items:
        found.append(Span(lines.place(begin), lines.place(item.end)))
        begin = item.end
    return found


def most_restrictive(verdicts: Iterable[Verdict]) -> Verdict:
    return max(verdicts, key=_RESTRICTION.__getitem__)


def _matched(
    explanation: Explanation, of: Mapping[Layer, LayerVerdict], *, boundary: bool | None
) -> list[Matched]:
    verdict = explanation.decision.verdict
    if verdict is Verdict.EXPLICIT_DENY:
        wanted = [each for each in of.values() if each.layer not in _OF_ORGANIZATIONS]
    elif verdict is Verdict.ALLOW or not explanation.question.same_account:
        wanted = [
            of[side]
            for side in (Layer.RESOURCE, Layer.IDENTITY)
            if side in of and (side is Layer.RESOURCE or boundary is not False)
        ]
    else:
        wanted = []
    return [
        Matched(layer.layer, each.policy, each.statement.index)
        for layer in wanted
        for each in layer.statements
        if each.applies and each.statement.allow is not (verdict is Verdict.EXPLICIT_DENY)
    ]


def _left_to_the_account(question: Question) -> Policy:
    partition = question.resource.split(":", 2)[1]
    owner = root_user(partition, question.account)
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": owner},
        "Action": "kms:*",
        "Resource": "*",
    }
    return compile_policy(json.dumps({"Version": "2012-10-17", "Statement": statement}), Use.KEY)


def _all(given: Iterable[bool | None]) -> bool | None:
    known = [each for each in given if each is not None]
    return all(known) if known else None
