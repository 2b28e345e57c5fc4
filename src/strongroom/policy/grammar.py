"""What a document of each use may say, and AWS's refusals of what it may not.

`faults` finds everything that is wrong, each with its place; `require` raises the first in the
words of the service that keeps documents of that use.  How large a document may be is its
service's affair, and so is whether the principals in it exist.

Source: IAM User Guide, "Grammar of the IAM JSON policy language"; KMS Developer Guide, "Key
policies"; Organizations User Guide, "SCP syntax", "RCP syntax"; sentences as observed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from strongroom.errors import MalformedPolicyDocument
from strongroom.policy import actions, conditions
from strongroom.policy.compiled import Use, written
from strongroom.policy.document import Lines, Malformed, Node, Place, parse
from strongroom.policy.principals import KINDS
from strongroom.policy.resources import has_any_service


class Wrong(Enum):
    """What may be wrong with a document, as far as AWS tells it apart."""

    SYNTAX = auto()
    ELEMENT = auto()  # one there is not, twice, missing, or of the wrong type
    VERSION = auto()
    NO_ACTION = auto()
    NO_RESOURCE = auto()
    RESOURCE = auto()
    PARTITION = auto()  # of a resource
    SERVICE = auto()  # of a resource
    ANY_SERVICE = auto()  # a wildcard for it
    VENDOR = auto()
    SID = auto()
    PRINCIPAL = auto()
    NO_PRINCIPAL = auto()
    OF_OTHER_USE = auto()  # good elsewhere
    CONDITION = auto()
    OVERLY_PERMISSIVE = auto()


@dataclass(frozen=True, slots=True)
class Fault:
    wrong: Wrong
    reason: str  # in our words, for people
    place: Place
    value: str = ""  # what AWS's sentence quotes


_ELEMENTS = frozenset(
    "Sid Effect Principal NotPrincipal Action NotAction Resource NotResource Condition".split()
)
_OWN = (Use.IDENTITY, Use.BOUNDARY, Use.SESSION)  # of a principal
_SID = re.compile(r"[A-Za-z0-9]*")
_CHARACTERS = re.compile(r"[\t\n\r\x20-\xff]*")
_ARN = re.compile(r"arn:([^:]+):([^:]*)(?::.*)?", re.DOTALL)
_SERVICE = re.compile(r"[a-zA-Z0-9-]*")
_PARTITION = re.compile(r"aws(?:-[a-z]+)*|\*")
# The name of an OpenID Connect provider, which its keys begin with, may have a path.
_KEY = re.compile(r"[A-Za-z0-9.-]+(?:/\S*)?:[^\s].*", re.DOTALL)
_NAME = re.compile(
    r"\*|[0-9]{12}|A[A-Z0-9]{15,127}|arn:aws[a-z-]*:iam::[0-9]{12}:(?:root|(?:user|role)/[\w+=,.@/-]+)"
    r"|arn:aws[a-z-]*:sts::[0-9]{12}:(?:assumed-role/[\w+=,.@-]+/[\w+=,.@-]+|federated-user/[\w+=,.@-]+)"
    r"|arn:aws[a-z-]*:iam::cloudfront:user/[\w ]+",
    re.ASCII,
)
_HOST = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_PROVIDER = re.compile(
    r"arn:aws[a-z-]*:iam::[0-9]{12}:(?:saml-provider/[\w.-]+|oidc-provider/[^\s*?]+)", re.ASCII
)
_CANONICAL = re.compile(r"[0-9a-f]{64}")
_OF_TRUST = re.compile(r"sts:|\*", re.IGNORECASE)
_OVERLY_PERMISSIVE = ("kms:encryptioncontext:", "aws:requesttag/")


def faults(text: str, use: Use) -> list[Fault]:
    """Everything that is wrong with a document, in the order of its text."""
    try:
        root = parse(text)
    except Malformed as malformed:
        return [Fault(Wrong.SYNTAX, malformed.reason, malformed.place)]
    bad = _CHARACTERS.match(text)
    if bad is not None and bad.end() < len(text):
        at = Lines(text).place(bad.end())
        return [Fault(Wrong.SYNTAX, "a policy has no characters beyond U+00FF", at)]
    return sorted(_Reader(text, use).document(root), key=lambda fault: fault.place)


def require(text: str, use: Use) -> None:
    """MalformedPolicyDocument, in the words of the service that keeps such documents."""
    for fault in faults(text, use):
        raise MalformedPolicyDocument(sentence(fault, use))


def sentence(fault: Fault, use: Use) -> str:
    """What AWS says of a fault; where its words are not known, what is wrong in ours."""
    if use in _OWN:
        return _of_iam(fault)
    if use is Use.TRUST:
        return _of_trust(fault)
    if use in (Use.SCP, Use.RCP):
        return "The provided policy document does not meet the requirements of the specified policy type."
    if fault.wrong is Wrong.PRINCIPAL:
        return "Policy contains a statement with one or more invalid principals."
    if fault.wrong is Wrong.NO_PRINCIPAL:
        return "Policy contains a statement with no principal"
    reason = fault.reason[:1].upper() + fault.reason[1:]
    return f"{reason} (line {fault.place.line}, column {fault.place.column})."


def _of_iam(fault: Fault) -> str:
    match fault.wrong:
        case Wrong.VERSION:
            return "Policy document must be version 2012-10-17 or greater."
        case Wrong.NO_ACTION:
            return "Policy statement must contain actions."
        case Wrong.NO_RESOURCE:
            return "Policy statement must contain resources."
        case Wrong.RESOURCE:
            return f'Resource {fault.value} must be in ARN format or "*".'
        case Wrong.PARTITION:
            partition = fault.value.split(":")[1]
            return f'Partition "{partition}" is not valid for resource "{fault.value}".'
        case Wrong.SERVICE:
            return f"Vendor {fault.value.split(':')[2]} is not valid"
        case Wrong.ANY_SERVICE:
            return "Resource vendor must be fully qualified and cannot contain regexes."
        case Wrong.VENDOR:
            return "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
        case Wrong.SID:
            return "Statement IDs (SID) in a single policy must be unique."
        case Wrong.PRINCIPAL | Wrong.OF_OTHER_USE:
            return "Policy document should not specify a principal."
    return "Syntax errors in policy."


def _of_trust(fault: Fault) -> str:
    match fault.wrong:
        case Wrong.SYNTAX:
            return "This policy contains invalid Json"
        case Wrong.NO_PRINCIPAL:
            return "Missing required field Principal"
        case Wrong.NO_ACTION:
            return "Missing required field Action"
        case Wrong.PRINCIPAL:
            return f"Invalid principal in policy: {fault.value}"
        case Wrong.NO_RESOURCE | Wrong.OF_OTHER_USE if fault.value == "Resource":
            return "Has prohibited field Resource"
        case Wrong.OF_OTHER_USE:
            return "AssumeRole policy may only specify STS AssumeRole actions."
        case Wrong.VENDOR:
            return "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
    return "Syntax error in policy."


class _Reader:
    def __init__(self, text: str, use: Use) -> None:
        self._use = use
        self._lines = Lines(text)
        self._sids: set[str] = set()

    def _fault(self, wrong: Wrong, reason: str, node: Node, value: str = "") -> Fault:
        return Fault(wrong, reason, self._lines.place(node.start), value)

    def document(self, root: Node) -> Iterator[Fault]:
        members = root.value
        if not isinstance(members, dict):
            yield self._fault(Wrong.SYNTAX, "a policy is a JSON object", root)
            return
        for name in members:
            if name not in ("Version", "Id", "Statement"):
                yield self._fault(Wrong.ELEMENT, f"a policy has no element `{name}`", members[name])
        version = members.get("Version")
        if version is None:
            if self._use in _OWN:
                yield self._fault(Wrong.VERSION, "the policy has no Version", root)
        elif version.value not in ("2012-10-17", "2008-10-17"):
            yield self._fault(
                Wrong.VERSION, "Version is neither 2012-10-17 nor 2008-10-17", version
            )
        elif version.value == "2008-10-17" and self._use in _OWN:
            yield self._fault(Wrong.VERSION, "Version must be 2012-10-17 here", version)
        if "Id" in members and not isinstance(members["Id"].value, str):
            yield self._fault(Wrong.ELEMENT, "Id is not text", members["Id"])
        statements = members.get("Statement")
        if statements is None:
            yield self._fault(Wrong.ELEMENT, "the policy has no Statement", root)
            return
        if not statements.items and (self._use in _OWN or self._use is Use.TRUST):
            yield self._fault(Wrong.ELEMENT, "the policy has no statement", statements)
        for node in statements.items:
            yield from self._statement(node)

    def _statement(self, node: Node) -> Iterator[Fault]:
        members = node.value
        if not isinstance(members, dict):
            yield self._fault(Wrong.ELEMENT, "a statement is a JSON object", node)
            return
        for name in members:
            if name not in _ELEMENTS:
                yield self._fault(
                    Wrong.ELEMENT, f"a statement has no element `{name}`", members[name]
                )
        effect = members.get("Effect")
        if effect is None:
            yield self._fault(Wrong.ELEMENT, "the statement has no Effect", node)
        elif effect.value not in ("Allow", "Deny"):
            yield self._fault(Wrong.ELEMENT, "Effect is neither Allow nor Deny", effect)
        for one in ("Principal", "Action", "Resource"):
            if one in members and f"Not{one}" in members:
                yield self._fault(Wrong.ELEMENT, f"the statement has both {one} and Not{one}", node)
        yield from self._sid(members.get("Sid"))
        yield from self._principals(node, members)
        yield from self._actions(node, members)
        yield from self._resources(node, members)
        if "Condition" in members:
            yield from self._conditions(members["Condition"])
        if self._use is Use.RCP:
            yield from self._rcp(node, members)

    def _sid(self, node: Node | None) -> Iterator[Fault]:
        if node is None:
            return
        if not isinstance(node.value, str):
            yield self._fault(Wrong.ELEMENT, "Sid is not text", node)
            return
        if self._use in _OWN and not _SID.fullmatch(node.value):
            yield self._fault(Wrong.ELEMENT, "Sid has other characters than A-Z, a-z, 0-9", node)
        if node.value in self._sids and node.value and self._use in _OWN:
            yield self._fault(Wrong.SID, f"the Sid `{node.value}` is there twice", node)
        self._sids.add(node.value)

    def _principals(self, whole: Node, members: dict[str, Node]) -> Iterator[Fault]:
        found = [(name, members[name]) for name in ("Principal", "NotPrincipal") if name in members]
        if not self._use.has_principals:
            for name, node in found:
                yield self._fault(Wrong.PRINCIPAL, f"a policy of a principal has no {name}", node)
            return
        if not found:
            yield self._fault(Wrong.NO_PRINCIPAL, "the statement has no Principal", whole)
        for name, node in found:
            if node.value == "*":
                continue
            if not isinstance(node.value, dict) or not node.value:
                yield self._fault(
                    Wrong.PRINCIPAL, f"{name} is neither `*` nor an object", node, f'"{name}"'
                )
                continue
            for kind, under in node.value.items():
                if kind not in KINDS:
                    yield self._fault(
                        Wrong.PRINCIPAL,
                        f"{name} is of a kind that there is not: `{kind}`",
                        under,
                        f'"{kind}"',
                    )
                    continue
                if not under.items:
                    yield self._fault(Wrong.PRINCIPAL, f"{name} names nobody", under, f'"{kind}"')
                for item in under.items:
                    yield from self._principal(kind, item)

    def _principal(self, kind: str, node: Node) -> Iterator[Fault]:
        if not isinstance(node.value, str):
            yield self._fault(Wrong.PRINCIPAL, "a principal is text", node, f'"{kind}"')
            return
        reason = self._no_principal(kind, node.value)
        if reason:
            yield self._fault(Wrong.PRINCIPAL, reason, node, f'"{kind.upper()}":"{node.value}"')

    def _no_principal(self, kind: str, name: str) -> str:
        """Why nobody could have that name; nothing if somebody could."""
        match kind:
            case "AWS" if not _NAME.fullmatch(name):
                reason = f"`{name}` is not the name of a principal"
                if "*" in name or "?" in name:
                    reason += ": a wildcard stands for nothing here"
                elif ":group/" in name:
                    reason += ": groups are none"
                return reason
            case "Service" if not _HOST.fullmatch(name):
                return f"`{name}` is not the name of a service, as logs.us-east-1.amazonaws.com is"
            case "Federated" if not (_HOST.fullmatch(name) or _PROVIDER.fullmatch(name)):
                return f"`{name}` is neither the name nor the ARN of an identity provider"
            case "CanonicalUser" if self._use in (Use.KEY, Use.TRUST):
                return "canonical users are Amazon S3's"
            case "CanonicalUser" if not _CANONICAL.fullmatch(name):
                return f"`{name}` is not the id of a canonical user"
        return ""

    def _actions(self, whole: Node, members: dict[str, Node]) -> Iterator[Fault]:
        found = [members[name] for name in ("Action", "NotAction") if name in members]
        if not found and self._use is not Use.KEY:
            yield self._fault(Wrong.NO_ACTION, "the statement has no Action", whole)
        for node in found:
            if not node.items and self._use in _OWN:
                yield self._fault(Wrong.NO_ACTION, "the statement names no action", node)
            for item in node.items:
                text = item.value
                if not isinstance(text, str):
                    yield self._fault(Wrong.ELEMENT, "an action is text", item)
                elif not actions.well_formed(text):
                    yield self._fault(Wrong.VENDOR, f"`{text}` is not `service:Action`", item, text)
                elif self._use is Use.TRUST and not _OF_TRUST.match(text):
                    yield self._fault(
                        Wrong.OF_OTHER_USE,
                        f"a role's trust policy is about sts:AssumeRole…, not `{text}`",
                        item,
                        "Action",
                    )

    def _resources(self, whole: Node, members: dict[str, Node]) -> Iterator[Fault]:
        found = [members[name] for name in ("Resource", "NotResource") if name in members]
        if self._use is Use.TRUST:
            for node in found:
                yield self._fault(
                    Wrong.OF_OTHER_USE, "a role's trust policy has no Resource", node, "Resource"
                )
            return
        if not found and self._use is not Use.KEY:
            yield self._fault(Wrong.NO_RESOURCE, "the statement has no Resource", whole)
        for node in found:
            if not node.items and self._use in _OWN:
                yield self._fault(Wrong.NO_RESOURCE, "the statement names no resource", node)
            for item in node.items:
                text = item.value
                if not isinstance(text, str):
                    yield self._fault(Wrong.ELEMENT, "a resource is text", item)
                elif text != "*":
                    yield from self._of_arn(text, item)

    def _of_arn(self, text: str, item: Node) -> Iterator[Fault]:
        match = _ARN.fullmatch(text)
        if match is None or (text.count(":") < 5 and self._use is Use.RCP):
            yield self._fault(Wrong.RESOURCE, f"`{text}` is neither an ARN nor `*`", item, text)
        elif not _PARTITION.fullmatch(match[1]):
            reason = f"`{match[1]}` is not a partition"
            yield self._fault(Wrong.PARTITION, reason, item, text)
        elif has_any_service(text):
            reason = f"`{text}` has a wildcard for a service"
            yield self._fault(Wrong.ANY_SERVICE, reason, item, text)
        elif not _SERVICE.fullmatch(match[2]):
            yield self._fault(Wrong.SERVICE, f"`{match[2]}` is not a service", item, text)

    def _conditions(self, node: Node) -> Iterator[Fault]:
        if not isinstance(node.value, dict):
            yield self._fault(Wrong.CONDITION, "Condition is not an object", node)
            return
        for operator, block in node.value.items():
            if conditions.form(operator) is None:
                yield self._fault(
                    Wrong.CONDITION, f"there is no condition operator `{operator}`", block
                )
            if not isinstance(block.value, dict):
                yield self._fault(Wrong.CONDITION, f"{operator} is not an object", block)
                continue
            lower: set[str] = set()
            for key, values in block.value.items():
                if key.lower() in lower:
                    yield self._fault(
                        Wrong.CONDITION, f"`{key}` is there twice, but for its case", values
                    )
                lower.add(key.lower())
                yield from self._condition(operator, key, values)

    def _condition(self, operator: str, key: str, values: Node) -> Iterator[Fault]:
        if not _KEY.fullmatch(key):
            yield self._fault(Wrong.VENDOR, f"`{key}` is not `service:key`", values, key)
        texts = []
        for item in values.items:
            if isinstance(item.value, dict | list) or item.value is None:
                yield self._fault(Wrong.CONDITION, "a condition's value is text", item)
                return
            texts.append(written(item))
        if conditions.form(operator) is None:
            return
        for item, text in zip(values.items, texts, strict=True):
            reason = conditions.fault(operator, [text], variables=True)
            if reason:
                yield self._fault(Wrong.CONDITION, reason, item)
        if (
            self._use is Use.KEY
            and operator.startswith("ForAllValues:")
            and key.lower().startswith(_OVERLY_PERMISSIVE)
        ):
            yield self._fault(
                Wrong.OVERLY_PERMISSIVE,
                f"OverlyPermissiveCondition: ForAllValues with the single-valued key {key} also matches "
                "requests that do not have it; take ForAllValues away",
                values,
            )

    def _rcp(self, whole: Node, members: dict[str, Node]) -> Iterator[Fault]:
        if "Effect" in members and members["Effect"].value == "Allow":
            yield self._fault(Wrong.OF_OTHER_USE, "a resource control policy only denies", whole)
        for name in ("NotPrincipal", "NotAction"):
            if name in members:
                yield self._fault(
                    Wrong.OF_OTHER_USE, f"a resource control policy has no {name}", members[name]
                )
        principal = members.get("Principal")
        if principal is not None and principal.value != "*":
            yield self._fault(
                Wrong.OF_OTHER_USE, "the Principal of a resource control policy is `*`", principal
            )
