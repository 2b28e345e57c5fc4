"""One line of a Condition block: an operator, a key, its values; compiled into a predicate.

    the key is absent                     positive: no; negated: yes; ...IfExists: yes
    one value                             positive: some policy value matches; negated: none does
    several values, no set operator       no
    ForAllValues                          every value of the request passes; yes if there is none
    ForAnyValue                           some value passes; no if there is none
    Null                                  "true": the key is absent; "false": it is there

What cannot be decided falls on the safe side, and which side that is depends on the effect of
the statement: a Deny applies and an Allow does not.  That is so for an operator that is not
known, a policy value that the operator cannot read, for a negated comparison with a request value
of the wrong type, for a request that says two things where one is meant (`Ambiguous`), and for
comparisons that would take too long (`effort`).

Source: IAM User Guide, "Condition operators" and "Multivalued context keys".
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from strongroom.policy import effort
from strongroom.policy.effort import Undecidable
from strongroom.policy.glob import Matcher
from strongroom.policy.operators import OPERATORS, Operator, Unreadable
from strongroom.policy.variables import Ambiguous, Context, Template, template

Test = Callable[[Context], bool]
SetOperator = Literal["", "ForAllValues", "ForAnyValue"]

_IF_EXISTS = "IfExists"
_NOWHERE = ""  # a key that no request has


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    operator: str  # as it is written: "ForAnyValue:StringLikeIfExists"
    key: str  # lower case
    values: tuple[str, ...]
    holds: Test
    broken: str  # why it cannot be decided, if it cannot
    keys: frozenset[str]  # all that it looks at, variables included
    written: str  # the key as it is written


def together(conditions: Sequence[Condition]) -> Test | None:
    """All of them as one; None if there are none."""
    match [condition.holds for condition in conditions]:
        case []:
            return None
        case [one]:
            return one
        case [one, other]:
            return lambda context: one(context) and other(context)
        case several:
            return partial(_all_hold, several)


def _all_hold(tests: Sequence[Test], context: Context) -> bool:
    for holds in tests:  # noqa: SIM110 - `all` with a generator costs twice as much
        if not holds(context):
            return False
    return True


@dataclass(frozen=True, slots=True)
class _Form:
    """An operator's name taken apart."""

    set: SetOperator
    base: str
    if_exists: bool


def form(name: str) -> _Form | None:
    """None if there is no such operator."""
    prefix, colon, rest = name.partition(":")
    if not colon:
        prefix, rest = "", name
    if_exists = rest.endswith(_IF_EXISTS)
    base = rest.removesuffix(_IF_EXISTS)
    if base == "Null":
        return None if prefix or if_exists else _Form("", base, if_exists=False)
    if base not in OPERATORS:
        return None
    match prefix:
        case "" if not colon:
            return _Form("", base, if_exists)
        case "ForAllValues" | "ForAnyValue":
            return _Form(prefix, base, if_exists)
    return None


def fault(name: str, values: Sequence[str], *, variables: bool) -> str:
    """Why an operator cannot be asked with these values; nothing if it can."""
    found = form(name)
    if found is None:
        return f"there is no condition operator `{name}`"
    if found.base == "Null":
        wrong = [value for value in values if value.lower() not in ("true", "false")]
        return f"`{wrong[0]}` is neither true nor false" if wrong else ""
    operator = OPERATORS[found.base]
    for value in values:
        if variables and operator.pattern is not None and template(value) is not None:
            continue
        try:
            operator.read(value)
        except (ValueError, OverflowError):
            return f"`{value}` is not a value that {found.base} compares with"
    return ""


def compile_condition(
    name: str,
    key: str,
    values: Sequence[str],
    *,
    deny: bool,
    variables: bool,
    never_there: bool = False,
) -> Condition:
    """`deny`: the statement's effect, by which the safe side is known; `variables`: the document's
    version has them; `never_there`: the key has no value for documents of this use.
    """
    lower = key.lower()
    asked_for = _NOWHERE if never_there else lower
    broken = fault(name, values, variables=variables)
    found = form(name)
    if broken or found is None:
        return Condition(
            name,
            lower,
            tuple(values),
            lambda _: deny,
            broken or "unknown",
            frozenset((lower,)),
            key,
        )
    if found.base == "Null":
        wanted = {value.lower() == "true" for value in values}
        test: Test = lambda context: (not context.get(asked_for, ())) in wanted  # noqa: E731
        return Condition(name, lower, tuple(values), test, "", frozenset((lower,)), key)
    operator = OPERATORS[found.base]
    fixed, templates = [], []
    for value in values:
        filled = template(value) if variables and operator.pattern is not None else None
        if filled is None:
            fixed.append(operator.read(value))
        else:
            templates.append(filled)
    test = _test(found, asked_for, operator, fixed, templates, deny=deny)
    asked = {part.key for each in templates for part in each.parts if hasattr(part, "key")}
    return Condition(name, lower, tuple(values), test, "", frozenset(asked | {lower}), key)


def _test(
    found: _Form,
    key: str,
    operator: Operator,
    fixed: list[Matcher],
    templates: list[Template],
    *,
    deny: bool,
) -> Test:
    negated, make = operator.negated, operator.pattern
    if not fixed and not templates:
        # Nothing can match, and for a negated operator AWS does not say what that means.
        when_given = deny if negated else False
        passes: Callable[[str, Context], bool] = lambda _value, _context: when_given  # noqa: E731
    elif templates and make is not None:
        matching = make

        def passes(value: str, context: Context) -> bool:
            effort.spend((len(fixed) + len(templates)) * (1 + len(value) // effort.AT_ONCE))
            matchers = list(fixed)
            for each in templates:
                pattern = each.filled(context)
                if pattern is not None:
                    matchers.append(matching(pattern))
            return any(matches(value) for matches in matchers) is not negated
    elif len(fixed) == 1:
        (alone,) = fixed

        def passes(value: str, _context: Context) -> bool:
            try:
                return alone(value) is not negated
            except Unreadable:
                return deny if negated else False
    else:

        def passes(value: str, _context: Context) -> bool:
            effort.spend(len(fixed) * (1 + len(value) // effort.AT_ONCE))
            try:
                return any(matches(value) for matches in fixed) is not negated
            except Unreadable:
                return deny if negated else False

    absent = negated or found.if_exists
    if found.set == "" and len(fixed) == 1 and not templates:
        (alone,) = fixed

        def plain(context: Context) -> bool:
            """`single`, without a call in between."""
            value = context.get(key)
            if value is None:
                return absent
            if not isinstance(value, str):
                return deny and isinstance(value, Ambiguous)
            try:
                return alone(value) is not negated
            except Unreadable:
                return deny if negated else False
            except Undecidable:
                return deny

        return plain

    def single(context: Context) -> bool:
        value = context.get(key)
        if value is None:
            return absent
        if not isinstance(value, str):
            return deny and isinstance(value, Ambiguous)
        return passes(value, context)

    def for_all(context: Context) -> bool:
        return all(passes(value, context) for value in _several(context.get(key, ())))

    def for_any(context: Context) -> bool:
        values = context.get(key)
        if values is None:
            return found.if_exists
        return any(passes(value, context) for value in _several(values))

    test = {"": single, "ForAllValues": for_all, "ForAnyValue": for_any}[found.set]

    def decided(context: Context) -> bool:
        try:
            return test(context)
        except Undecidable:
            return deny

    return decided


def _several(value: str | tuple[str, ...]) -> tuple[str, ...]:
    if isinstance(value, Ambiguous):
        raise Undecidable
    return (value,) if isinstance(value, str) else value
