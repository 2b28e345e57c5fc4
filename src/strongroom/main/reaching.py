"""`strongroom who-can`: every principal that may do something with a key, and by which ways.

    {"action", "key",
     "principals": [{"principal", "what", "ways": [...], "unless": [...], "assumedBy": [...]}]}

A way is a list of needs, each met by any one of its statements, or a grant; conditions are those
that no look at the principal and the key could settle.  `assumedBy` says by whom, and how, a role
may be assumed; roles among those are followed in turn.  docs/formats/explanation.md has it member
by member.
"""

from collections.abc import Iterable, Iterator

from strongroom.keys.grant import is_service
from strongroom.keys.key import Key
from strongroom.main.authority import Asked, Authority, stranger
from strongroom.policy.caller import Caller, Kind
from strongroom.policy.compiled import Policy
from strongroom.policy.decide import prepare
from strongroom.policy.identity import Identity
from strongroom.policy.layers import Layer
from strongroom.policy.reach import Need, Reach, Step, Way, reach
from strongroom.policy.told import Told, condition, place
from strongroom.policy.variables import Context
from strongroom.services.kms import access
from strongroom.services.principal import Principal
from strongroom.services.sts.access import trust_policy

_KINDS = {
    Kind.ROOT: "root user",
    Kind.USER: "user",
    Kind.SESSION: "role",
    Kind.SERVICE: "service",
}


def who_can(authority: Authority, action: str, key: Key, given: Context) -> Told:
    everybody = list(authority.everybody())
    of_role = _Assuming(authority, everybody, given)
    policy = access.key_policy(key.policy, tuple(key.principals.items()))
    found = []
    for who in (*everybody, *_outside(authority, _named(policy, _granted(authority, key)))):
        entry = _entry(who, _reached(authority.of_key(who, action, key, given)))
        if entry is not None:
            if who.caller.kind is Kind.SESSION and authority.known(who.account):
                entry |= _present("assumedBy", of_role.assumers(who.caller.arn))
            found.append(entry)
    return {"action": f"kms:{action}", "key": key.arn, "principals": found}


class _Assuming:
    """Who may have a session of which role."""

    def __init__(self, authority: Authority, everybody: list[Principal], given: Context) -> None:
        self._authority = authority
        self._everybody = everybody
        self._given = given
        self._roles = {role.arn: role for role in authority.roles()}

    def assumers(self, arn: str, behind: frozenset[str] = frozenset()) -> list[Told]:
        """`behind`: the roles that are being followed, which are not followed again."""
        role = self._roles[arn]
        found = []
        for who in (*self._everybody, *_outside(self._authority, _named(trust_policy(role), ()))):
            if who.caller.arn == arn and arn in behind:
                continue
            entry = _entry(who, _reached(self._authority.of_role(who, role, self._given)))
            if entry is None:
                continue
            other = who.caller.arn
            if other in self._roles and other != arn and other not in behind:
                entry |= _present("assumedBy", self.assumers(other, behind | {arn}))
            found.append(entry)
        return [*found, *_federated(role)]


def _reached(asked: Asked) -> Reach:
    prepared = prepare(asked.question, asked.layers)
    return reach(prepared, asked.supposed.settled, asked.supposed)


def _entry(who: Principal, found: Reach) -> Told | None:
    if not found.ways:
        return None
    caller = who.caller
    entry: Told = {
        "principal": caller.arn,
        "what": _what(caller),
        "ways": [_way(way) for way in found.ways],
    }
    return entry | _present("unless", [_step(step) for step in found.obstacles])


def _what(caller: Caller) -> str:
    nameless = caller.kind is Kind.USER and not caller.names
    return "all of them" if nameless else _KINDS[caller.kind]


def _way(way: Way) -> Told:
    told: Told = {"needs": [_need(need) for need in way.needs], "always": way.certain}
    grant = way.grant
    if grant is None:
        return told
    told["grant"] = grant.id
    if grant.equals is not None:
        told["encryptionContextEquals"] = dict(grant.equals)
    if grant.subset is not None:
        told["encryptionContextSubset"] = dict(grant.subset)
    if grant.source_arn:
        told["sourceArn"] = grant.source_arn
    return told


def _need(need: Need) -> Told:
    return {
        "layer": need.steps[0].heard.layer.value,
        "anyOf": [_step(step) for step in need.steps],
    }


def _step(step: Step) -> Told:
    told = place(step.heard.policy, step.heard.statement)
    told |= _present("conditions", [condition(each) for each in step.conditions])
    return told | ({"resourceHasVariables": True} if step.resource_open else {})


def _present(name: str, values: list[Told]) -> Told:
    return {name: values} if values else {}


# Whom a policy or a grant names and who is not kept here


def _named(policy: Policy, others: Iterable[str]) -> Iterator[str]:
    for statement in policy.statements:
        if statement.principals is not None and statement.allow and not statement.not_principals:
            if statement.principals.everybody:
                yield "*"
            yield from sorted(statement.principals.accounts)
            yield from sorted(statement.principals.names)
            yield from sorted(statement.principals.services)
    yield from others


def _granted(authority: Authority, key: Key) -> Iterator[str]:
    for grant in authority.grants(key):
        if is_service(grant.grantee_id) or grant.grantee_id.startswith("arn:"):
            yield grant.grantee_id


def _outside(authority: Authority, names: Iterable[str]) -> Iterator[Principal]:
    for name in dict.fromkeys(names):
        if name == "*":
            yield stranger(Caller(Kind.USER, "", "every principal of every other account", {}))
            continue
        try:
            caller = Caller.of_arn(name)
        except ValueError:
            continue  # the unique id of somebody who is gone, or of somebody here
        if caller.kind is Kind.ROOT and not authority.known(caller.account):
            arn = f"every principal of account {caller.account}"
            yield stranger(Caller(Kind.USER, caller.account, arn, {}))
        elif caller.kind is Kind.SERVICE or not authority.known(caller.account):
            yield stranger(caller)


def _federated(role: Identity) -> Iterator[Told]:
    """Whom a provider of identities vouches for; its own word decides who that is."""
    policy = trust_policy(role)
    for statement in policy.about("sts:assumerolewithwebidentity"):
        if statement.principals is None or not statement.allow:
            continue
        told = place(policy, statement)
        told |= _present("conditions", [condition(each) for each in statement.conditions])
        need: Told = {"layer": Layer.RESOURCE.value, "anyOf": [told]}
        for provider in sorted(statement.principals.federated):
            ways: list[Told] = [{"needs": [need], "always": not statement.conditions}]
            yield {"principal": provider, "what": "whoever has a token of it", "ways": ways}
