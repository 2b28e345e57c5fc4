"""What a simulation supposes: policies, who calls, whose the resources are, the circumstances.

Everything that a request says is checked here before anything is weighed.  Nothing is looked up:
what is kept of a principal comes in from `attached`.

Source: IAM API Reference, SimulateCustomPolicy, SimulatePrincipalPolicy, ContextEntry; messages as
recorded by others, where they are known.
"""

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from strongroom.arn import Arn
from strongroom.errors import InvalidInput, PolicyEvaluation
from strongroom.policy import grammar, operators
from strongroom.policy.caller import Caller, Kind
from strongroom.policy.cases import implied
from strongroom.policy.compiled import Policy, Use, compile_policy
from strongroom.policy.entities import Group
from strongroom.policy.layers import Question
from strongroom.policy.organization import Standing
from strongroom.policy.variables import Context
from strongroom.services.iam import attached
from strongroom.wire.shapes.iam import ContextEntry, OrderedOrganizationPolicyType

_MOST_OF_A_VALUE = 4_096  # characters
_ACTION = re.compile(r"[A-Za-z0-9-]+:[A-Za-z0-9_-]+", re.ASCII)
_OWNER = re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}):root")
_ACCOUNT = re.compile("[0-9]{12}")

Value = str | tuple[str, ...]


# Policies


def given(documents: Sequence[str] | None, member: str, use: Use) -> tuple[Policy, ...]:
    """The policies of a request's list, named by their places in it; InvalidInput if one is none."""
    policies = []
    for at, document in enumerate(documents or (), 1):
        require_form(document, use)
        policies.append(compile_policy(document, use, f"{member}.{at}"))
    return tuple(policies)


def kept(document: str, use: Use, name: str) -> Policy:
    """A policy that was checked when it was kept; PolicyEvaluation if it cannot be read after all."""
    policy = compile_policy(document, use, name)
    reason = policy.broken or next((s.broken for s in policy.statements if s.broken), "")
    if reason:
        raise PolicyEvaluation(f"The policy {name} cannot be evaluated: {reason}.")
    return policy


def boundary(documents: Sequence[str] | None) -> tuple[Policy, ...] | None:
    """The boundary of a request; None if it has none."""
    if len(documents or ()) > 1:
        raise InvalidInput("The list of Permissions Boundary policies cannot exceed 1 items.")
    return given(documents, "PermissionsBoundaryPolicyInputList", Use.BOUNDARY) or None


def organization(
    levels: Sequence[OrderedOrganizationPolicyType] | None,
) -> tuple[tuple[Policy, ...], ...]:
    """The levels of service control policies in a request, from the root down."""
    found = []
    for at, level in enumerate(levels or (), 1):
        if not level.ServiceControlPolicyInputList:
            raise InvalidInput(
                f"Organization policy at index {at} must contain at least one service control policy"
            )
        member = f"OrderedOrganizationPolicyInputList.{at}.ServiceControlPolicyInputList"
        found.append(given(level.ServiceControlPolicyInputList, member, Use.SCP))
    return tuple(found)


def require_form(document: str, use: Use) -> None:
    """InvalidInput unless a document can be a policy of that use."""
    for fault in grammar.faults(document, use):
        raise InvalidInput(grammar.sentence(fault, use))


# Who calls, and whose the resources are


@dataclass(frozen=True, slots=True, eq=False)
class Simulated:
    """Who is supposed to call.  `known` are condition keys that are on record of who that is."""

    caller: Caller
    known: Context = field(default_factory=dict)
    names_nobody: bool = False  # a group, or nobody in particular

    def context(self, question: Question) -> dict[str, Value]:
        """What of the circumstances follows from who calls and for what."""
        follows = implied(question)
        if self.names_nobody:
            follows = {key: value for key, value in follows.items() if key not in _OF_SOMEBODY}
        return {**follows, **self.known}


_OF_SOMEBODY = frozenset({"aws:principalarn", "aws:principaltype", "aws:username"})


def nobody(account: str) -> Simulated:
    """The caller of a simulation that names none: somebody in that account."""
    return Simulated(Caller(Kind.USER, account, "", {}), names_nobody=True)


