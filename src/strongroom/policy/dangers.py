"""What is legal in a policy and dangerous all the same.

Each danger is a function from a compiled document to findings; none of them is an error.

Source: IAM Access Analyzer, policy checks; AWS Security Hub, control KMS.1; KMS Developer Guide.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from strongroom.policy.caller import Caller
from strongroom.policy.compiled import Policy, Statement, Use, compile_policy
from strongroom.policy.conditions import Condition
from strongroom.policy.decide import prepare
from strongroom.policy.document import Malformed, Node, Place, parse
from strongroom.policy.kms import ACROSS_ACCOUNTS
from strongroom.policy.layers import Layers, Question
from strongroom.policy.reach import Reach, Step, reach
from strongroom.policy.variables import Context

_DECRYPTING = ("kms:decrypt", "kms:reencryptfrom")
_STRANGER = "999999999999"
_ANY_KEY = "1234abcd-12ab-34cd-56ef-1234567890ab"
_MOST_LISTED = 8  # accounts in a sentence

_OF_STRANGERS: Context = {
    "aws:principalaccount": _STRANGER,
    "aws:principalarn": f"arn:aws:iam::{_STRANGER}:role/stranger",
    "aws:principalorgid": "o-stranger99",
    "aws:principalorgpaths": ("o-stranger99/r-str9/ou-str9-stranger9/",),
    "aws:sourceaccount": _STRANGER,
    "aws:sourcearn": "arn:aws:s3:::stranger",
    "aws:sourceorgid": "o-stranger99",
    "aws:sourceorgpaths": ("o-stranger99/r-str9/ou-str9-stranger9/",),
    "aws:sourcevpc": "vpc-0123456789stranger",
    "aws:sourcevpce": "vpce-0123456789stranger",
    "aws:userid": "AROA999999999STRANGER:stranger",
    "kms:calleraccount": _STRANGER,
}
"""The condition keys that say who asks, with what somebody from anywhere may have there."""

_OF_OTHER_KEYS: Context = {
    "kms:requestalias": "alias/other",
    "kms:resourcealiases": ("alias/other",),
}
"""The condition keys that say which key is asked for, likewise; the key's tags besides."""

_BESIDE_THE_POINT = frozenset(
    "aws:currenttime aws:epochtime aws:requestedregion aws:resourceaccount aws:securetransport "
    "aws:useragent kms:calleraccount kms:encryptionalgorithm kms:keyorigin kms:keyspec "
    "kms:keyusage".split()
)
"""Condition keys that most requests to decrypt meet, whatever the key."""

_MOST_TRIED = 64  # of whatever is put to the engine to see what it makes of it


@dataclass(frozen=True, slots=True)
class Danger:
    what: str  # what it means and what to do
    place: Place


def dangers(policy: Policy, account: str = "") -> list[Danger]:
    """The dangers in a document, in its order.  `account` owns what it protects, if that is known."""
    found = [
        Danger(what, statement.span.start)
        for statement in policy.statements
        for find in _OF_STATEMENTS
        for what in find(policy, statement, account)
    ]
    if not account:
        found += _several_accounts(policy)
    return sorted(found, key=lambda danger: danger.place) + [
        Danger(what, Place(1, 1)) for what in _lockout(policy, account)
    ]


def _narrows(condition: Condition, others: Context) -> bool:
    """Whether a condition keeps out `others`: whatever they have for its key, and without one."""
    if condition.key not in others:
        return False
    given = others[condition.key]
    likely = [
        others,
        *({**others, condition.key: text} for text in islice(_filled(condition.values), 4)),
    ]
    if isinstance(given, tuple):
        likely = [
            {
                **each,
                condition.key: (value,) if isinstance(value := each[condition.key], str) else value,
            }
            for each in likely
        ]
    return not any(condition.holds(each) for each in (*likely, {}))


def _few(texts: Iterable[str]) -> Iterable[str]:
    """Each once, and no more than a few, so that the time is bounded whatever the document."""
    return dict.fromkeys(islice(texts, _MOST_TRIED))


