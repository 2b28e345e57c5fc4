"""The anchor: what is known of the state outside the data folder."""

import errno
import os
import threading
import uuid
from contextlib import closing
from pathlib import Path
from unittest import mock

import msgspec
import pytest
from keeping import keep_key

from strongroom.audit.writer import Writer
from strongroom.clock import Clock
from strongroom.keys.hierarchy import audit_key
from strongroom.keys.witness import Whole, Witness
from strongroom.main.continuity import discontinuities, require_continuity
from strongroom.main.foundation import lay
from strongroom.storage.anchor import Anchor, AnchorError, Head
from strongroom.storage.database import Database
from strongroom.storage.folder import Folder
from strongroom.storage.migrations import migrate
from strongroom.storage.page import Page
from strongroom.storage.rootkey import new_root_key
from strongroom.storage.store import Store

ONE, TWO = Whole(1, 1, 7), Whole(2, 5, 8)
CHAIN = str(uuid.UUID(int=7))


@pytest.fixture
def witness(root):
    return Witness(root)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "data.anchor"


@pytest.fixture
def anchor(file, witness):
    with closing(Anchor.make(file, witness)) as anchor:
        yield anchor


def test_a_new_one_says_nothing(anchor, file):
    assert (anchor.state(), anchor.heads(), anchor.in_use) == (None, {}, False)
    assert file.stat().st_mode & 0o777 == 0o600


def test_it_is_raised_and_never_lowered(anchor, witness, file):
    for whole in (ONE, TWO, ONE):
        anchor.raise_to(whole)
    assert anchor.state() == (2, witness.digest(TWO))
    with closing(Anchor.open(file, witness)) as again:
        assert again.state() == (2, witness.digest(TWO))
    anchor.set_to(ONE)  # unless that is meant
    assert anchor.state() == (1, witness.digest(ONE))


def test_every_worker_has_a_place(anchor):
    heads = {worker: Head(CHAIN, worker + 1, bytes([worker]) * 32) for worker in (0, 3, 255)}
    for worker, head in heads.items():
        anchor.put_head(worker, head._replace(sequence=0))
        anchor.put_head(worker, head)
    anchor.raise_to(ONE)
    assert anchor.heads() == heads
    anchor.forget_heads()
    assert anchor.heads() == {}
    assert anchor.state()[0] == 1


def test_a_page_that_was_torn_is_as_if_it_had_not_been_written(anchor, file, witness):
    anchor.raise_to(ONE)
    first = file.read_bytes()
    anchor.raise_to(TWO)
    second = file.read_bytes()
    changed = [at for at in range(len(second)) if second[at] != first.ljust(len(second), b"\0")[at]]
    for cut in range(changed[0] + 1, changed[-1]):
        file.write_bytes(second[:cut] + first[cut:].ljust(len(second) - cut, b"\0"))
        assert anchor.state() == (1, witness.digest(ONE)), cut
    file.write_bytes(second)
    assert anchor.state() == (2, witness.digest(TWO))


@pytest.mark.parametrize("at", range(0, 512, 23))
def test_what_somebody_else_wrote_counts_for_nothing(anchor, file, at):
    anchor.raise_to(ONE)
    anchor.put_head(0, Head(CHAIN, 4, bytes(32)))
    read = bytearray(file.read_bytes().ljust(512, b"\0"))
    state, heads = anchor.state(), anchor.heads()
    read[at] ^= 1
    file.write_bytes(read)
    assert anchor.state() in (state, None)
    assert anchor.heads() in (heads, {})


def test_a_page_moved_to_another_slot_counts_for_nothing(anchor, file):
    anchor.put_head(0, Head(CHAIN, 4, bytes(32)))
    read = file.read_bytes().ljust(512, b"\0")
    file.write_bytes(read + read[256:512])
    assert [*anchor.heads()] == [0]


def test_of_another_root_key(anchor, file):
    anchor.raise_to(ONE)
    with closing(Anchor.open(file, Witness(new_root_key()))) as other:
        assert other.state() is None
        assert other.in_use


