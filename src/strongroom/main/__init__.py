"""The command line: `strongroom`.

This package is the only place that knows all the others.  A command's module is imported when
the command is run, so that `strongroom --help` is quick and `strongroom dev` is ready in under a
second.
"""

from strongroom.main.commands import app


def main() -> None:
    app()


__all__ = ["app", "main"]
