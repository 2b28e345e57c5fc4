"""What several commands have in common: their options, what opens the root key, how they speak and fail.

Rules for what a person reads: results on stdout, all else on stderr; what went wrong is one
sentence that says what to do, without a stack trace, and exit code 1.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from strongroom.cli.terminal import clean
from strongroom.errors import Fault, SetupError
from strongroom.keys.sealing import Tampered
from strongroom.storage.seals import Opener

PASSPHRASE = "STRONGROOM_PASSPHRASE"  # noqa: S105 - the name of a variable
NEW_PASSPHRASE = "STRONGROOM_NEW_PASSPHRASE"  # noqa: S105

Data = Annotated[Path, typer.Option("--data", metavar="DIR", help="The data folder.")]
Kept = Annotated[
    Path,
    typer.Option("--data", metavar="DIR", envvar="STRONGROOM_DATA", help="The data folder."),
]
RootKeyFile = Annotated[
    Path | None,
    typer.Option("--root-key", metavar="FILE", help="The root key's file, outside the folder."),
]
PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        metavar="FILE",
        help=f"Holds the passphrase; else {PASSPHRASE}, else it is asked for.",
    ),
]
ShareFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--share",
        metavar="FILE",
        help="Holds a share of the root key; else they are asked for. Repeatable.",
    ),
]
AnchorFile = Annotated[
    Path | None,
    typer.Option(
        "--anchor",
        metavar="FILE",
        help="Remembers outside the folder how far all has come; else DIR.anchor beside it.",
    ),
]


def opener(
    root_key: Path | None, passphrase_file: Path | None, shares: Sequence[Path] | None
) -> Opener:
    """What was given to open the root key with; the rest is asked for when it is wanted."""
    return Opener(
        root_key,
        lambda: read_passphrase(passphrase_file),
        lambda wanted: _read_shares(shares or (), wanted),
    )


def read_passphrase(file: Path | None, variable: str = PASSPHRASE, *, new: bool = False) -> str:
    """A passphrase: a file's first line, else the environment's, else asked for; a `new` one twice."""
    if file is not None:
        return _first_line("passphrase file", file)
    given = os.environ.get(variable)
    if given is not None:
        return given
    if not sys.stdin.isatty():
        option = variable.removeprefix("STRONGROOM_").lower().replace("_", "-")
        fail(f"a passphrase is wanted; give --{option}-file or {variable}")
    prompt = "New passphrase" if new else "Passphrase"
    return str(typer.prompt(prompt, hide_input=True, confirmation_prompt=new, err=True))


def forget_passphrases() -> None:
    """Take them out of the environment, for whatever is begun from here on inherits that.

    What this process was begun with stays in its memory, which is kept from others (`harden`).
    """
    for variable in (PASSPHRASE, NEW_PASSPHRASE):
        os.environ.pop(variable, None)


def _read_shares(files: Sequence[Path], wanted: int) -> Iterator[str]:
    """The shares in files, then those that people type."""
    for file in files:
        yield _first_line("share", file)
    if not sys.stdin.isatty():
        fail(f"{wanted} different shares of the root key are wanted; give each with --share FILE")
    while True:
        yield str(typer.prompt(f"A share (of {wanted})", hide_input=True, err=True))


def _first_line(what: str, file: Path) -> str:
    try:
        return file.read_text().partition("\n")[0]
    except (OSError, UnicodeDecodeError) as failure:
        fail(f"the {what} `{file}` cannot be read: {reason(failure)}")


def reason(failure: Exception) -> str:
    """Why a file cannot be read, in few words."""
    if isinstance(failure, OSError):
        return failure.strerror or str(failure)
    return "it is not text in UTF-8" if isinstance(failure, UnicodeDecodeError) else str(failure)


def say(sentence: str) -> None:
    print(clean(sentence), file=sys.stderr)  # noqa: T201


def fail(sentence: str) -> NoReturn:
    say(f"strongroom: {sentence}")
    raise typer.Exit(1)


@contextmanager
def one_sentence() -> Iterator[None]:
    """Turn what is known to go wrong into one sentence and exit code 1."""
    try:
        yield
    except (SetupError, Fault) as failure:
        fail(str(failure))
    except Tampered as failure:
        fail(f"{failure}; `strongroom verify` says what else is not as it was written")
    except BrokenPipeError:  # whoever read the output has seen enough
        sys.stdout = None
        raise typer.Exit(1) from None
    except OSError as failure:  # a full disk, a folder of somebody else's, ...
        place = f" at `{failure.filename}`" if failure.filename else ""
        fail(f"the operating system refused{place}: {failure.strerror or failure}")
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
