"""Command lines that stand in files, held against the commands that there are."""

import re

import typer

from strongroom.main import app


def parsed(words):
    """What the command line `strongroom WORDS…` would run: the command's name and its settings.

    Raises what the command line would say of words that it does not take.
    """
    group = typer.main.get_group(app)
    with group.make_context("strongroom", [*words], resilient_parsing=False) as whole:
        name, command, rest = group.resolve_command(whole, [*whole._protected_args, *whole.args])
        with command.make_context(name, rest, parent=whole) as own:
            return name, own.params


def in_script(script):
    """The words behind each `strongroom` at the beginning of a command of a shell script."""
    joined = re.sub(r"\\\n\s*", "", script)
    found = re.findall(r"^\s*(?:exec )?strongroom (.*?)(?: > \S+)?$", joined, re.M)
    return [[word.strip("'") for word in line.split()] for line in found]
