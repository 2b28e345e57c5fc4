"""Is what stands here what stood here last?  An older copy put back is refused, unless it is meant.

What is compared with the anchor (`storage.anchor`): how many commits the database has seen, and of as many
the digest of their outcome; how far each worker's audit chain had come.  The anchor is read first: others
may go on while this is asked, and what they have done since is no discontinuity.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from strongroom.audit.tail import newest, tail, value_at
from strongroom.keys.hierarchy import RootKey, audit_key
from strongroom.keys.witness import Whole, Witness
from strongroom.storage.anchor import Anchor, AnchorError, Head
from strongroom.storage.folder import Folder

_MEANT = (
    "If an older copy was put back on purpose, say so once with --accept-rollback; what was "
    "done after it was made is undone: keys that were disabled since are enabled, and grants that were "
    "revoked are good"
)


@contextmanager
def anchored(
    folder: Folder, root: RootKey, file: Path | None, *, make: bool = False, accept: bool = False
) -> Iterator[Anchor | None]:
    """The anchor of a folder, from `file` or from where the folder says; None if it needs none: it is to be
    thrown away, or is of a release that had none.

    AnchorError if it is missing.  `make` makes one for a folder of that release, `accept` for any.
    """
    where = file or folder.anchor
    if where is None:
        yield None
        return
    witness = Witness(root)
    try:
        anchor = Anchor.open(where, witness)
    except FileNotFoundError:
        if not make and not accept and not folder.says_anchor:
            yield None
            return
        if folder.says_anchor and not accept:
            raise AnchorError(
                f"the anchor `{where}` is missing, so nobody knows whether this is the latest state; "
                "bring it back, name it with --anchor, or begin a new one with --accept-rollback"
            ) from None
        anchor = Anchor.make(where, witness)
    try:
        yield anchor
    finally:
        anchor.close()


def require_continuity(
    folder: Folder, root: RootKey, state: Callable[[], Whole], anchor: Anchor, *, accept: bool
) -> list[str]:
    """What does not go on from where it was, `state` being how it is when that is called: AnchorError unless
    it is to be accepted.

    From here on the anchor speaks of what is here.
    """
    wrong = discontinuities(folder, root, state, anchor)
    if wrong and not accept:
        raise AnchorError(f"{'; '.join(wrong)} (by the anchor `{anchor.file}`). {_MEANT}")
    if wrong:
        anchor.forget_heads()
        anchor.set_to(state())
    else:
        anchor.raise_to(state())
        if anchor.failure is not None:
            raise anchor.failure
    anchor.sync()
    return wrong


def discontinuities(
    folder: Folder, root: RootKey, state: Callable[[], Whole], anchor: Anchor
) -> list[str]:
    """What is not as the anchor says that it was."""
    return [*_state(state, anchor, Witness(root)), *_chains(folder.audit, audit_key(root), anchor)]


def _state(state: Callable[[], Whole], anchor: Anchor, witness: Witness) -> Iterator[str]:
    known = anchor.state()
    if known is None:
        if anchor.in_use:
            yield "the anchor says nothing that this root key's holder wrote"
        return
    commits, digest = known
    whole = state()
    if whole.commits < commits:
        yield (
            f"the database is an older one than it was: it has seen {whole.commits} commits, "
            f"and had seen {commits}"
        )
    elif whole.commits == commits and witness.digest(whole) != digest:
        yield f"the database is another one than it was after {commits} commits"


def _chains(audit: Path, key: bytes, anchor: Anchor) -> Iterator[str]:
    for worker, head in anchor.heads().items():
        if wrong := _chain(audit, worker, key, head):
            yield f"the audit log of worker {worker} {wrong}"


def _chain(audit: Path, worker: int, key: bytes, head: Head) -> str:
    """What is wrong with a worker's chain, or nothing."""
    found = newest(audit, worker) if audit.is_dir() else None
    if found is None:
        return "is gone"
    path, opening = found
    if opening.chain != head.chain:
        return f"is another one: `{path.name}` is of chain {opening.chain}, not of {head.chain}"
    end = tail(path, key)
    sequence, value = (0, b"") if end is None else (end.seal.sequence, end.seal.value)
    if sequence < head.sequence:
        return f"ends before it did: `{path.name}` with seal {sequence}, not {head.sequence}"
    at = value if sequence == head.sequence else value_at(path, opening, head.sequence, key)
    if at is not None and at != head.value:
        return f"is another one than it was at seal {head.sequence}"
    return ""
