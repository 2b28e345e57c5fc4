"""Policy tests: one case, one decision.

    {"id": "...", "principal": ARN | {"anonymous": true}, "action": "kms:Decrypt",
     "resource": ARN | "*", "resource_account": "111122223333",
     "context": {key: text | [text, ...]},
     "identity_policies": [POLICY, ...], "permission_boundaries": [POLICY, ...] | null,
     "session_policies": [POLICY, ...] | null, "resource_policy": POLICY | null,
     "scps": [{"id": "...", "policies": [POLICY, ...]}, ...], "rcps": likewise,
     "vpce_policies": [POLICY, ...] | null, "grants": [GRANT, ...],
     "expected": {"decision": "Allow" | "ImplicitDeny" | "ExplicitDeny"}}

A POLICY is a document or {"name": ..., "policy": document}, where the name may be left out; a GRANT has the members of ListGrants'
answer (GranteePrincipal or GranteeServicePrincipal, Operations, Constraints, GrantId).  Only
`principal`, `action` and `resource` must be there.  What follows from the principal and the
resource (aws:PrincipalArn, aws:PrincipalAccount, aws:ResourceAccount, ...) is put into the context
unless the case has it.  A member that is not known is refused: a misspelt one would test nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from strongroom.policy.caller import Caller, Kind
from strongroom.policy.compiled import Policy, Use, compile_policy, written
from strongroom.policy.decide import Decision, decide
from strongroom.policy.document import Malformed, Node, parse
from strongroom.policy.grants import Grant
from strongroom.policy.layers import Layers, Question, Verdict
from strongroom.policy.variables import Context


class CaseFault(Exception):
    """The case is not one; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Case:
    id: str
    question: Question
    layers: Layers
    context: Context = field(repr=False)
    expected: Verdict | None


_MEMBERS = frozenset(
    "id principal action resource resource_account context identity_policies permission_boundaries "
    "session_policies resource_policy scps rcps vpce_policies grants expected".split()
)


def read(text: str) -> Case:
    """The case of a line; CaseFault if it is none."""
    try:
        root = parse(text)
    except Malformed as malformed:
        raise CaseFault(str(malformed)) from None
    return _Reader(text, root).case()


def judge(case: Case) -> Decision:
    """The decision that a case comes to."""
    return decide(case.question, case.layers, case.context)


class _Reader:
    def __init__(self, text: str, root: Node) -> None:
        self._text = text
        if not isinstance(root.value, dict):
            raise CaseFault("a case is a JSON object")
        self._members = root.value
        unknown = set(root.value) - _MEMBERS
        if unknown:
            raise CaseFault(f"a case has no member `{min(unknown)}`")

    def case(self) -> Case:
        caller = self._caller()
        action, resource = self._wanted("action"), self._wanted("resource")
        account = self._string("resource_account") or _account_of(resource) or caller.account
        question = Question(caller, action, resource, account)
        layers = Layers(
            identity=self._policies("identity_policies", Use.IDENTITY) or (),
            boundaries=self._policies("permission_boundaries", Use.BOUNDARY),
            session=self._policies("session_policies", Use.SESSION),
            resource=self._resource_policy(question),
            scps=self._levels("scps", Use.SCP),
            rcps=self._levels("rcps", Use.RCP),
            endpoint=self._policies("vpce_policies", Use.ENDPOINT),
            grants=tuple(map(_grant, self._array("grants"))),
        )
        context = implied(question) | self._context()
        return Case(self._string("id"), question, layers, context, self._expected())

    def _caller(self) -> Caller:
        node = self._members.get("principal")
        match node and node.plain:
            case str(text):
                try:
                    return Caller.of_arn(text)
                except ValueError as fault:
                    raise CaseFault(str(fault)) from None
            case {"anonymous": True, **rest} if not rest:
                return Caller.anonymous()
        raise CaseFault("`principal` is an ARN or {'anonymous': true}")

    def _expected(self) -> Verdict | None:
        node = self._members.get("expected")
        if node is None or node.value is None:
            return None
        match node.plain:
            case {"decision": str(decision), **rest} if not rest:
                try:
                    return Verdict(decision)
                except ValueError:
                    pass
        raise CaseFault("`expected` is {'decision': 'Allow', 'ImplicitDeny' or 'ExplicitDeny'}")

    def _context(self) -> dict[str, str | tuple[str, ...]]:
        node = self._members.get("context")
        if node is None or node.value is None:
            return {}
        if not isinstance(node.value, dict):
            raise CaseFault("`context` is an object")
        context: dict[str, str | tuple[str, ...]] = {}
        for key, value in node.value.items():
            if any(
                isinstance(each.value, dict | list) or each.value is None for each in value.items
            ):
                raise CaseFault(f"the value of `{key}` in `context` is text or an array of texts")
            if key.lower() in context:
                raise CaseFault(f"`context` has `{key}` twice, but for its case")
            several = isinstance(value.value, list)
            texts = tuple(map(written, value.items))
            context[key.lower()] = texts if several else texts[0]
        return context

    def _resource_policy(self, question: Question) -> Policy | None:
        node = self._members.get("resource_policy")
        if node is None or node.value is None:
            return None
        return self._policy(node, question.use_of_policy)

    def _policies(self, member: str, use: Use) -> tuple[Policy, ...] | None:
        node = self._members.get(member)
        if node is None or node.value is None:
            return None
        return tuple(self._policy(each, use) for each in self._array(member))

    def _levels(self, member: str, use: Use) -> tuple[tuple[Policy, ...], ...]:
        levels = []
        for node in self._array(member):
            level = node.value
            if not isinstance(level, dict) or set(level) - {"id", "policies"}:
                raise CaseFault(f"each of `{member}` is {{'id': ..., 'policies': [...]}}")
            under = level["policies"].items if "policies" in level else []
            levels.append(tuple(self._policy(each, use) for each in under))
        return tuple(levels)

    def _policy(self, node: Node, use: Use) -> Policy:
        name = ""
        if isinstance(node.value, dict) and "policy" in node.value:
            name, node = _named(node.value)
        if not isinstance(node.value, dict):
            raise CaseFault("a policy is an object")
        return compile_policy(self._text[node.start : node.end], use, name)

    def _array(self, member: str) -> list[Node]:
        node = self._members.get(member)
        if node is None or node.value is None:
            return []
        if not isinstance(node.value, list):
            raise CaseFault(f"`{member}` is an array")
        return node.value

    def _string(self, member: str) -> str:
        node = self._members.get(member)
        if node is None or node.value is None:
            return ""
        if not isinstance(node.value, str):
            raise CaseFault(f"`{member}` is text")
        return node.value

    def _wanted(self, member: str) -> str:
        text = self._string(member)
        if not text:
            raise CaseFault(f"a case needs `{member}`")
        return text


