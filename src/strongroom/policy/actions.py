"""Actions: `service:Name`, without regard to case; wildcards in the name alone, or `*` for all.

Source: IAM User Guide, "IAM JSON policy elements: Action".
"""

import re
from collections.abc import Callable, Iterable

from strongroom.policy.glob import like, tokens

_ACTION = re.compile(r"([a-z0-9-]+):([a-z0-9*?_-]+)", re.IGNORECASE | re.ASCII)

Selector = Callable[[str], bool]
"""Whether an action, in lower case with its service, is among those listed."""


def well_formed(text: str) -> bool:
    return text in ("*", "*:*") or _ACTION.fullmatch(text) is not None


def selector(patterns: Iterable[str]) -> Selector:
    """What is malformed, with a wildcard for a service say, selects nothing."""
    exact: set[str] = set()
    several: list[tuple[str, Selector]] = []
    for text in patterns:
        if text in ("*", "*:*"):
            return lambda _: True
        match = _ACTION.fullmatch(text)
        if match is None:
            continue
        service, name = match[1].lower(), match[2].lower()
        if "*" in name or "?" in name:
            several.append((service + ":", like(tokens(f"{service}:{name}"))))
        else:
            exact.add(f"{service}:{name}")
    if not several:
        return exact.__contains__

    def selects(action: str) -> bool:
        return action in exact or any(
            action.startswith(service) and matches(action) for service, matches in several
        )

    return selects
