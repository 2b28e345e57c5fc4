"""The commands by which what is kept is kept safe: `seal`, `backup`, `restore`, `move`,
`rotate`, `migrate`.
"""

from pathlib import Path
from typing import Annotated

import typer

from strongroom.main.options import (
    NEW_PASSPHRASE,
    AnchorFile,
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

NewPassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--new-passphrase-file",
        metavar="FILE",
        help=f"Holds the new passphrase; else {NEW_PASSPHRASE}, else it is asked for.",
    ),
]


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
    new_passphrase_file: NewPassphraseFile = None,
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
                lambda: _new_passphrase(new_passphrase_file),
            )
            say("the root key opens with the new passphrase")
        say(
            "what opened it before opens copies of the folder still; destroy it once you have tried this"
        )


def _new_passphrase(file: Path | None) -> str:
    return read_passphrase(file, NEW_PASSPHRASE, new=True)


def _of_shares(text: str) -> tuple[int, int]:
    """`K:N` as two numbers."""
    wanted, _, count = text.partition(":")
    if not (wanted.isascii() and wanted.isdigit() and count.isascii() and count.isdigit()):
        fail(f"`{text}` is not K:N; as in 3:5, of five shares any three")
    return int(wanted[:9]), int(count[:9])


def backup(
    data: Data,
    to: Annotated[
        str, typer.Option("--to", metavar="FILE", help="A new file; `-` is standard output.")
    ],
    with_root_key: Annotated[
        bool,
        typer.Option(
            "--with-root-key",
            help="Put the root key into it, under the folder's passphrase or a new one.",
        ),
    ] = False,
    new_passphrase_file: NewPassphraseFile = None,
    without_log: Annotated[
        bool, typer.Option("--without-log", help="Leave the audit log out.")
    ] = False,
    root_key: RootKeyFile = None,
    passphrase_file: PassphraseFile = None,
    share: ShareFiles = None,
) -> None:
    """Write everything there is, as of now, into one encrypted file. A server may be running.

    Only the root key opens it. It is not in it, unless that is asked for.
    """
    with one_sentence():
        from strongroom.main import backups

        if new_passphrase_file is not None and not with_root_key:
            fail("--new-passphrase-file goes with --with-root-key")
        counts = backups.back_up(
            data,
            opener(root_key, passphrase_file, share),
            None if to == "-" else Path(to),
            (lambda: _new_passphrase(new_passphrase_file)) if with_root_key else None,
            log=not without_log,
        )
        say(f"{counts.rows} rows and {counts.log_bytes} bytes of the audit log are in {to}")
        if not with_root_key:
            say("the root key is not: without it, this file opens for nobody")


def restore(
    source: Annotated[
        Path, typer.Option("--from", metavar="FILE", help="What `strongroom backup` made.")
    ],
    data: Annotated[
        Path | None, typer.Option("--data", metavar="DIR", help="The new data folder.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only see whether it can be restored; keep nothing.")
    ] = False,
    database: Annotated[
        str | None,
        typer.Option(
            "--database",
            metavar="postgresql://...",
            help="An empty database of PostgreSQL; else a file in the folder.",
        ),
    ] = None,
    anchor: AnchorFile = None,
    accept_rollback: Annotated[
        bool,
        typer.Option(
            "--accept-rollback", help="Restore it though the anchor knows of a later state."
        ),
    ] = False,
    accept_damage: Annotated[
        bool,
        typer.Option("--accept-damage", help="Restore it though rows in it had been altered."),
    ] = False,
    root_key: RootKeyFile = None,
    passphrase_file: PassphraseFile = None,
    share: ShareFiles = None,
) -> None:
    """Make a data folder of a backup."""
    with one_sentence():
        from strongroom.clock import iso8601
        from strongroom.main import backups

        at_hand = opener(root_key, passphrase_file, share)
        if check:
            if data is not None or database is not None:
                fail("--check keeps nothing; give no --data and no --database")
            restored = backups.check(source, at_hand)
        else:
            if data is None:
                fail("say where to: --data DIR; or --check to keep nothing")
            restored = backups.restore(
                data,
                source,
                at_hand,
                database,
                anchor,
                accept_rollback=accept_rollback,
                accept_damage=accept_damage,
            )
        rows, log_bytes = restored.counts
        for each in restored.accepted:
            say(f"accepted: {each}")
        say(f"{rows} rows and {log_bytes} bytes of the audit log, as of {iso8601(restored.made)}")
        if check:
            return
        say(
            "what was done later is undone: keys that were disabled since are enabled, and grants "
            "that were revoked are good"
        )
        if restored.put_off:
            say(
                f"{restored.put_off} keys should have been deleted meanwhile: they wait 7 more days, so "
                "that you can cancel it"
            )
        say(f"serve it with: strongroom serve --data {data}")


def move(
    data: Data,
    database: Annotated[
        str | None,
        typer.Option("--database", metavar="postgresql://...", help="Where to: an empty database."),
    ] = None,
    into_folder: Annotated[
        bool, typer.Option("--into-folder", help="Where to: a file in the data folder.")
    ] = False,
    root_key: RootKeyFile = None,
    passphrase_file: PassphraseFile = None,
    share: ShareFiles = None,
) -> None:
    """Move the database to PostgreSQL, or from there into the folder. No node may be running."""
    with one_sentence():
        from strongroom.main.moving import move

        if (database is None) != into_folder:
            fail("say where to: --database postgresql://... or --into-folder")
        rows = move(data, opener(root_key, passphrase_file, share), database)
    say(f"moved {rows} rows; where they were, nobody can use them any more")
    say(f"serve it with: strongroom serve --data {data}")


def rotate(
    data: Data,
    root_key: RootKeyFile = None,
    passphrase_file: PassphraseFile = None,
    share: ShareFiles = None,
) -> None:
    """Give every account and Region a new domain key, and seal and sign all rows anew. Nodes may be running.

    Import tokens and grant tokens that were handed out before are good for nothing afterwards.
    """
    with one_sentence():
        from strongroom.main.foundation import changed
        from strongroom.storage.renewal import renew

        rows = 0
        with changed(data, opener(root_key, passphrase_file, share)) as store:
            with store.reading() as books:
                homes = books.homes()
            for home in homes:
                rows += renew(store, home)
    say(f"{len(homes)} domains have a new key; {rows} rows were written again under it")


def migrate(
    data: Data,
    root_key: RootKeyFile = None,
    passphrase_file: PassphraseFile = None,
    share: ShareFiles = None,
) -> None:
    """Bring the database to this release's tables, as `serve` does when it starts. Nodes may be running."""
    with one_sentence():
        from strongroom.main.foundation import bring_up

        before, now = bring_up(data, opener(root_key, passphrase_file, share))
    if before == now:
        say(f"the database is at revision {now} already; nothing was to be done")
    else:
        say(f"the database is at revision {now}, and was at {before}")
