"""What may be written to a terminal: nothing that it would obey instead of show."""

from collections.abc import Mapping
from typing import Any

import typer


def clean(told: Any) -> Any:
    """The same with what a terminal would obey, shown; of an object or array, all texts in it."""
    match told:
        case str():
            return "".join(
                each if each.isprintable() else each.encode("unicode_escape").decode()
                for each in told
            )
        case Mapping():
            return {clean(name): clean(value) for name, value in told.items()}
        case list() | tuple():
            return [clean(each) for each in told]
    return told


def say(line: str, *, err: bool = False) -> None:
    """Write one line of plain text."""
    typer.echo(clean(line), err=err)
