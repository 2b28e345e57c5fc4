"""An explanation as plain values, ready for JSON: what `strongroom explain --json` prints and what
the audit log keeps of a denial.

    {"decision": "Allow" | "ImplicitDeny" | "ExplicitDeny",
     "decidedBy": {"layer", "policy", "digest", "statement", "sid", "line", "column"} | {"layer", "grant"} | {"layer"},
     "note": ...,
     "principal", "action", "resource", "account",
     "layers": [{"layer", "level", "says", "statements": [...], "others"}],
     "grants": [{"grant", "grantee", "applies", "why"}], "otherGrants",
     "remedies": [...]}

A statement is told if it is about this principal and this action; the rest are a number (`others`).
Members with nothing to say are left out.  Everything is bounded, so that a record of it stays a
record: so many statements, values of a condition, characters.  docs/formats/explanation.md has it
member by member.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256

import msgspec

from strongroom.policy.caller import OUTSIDE, Kind, Named
from strongroom.policy.compiled import Policy, Statement
from strongroom.policy.conditions import Condition
from strongroom.policy.decide import Decision
from strongroom.policy.explain import Asked, Explanation, GrantVerdict, LayerVerdict, Weighed
from strongroom.policy.layers import Layer

Told = dict[str, object]

_MOST_STATEMENTS = 16  # of a layer
_MOST_LAYERS = 16  # where their statements are left out
_MOST_GRANTS = 16
_MOST_VALUES = 8  # of a condition
_MOST_TEXT = 256  # characters of a value
_DIGEST = 16  # hex digits
_NAMES = {
    Named.ALONE: "the principal",
    Named.LIMITED: "what the principal is a session of",
    Named.ACCOUNT: "its account",
}
_encode = msgspec.json.Encoder().encode


def told(explanation: Explanation) -> Told:
    return _told(explanation, [_layer(each) for each in _weighed(explanation)])


def _told(explanation: Explanation, layers: list[Told]) -> Told:
    question, decision = explanation.question, explanation.decision
    near = sorted(explanation.grants, key=lambda each: not each.applies)
    return _present(
        {
            "decision": decision.verdict.value,
            "decidedBy": _decided_by(decision),
            "note": decision.note,
            "principal": question.caller.arn,
            "action": question.action,
            "resource": question.resource,
            "account": question.account,
            "layers": layers,
            "grants": [_grant(each) for each in near[:_MOST_GRANTS]],
            "otherGrants": max(len(near) - _MOST_GRANTS, 0),
            "remedies": list(explanation.remedies),
        }
    )


def recorded(explanation: Explanation, most: int) -> bytes:
    """The same as JSON of at most `most` bytes: if need be, without the statements."""
    layers = [_layer(each) for each in _weighed(explanation)]
    text = _encode(_told(explanation, layers))
    if len(text) > most:
        for layer in layers:
            layer.pop("statements", None)
        shorter = _told(explanation, layers[:_MOST_LAYERS])
        text = _encode(shorter | {"shortened": True})
    return text


def digest(policy: Policy) -> str:
    """By which a reader sees whether a document is still the one that decided."""
    return sha256(policy.text.encode()).hexdigest()[:_DIGEST]


def _decided_by(decision: Decision) -> Told:
    by: Told = {} if decision.layer is None else {"layer": decision.layer.value}
    if decision.grant is not None:
        return by | {"grant": decision.grant.id}
    if decision.policy is None or decision.statement is None:
        return by
    return by | place(decision.policy, decision.statement)


def place(policy: Policy, statement: Statement) -> Told:
    """Where a statement is found."""
    return _present(
        {
            "policy": policy.name,
            "digest": digest(policy),
            "statement": statement.index + 1,
            "sid": statement.sid,
            "line": statement.span.start.line,
            "column": statement.span.start.column,
        }
    )


def _weighed(explanation: Explanation) -> list[LayerVerdict]:
    """The layers that had a say: a root user has no policies of its own, and needs none; nor has
    whoever is of no account.
    """
    if explanation.question.caller.kind not in (Kind.ROOT, *OUTSIDE):
        return list(explanation.layers)
    return [each for each in explanation.layers if each.layer is not Layer.IDENTITY]


def _layer(verdict: LayerVerdict) -> Told:
    about = [each for each in verdict.statements if each.named and each.action]
    shown = sorted(about, key=_distance)[:_MOST_STATEMENTS]
    return _present(
        {
            "layer": verdict.layer.value,
            "level": verdict.name,
            "says": verdict.says.value,
            "statements": [_statement(each) for each in shown],
            "others": len(verdict.statements) - len(shown),
        }
    )


def _distance(weighed: Weighed) -> tuple[bool, bool, int]:
    """Those that apply first, then those that lack least."""
    failed = sum(not asked.holds for asked in weighed.conditions)
    return not weighed.applies, not weighed.resource, failed


def _statement(weighed: Weighed) -> Told:
    return place(weighed.policy, weighed.statement) | _present(
        {
            "effect": "Allow" if weighed.statement.allow else "Deny",
            "names": _NAMES.get(weighed.named, "") if weighed.policy.use.has_principals else "",
            "applies": weighed.applies,
            "why": weighed.why_not,
            "conditions": [_condition(asked) for asked in weighed.conditions],
        }
    )


def condition(of: Condition) -> Told:
    return {"operator": of.operator, "key": of.written, "wanted": _values(of.values)}


def _condition(asked: Asked) -> Told:
    found = condition(asked.condition) | {"holds": asked.holds}
    if asked.seen is not None:
        found["seen"] = _cut(asked.seen) if isinstance(asked.seen, str) else _values(asked.seen)
    return found


def _grant(verdict: GrantVerdict) -> Told:
    why = ""
    if not verdict.named:
        why = "it is for another principal"
    elif not verdict.operation:
        why = "it is for other operations"
    elif not verdict.holds:
        why = "its constraint is not met by the encryption context"
    return _present(
        {
            "grant": verdict.grant.id,
            "grantee": verdict.grant.grantee,
            "applies": verdict.applies,
            "why": why,
        }
    )


def _values(values: Sequence[str]) -> list[str]:
    shown = [_cut(value) for value in values[:_MOST_VALUES]]
    return (
        shown if len(values) <= _MOST_VALUES else [*shown, f"and {len(values) - len(shown)} more"]
    )


def cut(values: str | Sequence[str] | None) -> bool:
    """Whether something is missing of values that were told."""
    if values is None:
        return False
    texts = (values,) if isinstance(values, str) else values
    return len(texts) > _MOST_VALUES or any(
        len(text) == _MOST_TEXT and text.endswith("…") for text in texts
    )


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_TEXT else text[: _MOST_TEXT - 1] + "…"


def _present(members: Told) -> Told:
    kept: Iterable[tuple[str, object]] = members.items()
    return {
        name: value for name, value in kept if value not in ("", None, [], {}, 0) or value is False
    }
