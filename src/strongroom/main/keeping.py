"""The commands by which what is kept is kept safe: `seal`."""

from pathlib import Path
from typing import Annotated

import typer

from strongroom.main.options import (
    Data,
    PassphraseFile,
    RootKeyFile,
    ShareFiles,
    fail,
    one_sentence,
    opener,
    read_passphrase,
    say,
)


def seal(
    data: Data,
    to_root_key: Annotated[
        Path | None,
        typer.Option("--to-root-key", metavar="FILE", help="Keep the root key in this new file."),
    ] = None,
    to_passphrase: Annotated[
        bool, typer.Option("--to-passphrase", help="Keep it in the folder, under a passphrase.")
    ] = False,
    to_shares: Annotated[
        str | None,
        typer.Option(
            "--to-shares",
            metavar="K:N",
            help="Keep it nowhere: hand out N shares, K of which open it.",
        ),
    ] = None,
    into: Annotated[
        Path | None,
        typer.Option("--into", metavar="DIR", help="The new folder that the shares are put into."),
    ] = None,
    new_passphrase_file: Annotated[
        Path | None,
        typer.Option(
            "--new-passphrase-file",
            metavar="FILE",
            help="The new passphrase; else it is asked for.",
        ),
    ] = None,
    root_key: RootKeyFile = None,
    passphrase_file: PassphraseFile = None,
    share: ShareFiles = None,
) -> None:
    """Seal the root key in another way. A server may be running on the folder; it is not disturbed."""
    with one_sentence():
        from strongroom.main import sealing

        if sum((to_root_key is not None, to_passphrase, to_shares is not None)) != 1:
            fail("say how it is to be sealed: --to-root-key, --to-passphrase or --to-shares")
        if (to_shares is None) != (into is None):
            fail("--to-shares and --into go together; give both")
        if new_passphrase_file is not None and not to_passphrase:
            fail("--new-passphrase-file goes with --to-passphrase")
        at_hand = opener(root_key, passphrase_file, share)
        if to_root_key is not None:
            sealing.seal_in_file(data, at_hand, to_root_key)
            say(f"the root key is in {to_root_key}: back it up apart from the folder")
        elif to_shares is not None and into is not None:
            wanted, count = _of_shares(to_shares)
            for path in sealing.seal_among(data, at_hand, wanted, count, into):
                print(path)  # noqa: T201
            say(f"{wanted} of these {count} shares open the root key: give each to somebody else")
        else:
            sealing.seal_under_passphrase(
                data,
                at_hand,
                lambda: read_passphrase(new_passphrase_file, "STRONGROOM_NEW_PASSPHRASE", new=True),
            )
            say("the root key opens with the new passphrase")
        say(
            "what opened it before opens copies of the folder still; destroy it once you have tried this"
        )


def _of_shares(text: str) -> tuple[int, int]:
    """`K:N` as two numbers."""
    wanted, _, count = text.partition(":")
    if not (wanted.isascii() and wanted.isdigit() and count.isascii() and count.isdigit()):
        fail(f"`{text}` is not K:N; as in 3:5, of five shares any three")
    return int(wanted[:9]), int(count[:9])
