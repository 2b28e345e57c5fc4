"""`strongroom who-can`: every principal that may do something with a key, and by which ways.

    {"action", "key",
     "principals": [{"principal", "what", "ways": [...], "unless": [...]}],
     "roles": [{"role", "assumedBy": [{"principal", "what", "ways", "unless"}]}]}

A way is a list of needs, each met by any one of its statements, or a grant; conditions are those
that no look at the principal and the key could settle.  `roles` has each role among the principals
and, as often as it takes, among those who may assume one; so it is told once, however many ways
lead to it.  docs/formats/explanation.md has it member by member.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

from strongroom.keys.grant import is_service
from strongroom.keys.key import Key
from strongroom.main.authority import Asked, Authority, NoSuchThing
from strongroom.policy.caller import Caller, Kind, Named
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
    Kind.FEDERATED: "session of a federated user",
    Kind.SERVICE: "service",
}


def who_can(authority: Authority, action: str, key: Key, given: Context) -> Told:
    everybody: list[Principal] = []
    known: dict[str, Identity] = {}
    for account in authority.accounts():
        identities = list(authority.identities(account))
        everybody += [authority.root(account), *map(authority.of_identity, identities)]
        known |= {each.arn: each for each in identities if each.kind == "role"}
    policy = access.key_policy(key.policy, key.profile.principals)
    found, arns = [], []
    for who in (*everybody, *_outside(authority, _named(policy, _granted(authority, key)))):
        entry = _entry(who, _reached(authority.of_key(who, action, key, given)))
        if entry is not None:
            found.append(entry)
            arns.append(_role_of(who.caller))
    roles = list(_on_the_way(authority, everybody, known, arns, given))
    told: Told = {"action": f"kms:{action}", "key": key.arn, "principals": found}
    return told | _present("roles", roles)


def _on_the_way(
    authority: Authority,
    everybody: Sequence[Principal],
    roles: Mapping[str, Identity],
    arns: list[str],
    given: Context,
) -> Iterator[Told]:
    """Who may assume the roles among `arns`, and who the roles among those, each told once."""
    seen: set[str] = set()
    for arn in arns:  # which grows by whom a role leads to
        if arn in seen or arn not in roles:
            continue
        seen.add(arn)
        role = roles[arn]
        found = []
        for who in (*everybody, *_outside(authority, _named(trust_policy(role), ()))):
            entry = _entry(who, _reached(authority.of_role(who, "sts:AssumeRole", role, given)))
            if entry is not None:
                found.append(entry)
                arns.append(_role_of(who.caller))
        yield {"role": arn, "assumedBy": [*found, *_federated(role)]}


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
    if nameless:
        return "all of them"
    return "session of a role" if ":assumed-role/" in caller.arn else _KINDS[caller.kind]


def _role_of(caller: Caller) -> str:
    """The ARN of the role that somebody has a session of; of anybody else her own."""
    roles = [name for name, named in caller.names.items() if named is Named.LIMITED]
    return next((name for name in roles if name.startswith("arn:")), caller.arn)


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


# Whom a policy or a grant names and who is not kept here, as no session is

_UNLISTED = "!"  # whoever is not listed


def _named(policy: Policy, others: Iterable[str]) -> Iterator[str]:
    for statement in policy.statements:
        if statement.principals is not None and statement.allow:
            if statement.not_principals:
                yield _UNLISTED
                continue
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
    listed = dict.fromkeys(names)
    for name in listed:
        if name == "*" or (name == _UNLISTED and "*" not in listed):
            unlisted = "" if name == "*" else " that is not listed"
            everybody = f"every principal of every other account{unlisted}"
            yield authority.stranger(Caller(Kind.USER, "", everybody, {}))
            continue
        try:
            caller = Caller.of_arn(name)
        except ValueError:
            continue  # the unique id of somebody who is gone, or of somebody here
        if authority.known(caller.account):
            yield from _session(authority, caller)
        elif caller.kind is Kind.ROOT:
            arn = f"every principal of account {caller.account}"
            yield authority.stranger(Caller(Kind.USER, caller.account, arn, {}))
        else:
            yield authority.stranger(caller)


def _session(authority: Authority, caller: Caller) -> Iterator[Principal]:
    """A session that is named by itself; of a federated user nothing is known but the name."""
    if caller.kind is Kind.FEDERATED:
        yield authority.stranger(caller)
    elif ":assumed-role/" in caller.arn:
        with suppress(NoSuchThing):  # and nobody can have a session of a role that is not there
            yield authority.principal(caller.arn)


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