def caller(arn: str) -> Simulated:
    """A user, a role's session that has no name, or a member of a group, by the ARN alone."""
    found = attached.named(arn)
    if found is None:
        raise InvalidInput(
            "Invalid caller - Caller must be an IAM user, role or group in this context."
        )
    account, kind, _ = found
    if kind is Group:
        return Simulated(Caller(Kind.USER, account, arn, {}), names_nobody=True)
    return Simulated(Caller.of_arn(arn))


def known(simulated: Simulated, unique_id: str, tags: Mapping[str, str]) -> Simulated:
    """The same caller with what is on record: policies may mean her by her id, and ask for tags."""
    if simulated.names_nobody:
        return simulated
    who = simulated.caller
    named = dict.fromkeys([unique_id], *set(who.names.values()))
    context: dict[str, Value] = {
        f"aws:principaltag/{key.lower()}": value for key, value in tags.items()
    }
    if who.kind is Kind.USER:
        context["aws:userid"] = unique_id  # of a session it holds the session's name too
    return Simulated(replace(who, names=who.names | named), context)


def within(simulated: Simulated, standing: Standing) -> Simulated:
    """The same caller with what the organization of her account says of her."""
    return replace(simulated, known={**simulated.known, **standing.of_principal()})


def owner(arn: str | None) -> str:
    """The account of a ResourceOwner; "" if none is given."""
    if arn is None:
        return ""
    match = _OWNER.fullmatch(arn)
    if match is None:
        raise InvalidInput(f"'{arn}' is not a valid as a Resource Owner.")
    return match[1]


def account_of(resource: str, otherwise: str) -> str:
    """The account that a resource's ARN names, or the other one if it names none."""
    if resource == "*":
        return otherwise
    account = Arn.parse(resource).account
    return account if _ACCOUNT.fullmatch(account) else otherwise


# What is asked


def actions(names: Sequence[str]) -> Sequence[str]:
    for name in names:
        if ":" not in name:
            raise InvalidInput("The action is invalid since it is missing names")
        if not _ACTION.fullmatch(name):
            raise InvalidInput(
                f"{name} is not the name of an action; wildcards stand for nothing here."
            )
    return names


def resources(arns: Sequence[str] | None) -> Sequence[str]:
    """The resources to ask for; `*` is the only one that is no ARN, and stands alone."""
    found = list(arns or ["*"])
    for text in found:
        if text == "*" and len(found) == 1:
            continue
        try:
            parsed = Arn.parse(text)
        except ValueError:
            parsed = None
        if parsed is None or not (parsed.partition and parsed.service and parsed.resource):
            raise InvalidInput(f"ResourceNames are not in a valid ARN format: {text}.")
    return found


# The circumstances


def entries(entries: Sequence[ContextEntry] | None) -> dict[str, Value | None]:
    """Condition keys in lower case, to what ContextEntries say; None for one that says nothing."""
    found: dict[str, Value | None] = {}
    for entry in entries or ():
        name = entry.ContextKeyName
        if name is None:
            raise InvalidInput("A context entry must have a ContextKeyName.")
        if name.lower() in found:
            raise InvalidInput(f"The context key {name} is given twice.")
        found[name.lower()] = _value(name, entry.ContextKeyType or "", entry.ContextKeyValues or [])
    return found


def _value(name: str, kind: str, values: Sequence[str]) -> Value | None:
    read = _READ.get(kind.removesuffix("List"))
    for value in values:
        if len(value) > _MOST_OF_A_VALUE:
            raise InvalidInput(
                f"A value of the context key {name} has more than {_MOST_OF_A_VALUE} characters."
            )
        try:
            if read is not None:
                read(value)
        except (ValueError, OverflowError, binascii.Error):
            raise InvalidInput(
                f"A value of the context key {name} is not of the type {kind}."
            ) from None
    if not values:
        return None
    return tuple(values) if len(values) > 1 or kind.endswith("List") else values[0]


def _boolean(text: str) -> None:
    if text.lower() not in ("true", "false"):
        raise ValueError("neither true nor false")


_READ: dict[str, Callable[[str], object]] = {
    "numeric": operators.number,
    "boolean": _boolean,
    "ip": ipaddress.ip_address,
    "binary": lambda text: base64.b64decode(text, validate=True),
    "date": operators.moment,
}
"""What refuses a value that is not of its type; a string is anything."""
