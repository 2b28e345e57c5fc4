"""A policy document that may be asked.

A document is compiled once, when it is loaded.  What is wrong in it was refused when it was
written; what is met all the same fails closed: a statement that cannot be understood denies what
it may have meant to deny and allows nothing, and a document that is no policy at all denies
everything.

Source: IAM User Guide, "Grammar of the IAM JSON policy language".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from strongroom.policy import actions, principals, resources
from strongroom.policy.actions import Selector
from strongroom.policy.caller import Caller, Named
from strongroom.policy.conditions import Condition, Test, compile_condition, together
from strongroom.policy.document import Lines, Malformed, Node, Place, parse
from strongroom.policy.effort import Undecidable
from strongroom.policy.principals import Principals
from strongroom.policy.resources import Resources, Short
from strongroom.policy.variables import Context

# Source: KMS Developer Guide: "effective only in IAM policies".
_NOT_FOR_KEYS = ("kms:resourcealiases", "aws:resourcetag/")
_MOST_ARRANGED = 256  # actions that a policy keeps an arrangement for


class Use(Enum):
    """What a document is, which decides what may stand in it and what it means."""

    IDENTITY = "identity-based policy"
    BOUNDARY = "permissions boundary"
    SESSION = "session policy"
    KEY = "key policy"
    RESOURCE = "resource-based policy"
    TRUST = "role trust policy"
    SCP = "service control policy"
    RCP = "resource control policy"
    ENDPOINT = "VPC endpoint policy"

    @property
    def has_principals(self) -> bool:
        return self in (Use.KEY, Use.RESOURCE, Use.TRUST, Use.RCP, Use.ENDPOINT)


_SHORT = {
    Use.IDENTITY: Short.COMPLETED,
    Use.BOUNDARY: Short.COMPLETED,
    Use.SESSION: Short.COMPLETED,
    Use.RCP: Short.NEVER,
}

_ELEMENTS = frozenset(
    "Sid Effect Principal NotPrincipal Action NotAction Resource NotResource Condition".split()
)


class Span(NamedTuple):
    """Where a statement stands in its document."""

    start: Place
    end: Place


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """One statement.  It applies if all that it has says so."""

    index: int  # from 0
    sid: str
    allow: bool
    principals: Principals | None  # None: whoever the document is attached to
    not_principals: bool
    actions: Selector
    not_actions: bool
    resources: Resources | None  # None: every resource
    not_resources: bool
    conditions: tuple[Condition, ...]
    span: Span
    inert: str  # why it never applies, if so
    broken: str  # why it cannot be understood, if so
    test: Test | None = None  # all conditions together; None if there are none

    def names(self, caller: Caller) -> Named:
        """How it means the caller; ALONE in a document without principals."""
        if self.principals is None:
            return Named.ALONE
        if not self.not_principals:
            return self.principals.names_caller(caller)
        if self.allow:
            named = self.principals.names_caller(caller)
            return Named.NOT if named else Named.ALONE
        return Named.NOT if self.principals.spares(caller) else Named.ALONE

    def selects(self, action: str) -> bool:
        """`action` in lower case."""
        return self.actions(action) is not self.not_actions

    def includes(self, arn: str, context: Context) -> bool:
        if self.resources is None:
            return True
        try:
            return self.resources.include(arn, context) is not self.not_resources
        except Undecidable:
            return not self.allow

    def tells_apart(self, stem: str) -> bool:
        """Whether it may include one ARN that begins with `stem`, and not another."""
        return self.resources is not None and self.resources.tell_apart(stem)

    @property
    def depends_for_resource(self) -> bool:
        """Whether its resources are known only with the circumstances."""
        return (
            self.resources is not None
            and bool(self.resources.templates)
            and not self.resources.everything
        )


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """A compiled document, and by what name its owner knows it."""

    use: Use
    name: str  # "key policy", a managed policy's ARN, "user alice: inline policy p", ...
    statements: tuple[Statement, ...]
    text: str = field(repr=False, default="")
    broken: str = ""  # why it is no policy, if so
    _arranged: dict[str, tuple[Statement, ...]] = field(repr=False, default_factory=dict)

    def about(self, action: str) -> tuple[Statement, ...]:
        """The statements that select an action, given in lower case."""
        found = self._arranged.get(action)
        if found is None:
            found = tuple(
                statement
                for statement in self.statements
                if not statement.inert and statement.selects(action)
            )
            if len(self._arranged) >= _MOST_ARRANGED:
                self._arranged.clear()
            self._arranged[action] = found
        return found


def compile_policy(
    text: str, use: Use, name: str = "", ids: Mapping[str, str] | None = None
) -> Policy:
    """The policy of a document; never fails, but may deny everything (`Policy.broken`).

    `ids` has the unique ids of the principals' ARNs as they were when the document was kept.
    """
    try:
        root = parse(text)
    except Malformed as malformed:
        return _broken(text, use, name, str(malformed))
    if not isinstance(root.value, dict) or "Statement" not in root.value:
        return _broken(text, use, name, "it has no Statement")
    version = root.value.get("Version")
    if version is not None and version.value not in ("2012-10-17", "2008-10-17"):
        return _broken(text, use, name, "its Version is not one there is")
    if set(root.value) - {"Version", "Id", "Statement"}:
        return _broken(text, use, name, "it has an element that is not known")
    variables = version is not None and version.value == "2012-10-17"
    lines = Lines(text)
    reader = _Reader(use, lines, ids or {}, variables=variables)
    statements = tuple(
        reader.statement(index, node) for index, node in enumerate(root.value["Statement"].items)
    )
    return Policy(use, name or use.value, statements, text)


def _broken(text: str, use: Use, name: str, reason: str) -> Policy:
    nowhere = Span(Place(1, 1), Place(1, 1))
    deny = Statement(
        0, "", False, None, False, lambda _: True, False, None, False, (), nowhere, "", reason
    )
    return Policy(use, name or use.value, (deny,), text, reason)


class _Reader:
    def __init__(self, use: Use, lines: Lines, ids: Mapping[str, str], *, variables: bool) -> None:
        self._use = use
        self._lines = lines
        self._ids = ids
        self._variables = variables

    def statement(self, index: int, node: Node) -> Statement:
        span = Span(self._lines.place(node.start), self._lines.place(max(node.end - 1, node.start)))
        if not isinstance(node.value, dict):
            return self._not_understood(index, "", False, span, "it is not an object")
        members = node.value
        sid = members["Sid"].value if "Sid" in members else ""
        effect = members["Effect"].value if "Effect" in members else None
        allow = effect == "Allow"
        name = sid if isinstance(sid, str) else ""
        reason = self._fault(members)
        if reason:
            return self._not_understood(index, name, allow, span, reason)
        who = members.get("Principal") or members.get("NotPrincipal")
        what = _texts(members.get("Action") or members.get("NotAction"))
        where = members.get("Resource") or members.get("NotResource")
        listed = principals.read(who, self._ids) if who is not None else None
        conditions = self._conditions(members.get("Condition"), deny=not allow)
        return Statement(
            index,
            name,
            allow,
            listed if self._use.has_principals else None,
            "NotPrincipal" in members,
            actions.selector(what),
            "NotAction" in members,
            None
            if where is None
            else resources.read(
                _texts(where),
                variables=self._variables,
                short=_SHORT.get(self._use, Short.WITH_WILDCARD),
            ),
            "NotResource" in members,
            conditions,
            span,
            self._inert(members),
            "",
            together(conditions),
        )

    def _fault(self, members: dict[str, Node]) -> str:
        """Why a statement cannot be understood; nothing if it can."""
        unknown = set(members) - _ELEMENTS
        if unknown:
            return f"it has an element `{min(unknown)}`, which is not known"
        if "Effect" not in members or members["Effect"].value not in ("Allow", "Deny"):
            return "its Effect is neither Allow nor Deny"
        if not self._use.has_principals and {"Principal", "NotPrincipal"} & set(members):
            return f"it names a principal, which {self._use.value} cannot"
        for one in ("Principal", "Action", "Resource"):
            if one in members and f"Not{one}" in members:
                return f"it has both {one} and Not{one}"
        for one in ("Action", "NotAction", "Resource", "NotResource"):
            if one in members and not all(
                isinstance(item.value, str) for item in members[one].items
            ):
                return f"its {one} is not text"
        for one in ("Resource", "NotResource"):
            if any(resources.has_any_service(text) for text in _texts(members.get(one))):
                return f"its {one} has a wildcard for a service"
        if self._use.has_principals and not {"Principal", "NotPrincipal"} & set(members):
            return "it names no principal"
        condition = members.get("Condition")
        if condition is not None and not _is_condition(condition):
            return "its Condition is not an object of objects"
        return ""

    def _inert(self, members: dict[str, Node]) -> str:
        if not {"Action", "NotAction"} & set(members):
            return "it has no Action, so it never applies"
        if self._use is not Use.TRUST and not {"Resource", "NotResource"} & set(members):
            return "it has no Resource, so it never applies"
        return ""

    def _not_understood(
        self, index: int, sid: str, allow: bool, span: Span, reason: str
    ) -> Statement:
        return Statement(
            index,
            sid,
            allow,
            None,
            False,
            lambda _: True,
            False,
            None,
            False,
            (),
            span,
            f"it allows nothing, for {reason}" if allow else "",
            reason,
        )

    def _conditions(self, node: Node | None, *, deny: bool) -> tuple[Condition, ...]:
        if node is None or not isinstance(node.value, dict):
            return ()
        return tuple(
            compile_condition(
                operator,
                key,
                [written(item) for item in values.items],
                deny=deny,
                variables=self._variables,
                never_there=self._use is Use.KEY and key.lower().startswith(_NOT_FOR_KEYS),
            )
            for operator, block in node.value.items()
            if isinstance(block.value, dict)
            for key, values in block.value.items()
        )


def written(node: Node) -> str:
    """A condition's value as text: numbers as they are written, `true` and `false`."""
    match node.value:
        case bool():
            return "true" if node.value else "false"
        case str():
            return node.value
    return node.text


def _texts(node: Node | None) -> list[str]:
    if node is None:
        return []
    return [item.value for item in node.items if isinstance(item.value, str)]


def _is_condition(node: Node) -> bool:
    return isinstance(node.value, dict) and all(
        isinstance(block.value, dict)
        and all(
            isinstance(item.value, str | bool | int | float)
            for values in block.value.values()
            for item in values.items
        )
        for block in node.value.values()
    )
