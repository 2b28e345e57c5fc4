"""Resources: ARN patterns, with variables behind the fifth colon.

An ARN with fewer than six parts means different things by where it stands: in what belongs to a
principal the missing parts are `*`; in a resource's own policy it counts only if it has a wildcard;
in a service control policy likewise; in a resource control policy never.

Source: IAM User Guide, "IAM JSON policy elements: Resource"; short ARNs as measured by others.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from strongroom.policy.glob import Matcher, Pattern, resource, tells_apart, tokens
from strongroom.policy.variables import Context, Template, Variable, template

_PARTS = 6


_ANY_SERVICE = re.compile(r"arn:[^:]*:[^:]*[*?]")


def has_any_service(text: str) -> bool:
    """Whether an ARN has a wildcard in its service, where none may be."""
    return _ANY_SERVICE.match(text) is not None


class Short(Enum):
    """What is made of an ARN with fewer than six parts."""

    COMPLETED = "its missing parts are `*`"
    WITH_WILDCARD = "it counts if it has a wildcard"
    NEVER = "it matches nothing"


@dataclass(frozen=True, slots=True)
class Resources:
    fixed: tuple[Matcher, ...]
    patterns: tuple[Pattern, ...]  # that `fixed` match
    templates: tuple[Template, ...]
    everything: bool

    def include(self, arn: str, context: Context) -> bool:
        if self.everything:
            return True
        for matches in self.fixed:
            if matches(arn):
                return True
        return bool(self.templates) and any(_matches(each, arn, context) for each in self.templates)

    def tell_apart(self, stem: str) -> bool:
        """Whether they may include one ARN that begins with `stem`, and not another; if in doubt, they may."""
        if self.everything:
            return False
        return bool(self.templates) or any(tells_apart(each, stem) for each in self.patterns)

    @property
    def keys(self) -> frozenset[str]:
        return frozenset(
            part.key for each in self.templates for part in each.parts if isinstance(part, Variable)
        )


def read(patterns: Iterable[str], *, variables: bool, short: Short) -> Resources:
    fixed: list[Pattern] = []
    templates: list[Template] = []
    everything = False
    for text in patterns:
        if text == "*":
            everything = True
            continue
        found = template(text) if variables and may_have_variables(text) else None
        if found is not None:
            templates.append(found)
            continue
        pattern = tokens(text)
        if text.count(":") >= _PARTS - 1:
            fixed.append(pattern)
        else:
            fixed.extend(_short(text, pattern, short))
    matchers = tuple(resource(pattern) for pattern in fixed)
    return Resources(matchers, tuple(fixed), tuple(templates), everything)


def _short(text: str, pattern: Pattern, short: Short) -> list[Pattern]:
    has_wildcard = "*" in text or "?" in text
    if short is Short.NEVER or (short is Short.WITH_WILDCARD and not has_wildcard):
        return []
    return [pattern, tokens(text + ":*")]


def may_have_variables(text: str) -> bool:
    """Whether a `${` in it stands behind the fifth colon, where it begins a variable."""
    return text.partition("${")[0].count(":") >= _PARTS - 1


def _matches(each: Template, arn: str, context: Context) -> bool:
    pattern = each.filled(context)
    return pattern is not None and resource(pattern)(arn)
