"""`strongroom policy check` and `strongroom policy test`: policies judged without a server."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO, NoReturn

import typer

from strongroom.cli import terminal
from strongroom.policy import cases
from strongroom.policy.compiled import Use, compile_policy
from strongroom.policy.dangers import dangers
from strongroom.policy.decide import Decision
from strongroom.policy.document import Malformed, Node, parse
from strongroom.policy.grammar import faults

policy = typer.Typer(help="Judge policies, without a server.", no_args_is_help=True)

_USES = {
    "identity": Use.IDENTITY,
    "boundary": Use.BOUNDARY,
    "session": Use.SESSION,
    "key": Use.KEY,
    "resource": Use.RESOURCE,
    "trust": Use.TRUST,
    "scp": Use.SCP,
    "rcp": Use.RCP,
    "endpoint": Use.ENDPOINT,
}
_LARGEST = 1_048_576  # bytes of a document; the largest that AWS keeps has 128 KiB
_LONGEST = 8_388_608  # bytes of a case, which may have many documents

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object for each line of output.")]


@policy.command()
def check(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A policy; `-` is standard input.")],
    use: Annotated[
        str | None,
        typer.Option("--as", metavar="USE", help=f"{', '.join(_USES)}; else by what it says."),
    ] = None,
    account: Annotated[
        str, typer.Option("--account", metavar="DIGITS", help="The account that owns the key.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Say what is wrong in a policy, line by line, and what is legal and dangerous.

    The exit code is 1 if AWS would refuse it; dangers alone leave it 0.
    """
    text = _read(file)
    if use is not None and use not in _USES:
        _fail(f"`{use}` is no use of a policy; say one of {', '.join(_USES)}")
    of = _USES[use] if use is not None else _guessed(text)
    found = faults(text, of)
    for fault in found:
        _say(as_json, file, "error", fault.place.line, fault.place.column, fault.reason)
    if found:
        raise typer.Exit(1)
    for danger in dangers(compile_policy(text, of), account):
        _say(as_json, file, "danger", danger.place.line, danger.place.column, danger.what)
    if not as_json:
        terminal.say(f"{file}: a well-formed {of.value}", err=True)


@policy.command()
def test(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="One case a line, JSON; `-` is standard input.")
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print every line's decision or fault as a JSON object.")
    ] = False,
    print_: Annotated[
        bool, typer.Option("--print", help="Print the decisions of cases that expect none, too.")
    ] = False,
) -> None:
    """Decide every case of a file, and compare with what it expects.

    Prints the cases that came out otherwise, and a count; the exit code is 1 if there is one, or
    if a line is no case. docs/policy-tests.md has the form of a case.
    """
    passed = failed = unjudged = 0
    for number, line in _lines(file):
        try:
            case = cases.read(line)
        except cases.CaseFault as fault:
            failed += 1
            if as_json:
                typer.echo(json.dumps({"line": number, "fault": str(fault), "passed": False}))
            else:
                terminal.say(f"line {number}: {fault}", err=True)
            continue
        decision = cases.judge(case)
        right = case.expected is None or case.expected is decision.verdict
        if case.expected is None:
            unjudged += 1
        elif right:
            passed += 1
        else:
            failed += 1
        if as_json:
            typer.echo(json.dumps(_told(case, decision, number)))
        elif not right and case.expected is not None:
            terminal.say(
                f"FAILED {case.id or f'line {number}'}: expected {case.expected.value}, "
                f"got {_sentence(decision)}"
            )
        elif print_ and case.expected is None:
            terminal.say(f"{case.id or f'line {number}'}: {_sentence(decision)}")
    counted = f"{passed} passed, {failed} failed"
    typer.echo(counted + (f", {unjudged} without expectation" if unjudged else ""), err=as_json)
    if failed:
        raise typer.Exit(1)


def _told(case: cases.Case, decision: Decision, line: int) -> dict[str, object]:
    told: dict[str, object] = {"id": case.id, "line": line, "decision": decision.verdict.value}
    if decision.layer is not None:
        told["layer"] = decision.layer.value
    if decision.policy is not None and decision.statement is not None:
        told["policy"] = decision.policy.name
        told["statement"] = decision.statement.sid or decision.statement.index + 1
    if case.expected is not None:
        told |= {"expected": case.expected.value, "passed": case.expected is decision.verdict}
    return told


def _sentence(decision: Decision) -> str:
    said = decision.verdict.value
    if decision.layer is not None:
        said += f", by the {decision.layer.value}"
    if decision.policy is not None and decision.statement is not None:
        named = decision.statement.sid or f"statement {decision.statement.index + 1}"
        said += f" ({decision.policy.name}: {named})"
    return said + (f": {decision.note}" if decision.note else "")


def _lines(file: str) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, by number.  Only a line feed ends one: JSON has others in texts."""
    with _opened(file) as source:
        number = 0
        while line := source.readline(_LONGEST + 1):
            number += 1
            if len(line) > _LONGEST:
                _fail(f"line {number} of `{file}` is longer than any case can be")
            if line.strip():
                yield number, _decoded(file, line)


def _guessed(text: str) -> Use:
    """What a document is for, by what it says: a principal makes it a resource's."""
    try:
        root = parse(text)
    except Malformed:
        return Use.IDENTITY
    statements = root.value.get("Statement") if isinstance(root.value, dict) else None
    members = [
        node.value
        for node in (statements.items if statements is not None else [])
        if isinstance(node.value, dict)
    ]
    if not any("Principal" in each or "NotPrincipal" in each for each in members):
        return Use.IDENTITY
    actions = [
        str(item.value).lower()
        for each in members
        for name in ("Action", "NotAction")
        for item in (each[name].items if isinstance(each.get(name), Node) else [])
    ]
    if actions and all(action.startswith("sts:") for action in actions):
        return Use.TRUST
    return Use.KEY if any(action.startswith("kms:") for action in actions) else Use.RESOURCE


def _read(file: str) -> str:
    with _opened(file) as source:
        content = source.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        _fail(f"`{file}` is larger than any policy can be")
    return _decoded(file, content)


@contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    try:
        if file == "-":
            yield sys.stdin.buffer
        else:
            with Path(file).open("rb") as source:
                yield source
    except OSError as failure:
        _fail(f"`{file}` cannot be read: {failure.strerror}")


def _decoded(file: str, content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        _fail(f"`{file}` is not text in UTF-8")


def _say(as_json: bool, file: str, kind: str, line: int, column: int, reason: str) -> None:
    if as_json:
        found = {"kind": kind, "line": line, "column": column, "reason": reason}
        typer.echo(json.dumps(found))
    else:
        terminal.say(f"{file}:{line}:{column}: {kind}: {reason}")


def _fail(sentence: str) -> NoReturn:
    terminal.say(f"strongroom: {sentence}", err=True)
    raise typer.Exit(1)