def _filled(patterns: Iterable[str]) -> Iterator[str]:
    """ARNs that patterns match in a stranger's account, of those that leave the account open."""
    for pattern in patterns:
        parts = pattern.split(":", 5)
        if len(parts) == 6 and re.search(r"[*?]", parts[4]):
            start, account, end = ":".join(parts[:4]), parts[4], parts[5]
            yield f"{_wild(start, 'x')}:{_wild(account, '9')}:{_wild(end, 'x')}"


def _wild(pattern: str, filling: str) -> str:
    return re.sub(r"[*?]", filling, pattern)


def _public(policy: Policy, statement: Statement, _account: str) -> Iterator[str]:
    who = statement.principals
    if not statement.allow or who is None or policy.use is Use.RCP:
        return
    if who.everybody and not statement.not_principals:
        narrowing = any(_narrows(each, _OF_STRANGERS) for each in statement.conditions)
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


def _foreign(policy: Policy, statement: Statement, account: str) -> Iterator[str]:
    if policy.use is Use.KEY and account and _is_wide(statement):
        foreign = _accounts(statement) - {account}
        if foreign:
            yield f"{_listed(foreign)} may do with the key {_ACROSS}"


def _several_accounts(policy: Policy) -> Iterator[Danger]:
    """Where it is not known whose the key is: it is not several accounts'."""
    accounts: set[str] = set()
    wide = False
    for statement in policy.statements if policy.use is Use.KEY else ():
        named = _accounts(statement)
        if not named or not (_is_wide(statement) or statement.selects("kms:putkeypolicy")):
            continue
        new = bool(named - accounts) or not wide
        accounts |= named
        wide = wide or _is_wide(statement)
        if new and wide and len(accounts) > 1:
            what = (
                f"{_listed(accounts)} are different accounts, and one of them owns the key; the "
                f"others may do with it {_ACROSS}"
            )
            yield Danger(what, statement.span.start)


_ACROSS = (
    f"whatever works across accounts, up to {len(ACROSS_ACCOUNTS)} operations, as kms:Decrypt, and "
    "kms:CreateGrant, which passes it on; name the actions"
)


def _listed(accounts: Iterable[str]) -> str:
    names = sorted(accounts)
    more = len(names) - _MOST_LISTED
    return ", ".join(names[:_MOST_LISTED]) + (f" and {more} more" if more > 0 else "")


def _accounts(statement: Statement) -> set[str]:
    """The accounts that are named by a statement that allows, themselves or somebody of theirs."""
    who = statement.principals
    if who is None or not statement.allow or statement.not_principals:
        return set()
    return set(who.accounts) | {name.split(":")[4] for name in who.names if name.count(":") >= 5}


def _is_wide(statement: Statement) -> bool:
    """Whether it selects most of what works across accounts."""
    selected = sum(map(statement.selects, ACROSS_ACCOUNTS))
    return statement.selects("kms:creategrant") and 2 * selected > len(ACROSS_ACCOUNTS)


def _every_key(policy: Policy, statement: Statement, _account: str) -> Iterator[str]:
    if policy.use not in (Use.IDENTITY, Use.SESSION) or not statement.allow or statement.inert:
        return
    if not any(map(statement.selects, _DECRYPTING)):
        return
    if not any(statement.includes(arn, {}) for arn in _few(_any_keys(policy, statement))):
        return
    others = {**_OF_OTHER_KEYS} | {
        each.key: "other"
        for each in statement.conditions
        if each.key.startswith("aws:resourcetag/")
    }
    if any(_narrows(each, others) for each in statement.conditions):
        return
    written = {each.written for each in statement.conditions if each.key not in _BESIDE_THE_POINT}
    if written:
        yield (
            f"every key that leaves it to the account may be decrypted with where {_and(written)} "
            "allow it, which say nothing of which key; name the keys"
        )
    else:
        yield "every key that leaves it to the account may be decrypted with; name the keys"


