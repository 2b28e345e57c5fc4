"""A user or a role with everything that says what it may do, read in one go."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple


class Document(NamedTuple):
    """A policy document, and by what name its owner knows it."""

    name: str  # a managed policy's ARN, "user alice: inline policy p", "group ops: inline policy p"
    text: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    kind: Literal["user", "role"]
    account: str
    name: str
    path: str
    arn: str
    unique_id: str
    created: float
    tags: Mapping[str, str]
    policies: tuple[Document, ...] = field(repr=False)
    """Inline, attached, and of a user those of all its groups."""
    boundary: Document | None = field(repr=False, default=None)
    groups: tuple[str, ...] = ()  # ARNs; a role has none
    trust: str = field(repr=False, default="")  # of a role
    principals: Mapping[str, str] = field(default_factory=dict)
    """Of a role: users' and roles' ARNs in `trust`, to their unique ids when it was written."""
    max_session_seconds: int = 0  # of a role
