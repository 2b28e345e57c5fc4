"""Trees on a terminal."""

from dataclasses import dataclass, field

import typer


@dataclass(slots=True)
class Tree:
    """A line, and what hangs below it."""

    line: str
    below: list["Tree"] = field(default_factory=list)

    def add(self, line: str) -> "Tree":
        self.below.append(Tree(line))
        return self.below[-1]


def show(tree: Tree) -> None:
    """Print it; its colours only where the output is a terminal."""
    typer.echo(tree.line)
    _below(tree, "")


def _below(tree: Tree, before: str) -> None:
    for at, each in enumerate(tree.below):
        last = at == len(tree.below) - 1
        typer.echo(f"{before}{'└─ ' if last else '├─ '}{each.line}")
        _below(each, before + ("   " if last else "│  "))


def yes(text: str) -> str:
    return typer.style(text, fg=typer.colors.GREEN)


def no(text: str) -> str:
    return typer.style(text, fg=typer.colors.RED)


def quiet(text: str) -> str:
    return typer.style(text, dim=True)


def strong(text: str) -> str:
    return typer.style(text, bold=True)
