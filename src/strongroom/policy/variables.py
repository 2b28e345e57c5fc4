"""Policy variables: `${aws:username}`, with a default `${aws:PrincipalTag/team, 'none'}`.

Only documents of version 2012-10-17 have them; in older ones `${` is text.  `${*}`, `${?}` and `${$}`
are the characters themselves.  What is put in is never a wildcard, whoever chose it.  A key
without a value and without a default, or with several values, leaves the whole without a value;
one of which the request says two things leaves it undecidable.

Source: IAM User Guide, "IAM policy elements: Variables and tags".
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from strongroom.policy import effort
from strongroom.policy.effort import Undecidable
from strongroom.policy.glob import Pattern, tokens

Context = Mapping[str, str | tuple[str, ...]]
"""Condition keys in lower case; a text has one value, a tuple is a multivalued key."""


class Ambiguous(tuple[str, ...]):
    """Values of a key that should have one: the request says two things.  Falls on the safe side."""

    __slots__ = ()


_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_INSIDE = re.compile(r"\s*([^,'\s][^,']*?)\s*(?:,\s*'([^']*)'\s*)?")
_CHARACTERS = frozenset("*?$")


class Variable(NamedTuple):
    key: str  # lower case
    default: str | None


class Template(NamedTuple):
    """A text with variables in it."""

    parts: tuple[Pattern | Variable, ...]

    def filled(self, context: Context) -> Pattern | None:
        """The pattern with everything put in; None if something has no value; Undecidable."""
        whole: list[object] = []
        length = 0
        for part in self.parts:
            if not isinstance(part, Variable):
                whole.extend(part)
                continue
            value = context.get(part.key, part.default)
            if isinstance(value, Ambiguous):
                raise Undecidable
            if not isinstance(value, str):
                return None
            if value:
                whole.append(value)
                length += len(value)
        effort.spend(length // effort.AT_ONCE)
        return tuple(whole)  # type: ignore[arg-type]

    def text(self, context: Context) -> str | None:
        """The same as a text, where `*` and `?` are characters."""
        pattern = self.filled(context)
        if pattern is None:
            return None
        return "".join(each if isinstance(each, str) else each.value for each in pattern)


def template(text: str) -> Template | None:
    """The variables in a text of a document that may have some; None if there are none."""
    parts: list[Pattern | Variable] = []
    at = 0
    for match in _VARIABLE.finditer(text):
        parts.append(tokens(text[at : match.start()]))
        at = match.end()
        inside = match[1]
        if inside in _CHARACTERS:
            parts.append((inside,))
        elif (found := _INSIDE.fullmatch(inside)) is not None:
            parts.append(Variable(found[1].lower(), found[2]))
        else:
            parts.append(Variable("", None))  # not a key that anything could have
    if not at:
        return None
    parts.append(tokens(text[at:]))
    return Template(tuple(parts))


def keys(text: str) -> list[str]:
    """The keys of the variables in such a text, as they are written."""
    found = (_INSIDE.fullmatch(match[1]) for match in _VARIABLE.finditer(text))
    return [inside[1] for inside in found if inside is not None and inside[1] not in _CHARACTERS]