def _named(members: Mapping[str, Node]) -> tuple[str, Node]:
    """The name and the document of a policy that is not a document itself."""
    unknown = set(members) - {"name", "policy"}
    if unknown:
        raise CaseFault(
            f"a policy is a document or {{'name', 'policy'}}; it has no `{min(unknown)}`"
        )
    name = members["name"].value if "name" in members else ""
    if not isinstance(name, str):
        raise CaseFault("the `name` of a policy is text")
    return name, members["policy"]


def _account_of(arn: str) -> str:
    parts = arn.split(":", 5)
    return parts[4] if len(parts) == 6 else ""


def implied(question: Question) -> dict[str, str | tuple[str, ...]]:
    """What of the context follows from who asks and for what."""
    caller = question.caller
    context: dict[str, str | tuple[str, ...]] = {}
    if caller.kind is not Kind.WEB_IDENTITY:
        context["aws:principaltype"] = caller.kind.value
    if question.account:
        context["aws:resourceaccount"] = question.account
    if caller.account and caller.kind is not Kind.WEB_IDENTITY:
        context["aws:principalaccount"] = caller.account
        if question.action.lower().startswith("kms:"):
            context["kms:calleraccount"] = caller.account
    match caller.kind:
        case Kind.ROOT:
            context |= {"aws:principalarn": caller.arn, "aws:userid": caller.account}
        case Kind.USER:
            name = caller.arn.rpartition("/")[2]
            context |= {"aws:principalarn": caller.arn, "aws:username": name}
        case Kind.SESSION:
            partition, account, role = caller.role.split(":", 2)
            arn = caller.arn if caller.path_known else f"arn:{partition}:iam::{account}:role/{role}"
            context["aws:principalarn"] = arn
        case Kind.FEDERATED:
            context["aws:principalarn"] = caller.arn
    service = "true" if caller.kind is Kind.SERVICE else "false"
    return context | {"aws:principalisawsservice": service}


def _grant(node: Node) -> Grant:
    plain = node.plain
    if not isinstance(plain, dict):
        raise CaseFault("a grant is an object")
    grantee = plain.get("GranteePrincipal") or plain.get("GranteeServicePrincipal")
    operations = plain.get("Operations")
    constraints = plain.get("Constraints") or {}
    if (
        not isinstance(grantee, str)
        or not isinstance(operations, list)
        or not isinstance(constraints, dict)
        or not all(isinstance(each, str) for each in operations)
    ):
        raise CaseFault("a grant has a GranteePrincipal, Operations, and perhaps Constraints")
    unknown = set(constraints) - {"EncryptionContextEquals", "EncryptionContextSubset", "SourceArn"}
    if unknown:
        raise CaseFault(f"a grant has no constraint `{min(unknown)}`")
    return Grant(
        str(plain.get("GrantId", "")),
        grantee,
        frozenset(f"kms:{each}".lower() for each in operations),
        _pairs(constraints.get("EncryptionContextEquals")),
        _pairs(constraints.get("EncryptionContextSubset")),
        str(constraints.get("SourceArn") or ""),
    )


def _pairs(given: object) -> Mapping[str, str] | None:
    if given is None:
        return None
    if not isinstance(given, dict):
        raise CaseFault("a constraint on the encryption context is an object")
    return {str(key).lower(): str(value) for key, value in given.items()}