def _any_keys(policy: Policy, statement: Statement) -> Iterator[str]:
    """Keys that nobody has thought of, in any place, and in those places that a statement names."""
    yield f"arn:aws:kms:x:{_STRANGER}:key/{_ANY_KEY}"
    for text in _texts(policy, statement, "Resource"):
        parts = (text.split(":", 5) + ["*"] * 5)[:5]
        partition, region = _wild(parts[1], "x"), _wild(parts[3], "x")
        account = _STRANGER if re.search(r"[*?]", parts[4]) else parts[4]
        yield f"arn:{partition}:kms:{region}:{account}:key/{_ANY_KEY}"


def _texts(policy: Policy, statement: Statement, element: str) -> list[str]:
    """What stands in an element of a statement, as it is written."""
    statements = _written(policy.text)
    members = statements[statement.index].value if statements else None
    if not isinstance(members, dict) or element not in members:
        return []
    return [item.value for item in members[element].items if isinstance(item.value, str)]


@lru_cache(maxsize=1)
def _written(text: str) -> list[Node]:
    """The statements of a document."""
    try:
        root = parse(text).value
    except Malformed:
        return []
    return root["Statement"].items if isinstance(root, dict) and "Statement" in root else []


def _and(names: Iterable[str]) -> str:
    return " and ".join(sorted(names))


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


def _lockout(policy: Policy, account: str) -> Iterator[str]:
    """Whether nobody could change a key policy any more, as far as the policy tells."""
    if policy.use is not Use.KEY or policy.broken:
        return
    candidates = list(islice(_candidates(policy, account), _MOST_TRIED + 1))
    if len(candidates) > _MOST_TRIED:
        return
    conditions: set[str] = set()
    for caller in candidates:
        found = _changing(policy, caller, account or caller.account)
        open_ = [_open_besides_who(found, at) for at in range(len(found.ways))]
        if not all(open_):
            return
        conditions.update(*open_)
    if conditions:
        yield (
            f"kms:PutKeyPolicy is allowed only where {_and(conditions)} allow it: if that never is, the "
            "policy could never be changed again"
        )
    else:
        yield "nobody is allowed kms:PutKeyPolicy: the policy could never be changed again"


def _candidates(policy: Policy, account: str) -> Iterator[Caller]:
    """Those of whom it is asked whether they may change the policy: the root user and anybody of
    the accounts that it may be about, and whoever is named.
    """
    about = [each for each in policy.statements if each.selects("kms:putkeypolicy")]
    listed = [each.principals for each in about if each.principals is not None]
    accounts = {account} if account else set().union(*(each.accounts for each in listed))
    for name in sorted(accounts or {_STRANGER}):
        yield Caller.root("aws", name)
        yield Caller.user(f"arn:aws:iam::{name}:user/anybody", name)
    for name in dict.fromkeys(name for each in listed for name in sorted(each.names)):
        try:
            yield Caller.of_arn(name)
        except ValueError:
            continue


def _changing(policy: Policy, caller: Caller, account: str) -> Reach:
    """By which ways somebody may change the policy of a key, if her own policies let her."""
    written = (text for each in policy.statements for text in _texts(policy, each, "Resource"))
    own = (text for text in written if f":{account}:key/" in text and not re.search(r"[*?]", text))
    key = next(own, f"arn:aws:kms:us-east-1:{account}:key/{_ANY_KEY}")
    question = Question(caller, "kms:PutKeyPolicy", key, account)
    layers = Layers(identity=(_EVERYTHING,), resource=policy)
    return reach(prepare(question, layers), lambda name: not name, {})


def _open_besides_who(found: Reach, at: int) -> set[str]:
    """The condition keys that a way leaves open, those that say who asks aside."""
    return {
        each.written
        for need in found.ways[at].needs
        for each in min(map(_besides_who, need.steps), key=len)
    }


def _besides_who(step: Step) -> list[Condition]:
    return [
        each
        for each in step.conditions
        if each.key not in _OF_STRANGERS and not each.key.startswith("aws:principal")
    ]


_EVERYTHING = compile_policy(
    '{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}', Use.IDENTITY
)


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