def test_many_raise_it_at_once(file, witness):
    Anchor.make(file, witness).close()

    def raise_it(first):
        with closing(Anchor.open(file, witness)) as mine:
            for commits in range(first, 401, 4):
                mine.raise_to(Whole(commits, 0, 0))

    threads = [threading.Thread(target=raise_it, args=(each,)) for each in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with closing(Anchor.open(file, witness)) as anchor:
        assert anchor.state()[0] == 400


def test_what_is_there_is_not_made_anew(anchor, file, witness, tmp_path):
    with pytest.raises(AnchorError, match="another installation's"):
        Anchor.make(file, witness)
    with pytest.raises(AnchorError, match="cannot be made: No such file"):
        Anchor.make(tmp_path / "no" / "where", witness)
    with pytest.raises(AnchorError, match="cannot be used: Is a directory"):
        Anchor.open(tmp_path, witness)
    with pytest.raises(FileNotFoundError):
        Anchor.open(tmp_path / "nowhere", witness)


def test_a_commit_is_anchored(sqlite, root, anchor, backing):
    store = Store(sqlite, root, Page.blank(), anchor)
    assert store.begin().commits == 1
    assert anchor.state()[0] == 1
    keep_key(store, backing)
    assert anchor.state() == (2, Witness(root).digest(store.whole()))
    with pytest.raises(ZeroDivisionError), store.writing():
        raise ZeroDivisionError
    assert anchor.state()[0] == store.whole().commits == 2


def test_a_commit_that_cannot_be_anchored_is_one_all_the_same(
    sqlite, root, anchor, backing, monkeypatch
):
    store = Store(sqlite, root, Page.blank(), anchor)
    store.begin()
    with monkeypatch.context() as patch:
        patch.setattr("os.pwrite", failing)
        key = keep_key(store, backing)
    assert anchor.failure.errno == errno.EIO
    assert anchor.state()[0] == 1
    with store.reading() as books:
        assert books.key(key.account, key.region, key.id) is not None
    keep_key(store, backing)
    assert anchor.failure is None
    assert anchor.state()[0] == store.whole().commits == 3


def failing(*_):
    raise OSError(errno.EIO, "Input/output error")


def test_a_hundred_older_copies(tmp_path, root, anchor, backing, witness):
    """Every one is told from the latest, and the latest from none; whichever two are mixed."""
    folder = Folder(tmp_path / "data")
    folder.make()
    database = Database(folder.file)
    store = _made(database, root, anchor)
    copies = []
    for _ in range(100):
        copies.append(_copied(database, folder))
        keep_key(store, backing)
    latest = _copied(database, folder)
    database.close()
    for at, copy in enumerate(copies):
        _put_back(folder, copy)
        (said,) = _wrong(folder, root, anchor)
        assert f"has seen {at + 1} commits, and had seen 101" in said
    _put_back(folder, latest)
    assert _wrong(folder, root, anchor) == []
    assert witness.digest(_whole(folder, root)) == anchor.state()[1]


def test_another_history_of_as_many_commits(tmp_path, root, anchor, backing):
    """A copy that somebody went on with elsewhere."""
    folder = Folder(tmp_path / "data")
    folder.make()
    database = Database(folder.file)
    store = _made(database, root, anchor)
    copy = _copied(database, folder)
    keep_key(store, backing)
    database.close()
    _put_back(folder, copy)
    elsewhere = Database(folder.file)
    keep_key(Store(elsewhere, root, Page.blank()), backing)
    elsewhere.close()
    (said,) = _wrong(folder, root, anchor)
    assert said == "the database is another one than it was after 2 commits"


def test_others_go_on_while_it_is_asked(tmp_path, root, anchor, backing):
    """As a running server does while a command looks at its folder."""
    folder = Folder(tmp_path / "data")
    folder.make()
    with closing(Database(folder.file)) as database:
        store = _made(database, root, anchor)

        def state():
            seen = store.whole()
            keep_key(store, backing)
            return seen

        assert discontinuities(folder, root, state, anchor) == []
        assert require_continuity(folder, root, state, anchor, accept=False) == []
        assert anchor.state()[0] == store.whole().commits  # no lower


def test_an_anchor_that_cannot_be_written_ends_the_start(
    tmp_path, root, anchor, backing, monkeypatch
):
    folder = Folder(tmp_path / "data")
    folder.make()
    with closing(Database(folder.file)) as database:
        store = _made(database, root, None)
        keep_key(store, backing)
        monkeypatch.setattr("strongroom.storage.anchor.os.pwrite", failing)
        with pytest.raises(OSError, match="Input/output error"):
            require_continuity(folder, root, store.whole, anchor, accept=False)


def _made(database, root, anchor):
    migrate(database)
    store = Store(database, root, Page.blank(), anchor)
    store.begin()
    return store


def _copied(database, folder):
    database.forget_deleted()  # all is in the file itself
    return folder.file.read_bytes()


def _put_back(folder, copy):
    for path in folder.path.glob("strongroom.db*"):
        path.unlink()
    folder.file.write_bytes(copy)


def _whole(folder, root):
    with closing(Database(folder.file)) as database:
        return Store(database, root, Page.blank()).whole()


def _wrong(folder, root, anchor):
    return discontinuities(folder, root, lambda: _whole(folder, root), anchor)


def test_a_chain_of_the_audit_log(tmp_path, root, anchor):
    folder = Folder(tmp_path / "data")
    folder.make()
    writer = _writer(folder, root)
    empty = {}
    writer.write([b'{"eventVersion":1}'])
    older = _files(folder)
    writer.write([b'{"eventVersion":2}'])
    anchor.put_head(0, Head(*writer.head))
    kept = _files(folder)
    assert _chains(folder, root, anchor) == []
    writer.write([b'{"eventVersion":3}'])
    assert _chains(folder, root, anchor) == []  # the anchor may be behind
    writer.close()
    for files, said in (
        (empty, "is gone"),
        (older, "ends before it did"),
        (kept, ""),
        ({name: text.replace(b'":2}', b'":9}') for name, text in kept.items()}, ""),  # for `verify`
    ):
        for path in folder.audit.iterdir():
            path.unlink()
        for name, text in files.items():
            (folder.audit / name).write_bytes(text)
        found = _chains(folder, root, anchor)
        assert [said in each for each in found] == ([True] if said else []), found
    for path in folder.audit.iterdir():
        path.unlink()
    other = _writer(folder, root)
    other.write([b'{"eventVersion":1}'])
    other.write([b'{"eventVersion":2}'])
    other.close()
    (found,) = _chains(folder, root, anchor)
    assert "is another one" in found


def _writer(folder, root, max_bytes=1 << 20):
    return Writer(
        folder.audit, 0, key=audit_key(root), durable=False, clock=Clock(), max_bytes=max_bytes
    )


def _files(folder):
    return {path.name: path.read_bytes() for path in folder.audit.iterdir()}


def _chains(folder, root, anchor):
    anchor.set_to(ONE)
    return discontinuities(folder, root, lambda: ONE, anchor)


def test_what_is_left_of_a_log_reaches_the_disk(tmp_path, root):
    """Descriptors of files that were followed by others are closed once that is done."""
    folder = Folder(tmp_path / "data")
    folder.make()
    before = _descriptors()
    writer = _writer(folder, root, max_bytes=200)
    for _ in range(5):
        writer.write([b'{"eventVersion":1}'])
    assert _descriptors() > before + 1
    writer.syncing()()
    assert _descriptors() == before + 1
    writer.close()
    assert _descriptors() == before


def _descriptors():
    return len([*Path("/proc/self/fd").iterdir()])


@pytest.mark.parametrize("previous", ["itself", "../../elsewhere"])
def test_a_file_that_misleads_ends_the_search(tmp_path, root, anchor, previous):
    """Whoever writes an opening says what was before; nobody follows that for ever, or out of the log."""
    folder = Folder(tmp_path / "data")
    folder.make()
    writer = _writer(folder, root, max_bytes=200)
    for number in range(4):
        writer.write([b'{"eventVersion":%d}' % number])
        if not number:
            anchor.put_head(0, Head(*writer.head))
    writer.close()
    *_, (name, text) = sorted(_files(folder).items())
    told = msgspec.json.decode(text.partition(b"\n")[0])
    told["opening"]["previous"]["name"] = name if previous == "itself" else previous
    (folder.audit / name).write_bytes(msgspec.json.encode(told) + b"\n" + text.partition(b"\n")[2])
    assert _chains(folder, root, anchor) == []  # `verify` says what is wrong with it


def test_what_init_has_made_is_on_the_disk(tmp_path):
    """A folder that a power cut left without its anchor would not be served."""
    synced = set()

    def watched(sync):
        def call(descriptor):
            synced.add(Path(f"/proc/self/fd/{descriptor}").readlink())
            return sync(descriptor)

        return call

    data = tmp_path / "there" / "data"
    data.parent.mkdir()
    anchor = tmp_path / "elsewhere" / "anchor"
    anchor.parent.mkdir()
    with (
        mock.patch("os.fsync", watched(os.fsync)),
        mock.patch("os.fdatasync", watched(os.fdatasync)),
        mock.patch("strongroom.main.foundation.harden"),
    ):
        lay(data, "000000000000", tmp_path / "root-key", None, anchor=anchor)
    wanted = {data, data.parent, anchor, anchor.parent, tmp_path / "root-key", tmp_path}
    assert wanted <= synced
