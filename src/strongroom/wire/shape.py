"""What every generated shape is made of: the base struct, the marks on its members, the tables.

`strongroom.wire.shapes.<service>` is written by `scripts/shapes.py` from botocore's model and
holds one struct per structure, its members named as on the wire.  What the model says beyond
Python's types rides in `msgspec.Meta(extra=...)`, under the names of `MARKS`; `wire.model` reads
it back.

Requests carry the model's constraints and refuse what AWS refuses.  Shapes that only ever leave
here carry none: an enum in an answer is a `str`, so that a handler may put its own there.

INVARIANT: a shape never shows a value in `repr`; requests and answers hold plaintext and secrets.
"""

from typing import Annotated, NamedTuple

import msgspec

MARKS = frozenset({"flattened", "long", "pattern", "sensitive", "timestamp"})
"""The keys of `Meta.extra`.  `pattern` holds AWS's spelling, for the message; the rest are True."""

FIRST_MOMENT = -62135596800.0  # 0001-01-01T00:00:00Z
LAST_MOMENT = 253402300799.0  # 9999-12-31T23:59:59Z

Timestamp = Annotated[
    float, msgspec.Meta(ge=FIRST_MOMENT, le=LAST_MOMENT, extra={"timestamp": True})
]
"""Seconds since the epoch, UTC, within the years that a calendar can name."""

Sensitive = Annotated[str, msgspec.Meta(extra={"sensitive": True})]
"""A string of an answer that no log may show."""


class Shape(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A request, an answer or a part of one.  Parts form trees, so nothing needs the cycle GC."""

    def __repr__(self) -> str:
        """The members that are set, without their values."""
        present = [name for name in self.__struct_fields__ if getattr(self, name) is not None]
        return f"{type(self).__name__}({', '.join(present)})"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        """For rich's tracebacks, which would otherwise print the values."""
        return []


class Nothing(Shape, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The input of an operation whose model names none."""


class OperationShapes(NamedTuple):
    input: type[Shape]
    output: type[Shape] | None  # None: the body of the answer is empty


class Service(NamedTuple):
    """How a service is addressed on the wire; an empty string where a protocol has no such thing."""

    signing_name: str  # in the credential scope: "kms"
    target_prefix: str  # of X-Amz-Target and of the RPC v2 path: "TrentService"
    version: str  # of the query protocol's Version parameter: "2011-06-15"
    xmlns: str  # of the query protocol's answers
