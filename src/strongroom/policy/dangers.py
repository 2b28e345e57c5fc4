"""What is legal in a policy and dangerous all the same.

Each danger is a function from a compiled document to findings; none of them is an error.

Source: IAM Access Analyzer, policy checks; AWS Security Hub, control KMS.1; KMS Developer Guide.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from strongroom.policy.compiled import Policy, Statement, Use
from strongroom.policy.document import Place

_LOCAL_CONDITIONS = frozenset(
    "aws:principalorgid aws:principalaccount aws:principalarn aws:sourceaccount aws:sourcearn "
    "aws:sourceorgid aws:principalorgpaths kms:calleraccount kms:viaservice aws:sourcevpce".split()
)
_DECRYPTING = ("kms:decrypt", "kms:reencryptfrom")


@dataclass(frozen=True, slots=True)
class Danger:
    what: str  # what it means and what to do
    place: Place


def dangers(policy: Policy, account: str = "") -> list[Danger]:
    """The dangers in a document, in its order.  `account` owns what it protects, if that is known."""
    return sorted(
        (
            Danger(what, statement.span.start)
            for statement in policy.statements
            for find in _OF_STATEMENTS
            for what in find(policy, statement, account)
        ),
        key=lambda danger: danger.place,
    ) + [Danger(what, Place(1, 1)) for what in _lockout(policy)]


def _public(policy: Policy, statement: Statement, _account: str) -> Iterator[str]:
    who = statement.principals
    if not statement.allow or who is None or policy.use is Use.RCP:
        return
    if who.everybody and not statement.not_principals:
        narrowing = {condition.key for condition in statement.conditions} & _LOCAL_CONDITIONS
        if not statement.conditions:
            yield "everybody in the world is allowed; name whom you mean"
        elif not narrowing:
            yield (
                "everybody in the world is allowed who meets the conditions, and none of them says who "
                "that is; add aws:PrincipalOrgID, aws:PrincipalArn or kms:CallerAccount"
            )


def _not_principal(_policy: Policy, statement: Statement, _account: str) -> Iterator[str]:
    if statement.not_principals and statement.allow:
        yield "NotPrincipal with Allow lets in everybody who is not listed, of any account"
    elif statement.not_principals:
        yield (
            "NotPrincipal with Deny spares a caller only if session, role and account are all listed, "
            "and never one that has a permissions boundary; say it by aws:PrincipalArn instead"
        )


def _for_all_values(_policy: Policy, statement: Statement, _account: str) -> Iterator[str]:
    null = {
        condition.key
        for condition in statement.conditions
        if condition.operator == "Null" and condition.values == ("false",)
    }
    for condition in statement.conditions:
        if (
            statement.allow
            and condition.operator.startswith("ForAllValues:")
            and condition.key not in null
        ):
            yield (
                f"ForAllValues on {condition.key} with Allow is met by a request that has no such key; "
                f'add "Null": {{"{condition.key}": "false"}}'
            )


def _negated(_policy: Policy, statement: Statement, _account: str) -> Iterator[str]:
    for condition in statement.conditions:
        if statement.allow and re.match(r"(?:String|Arn)Not|NotIp", condition.operator):
            yield (
                f"{condition.operator} with Allow is met by a request that has no {condition.key}"
            )


def _foreign(_policy: Policy, statement: Statement, account: str) -> Iterator[str]:
    who = statement.principals
    if not account or who is None or not statement.allow or statement.not_principals:
        return
    accounts = set(who.accounts) | {
        name.split(":")[4] for name in who.names if name.count(":") >= 5
    }
    if (foreign := sorted(accounts - {account})) and statement.selects("kms:putkeypolicy"):
        yield f"{', '.join(foreign)} may do anything with the key, up to taking it over"


def _every_key(policy: Policy, statement: Statement, _account: str) -> Iterator[str]:
    if policy.use not in (Use.IDENTITY, Use.SESSION) or not statement.allow:
        return
    where = statement.resources
    widely = where is not None and (
        where.everything
        or any(matches(f"arn:aws:kms:x:{'9' * 12}:key/x") for matches in where.fixed)
    )
    if widely and any(map(statement.selects, _DECRYPTING)) and not statement.conditions:
        yield "every key that leaves it to the account may be decrypted with; name the keys"


def _grants(_policy: Policy, statement: Statement, _account: str) -> Iterator[str]:
    keys = {condition.key for condition in statement.conditions}
    guarded = keys & {"kms:grantisforawsresource", "kms:grantoperations", "kms:granteeprincipal"}
    if (
        statement.allow
        and statement.selects("kms:creategrant")
        and not statement.selects("kms:putkeypolicy")
        and not guarded
    ):
        yield (
            "kms:CreateGrant passes on whatever a grant can allow; add kms:GrantOperations or "
            "kms:GrantIsForAWSResource"
        )


def _never(_policy: Policy, statement: Statement, _account: str) -> Iterator[str]:
    if statement.inert and not statement.broken:
        yield statement.inert


def _lockout(policy: Policy) -> Iterator[str]:
    if policy.use is not Use.KEY or policy.broken:
        return
    if not any(
        statement.allow and not statement.inert and statement.selects("kms:putkeypolicy")
        for statement in policy.statements
    ):
        yield "nobody is allowed kms:PutKeyPolicy: the policy could never be changed again"


_OF_STATEMENTS: tuple[Callable[[Policy, Statement, str], Iterator[str]], ...] = (
    _public,
    _not_principal,
    _for_all_values,
    _negated,
    _foreign,
    _every_key,
    _grants,
    _never,
)
