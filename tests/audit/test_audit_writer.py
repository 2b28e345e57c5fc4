"""The writer keeps its chain whole through kills, full disks, failing flushes and other people's hands."""

import json
import os
import resource
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest import mock

import pytest
from trails import KEY, files, kill, kinds, names, rec, sound, writer

from strongroom.audit.tail import newest, opening_of, tail
from strongroom.audit.verify import Kind, verify


class Hands:
    """A clock that is moved by hand."""

    def __init__(self):
        self.at = 1795462565.0

    def true_now(self):
        self.at += 0.000001  # no two files in one microsecond
        return self.at


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "trail"


# What is written.


def test_files_are_the_owners_alone_and_named_by_start_worker_and_process(folder):
    one = writer(folder, 3, clock=Hands())
    one.write([rec("a")])
    one.close()
    (path,) = folder.iterdir()
    assert path.name == f"20261123T193605.000001Z-w3-{os.getpid()}.jsonl"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_batch_is_one_write_with_its_seal(folder):
    one = writer(folder)
    with mock.patch("os.write", side_effect=os.write) as write:
        one.write([rec("a"), rec("b")])
    (call,) = write.call_args_list
    assert call.args[1].startswith(rec("a") + b"\n" + rec("b") + b"\n" + b'{"seal":{"sequence":2,')
    one.close()


def test_only_a_durable_writer_waits_for_the_disk(folder):
    for durable in (False, True):
        one = writer(folder, durable=durable)
        with mock.patch("os.fdatasync", side_effect=os.fdatasync) as sync:
            one.write([rec("a")])
        assert sync.called is durable
        one.close()


def test_files_follow_one_another_by_size(folder):
    one = writer(folder, max_bytes=1000)
    for n in range(20):
        one.write([rec(n), rec(-n)])
    one.close()
    reports = verify(folder, KEY)
    assert len(reports) > 4
    assert all(report.closed and not report.findings for report in reports)
    assert [opening_of(path).number for path in files(folder)] == list(range(1, len(reports) + 1))
    assert [opening_of(path).reason for path in files(folder)][1:] == ["rotated"] * (
        len(reports) - 1
    )
    assert len(names(folder)) == 40


# Who went before.


def test_a_stopped_worker_is_continued(folder):
    for round_ in range(3):
        one = writer(folder)
        one.write([rec(round_)])
        one.close()
    assert kinds(folder) == [[], [], []]
    assert [opening_of(path).reason for path in files(folder)] == ["started"] * 3
    assert len({opening_of(path).chain for path in files(folder)}) == 1


@pytest.mark.parametrize(
    "torn",
    [
        b"",
        rec("x"),
        rec("x") + b"\n",
        rec("x") + b"\n" + b'{"seal":{"sequence":4,"coun',
        rec("y" * 1000000) + b"\n",
    ],
    ids=["nothing", "half a line", "a line", "half a seal", "a megabyte"],
)
def test_a_killed_worker_is_continued_from_its_last_seal(folder, torn):
    one = writer(folder)
    one.write([rec("a")])
    one.write([rec("b")])
    kill(one)
    (path,) = folder.iterdir()
    length = path.stat().st_size
    path.write_bytes(path.read_bytes() + torn)

    two = writer(folder)
    two.write([rec("c")])
    two.close()
    before, after = files(folder)
    assert opening_of(after).reason == "the process before was killed"
    assert opening_of(after).previous.length == length
    assert kinds(folder) == [[Kind.TORN] if torn else [], []]
    assert sound(folder)
    assert before.read_bytes().endswith(torn)  # nobody's bytes are touched


def test_the_newest_file_is_known_by_number_even_if_the_clock_went_back(folder):
    hands = Hands()
    for _ in range(3):
        one = writer(folder, clock=hands)
        one.write([rec("a")])
        one.close()
        hands.at -= 86400
    assert [opening_of(path).number for path in files(folder)] == [1, 2, 3]
    assert sound(folder)
    assert sorted(path.name for path in folder.iterdir())[0] == newest(folder, 0)[0].name


def test_workers_have_chains_of_their_own(folder):
    both = [writer(folder, n) for n in (1, 11)]
    for one in both:
        one.write([rec("a")])
        one.close()
    assert len({opening_of(path).chain for path in files(folder)}) == 2
    assert kinds(folder) == [[], []]


def test_a_second_writer_for_one_worker_is_refused(folder):
    one = writer(folder)
    with pytest.raises(BlockingIOError, match="is being written by another process"):
        writer(folder)
    one.close()
    writer(folder).close()


def test_a_file_sealed_with_another_key_is_not_continued_in_silence(folder):
    one = writer(folder)
    one.write([rec("a")])
    one.close()
    (path,) = folder.iterdir()
    altered = path.read_bytes().replace(b'"sequence":3', b'"sequence":9')
    path.write_bytes(altered)
    two = writer(folder)
    two.write([rec("b")])
    two.close()
    assert opening_of(files(folder)[1]).reason == "the file before has no seal of ours at its end"
    assert kinds(folder) == [[Kind.ALTERED], []]
    three = writer(folder)  # and goes on from there
    three.close()
    assert kinds(folder) == [[Kind.ALTERED], [], []]


def test_the_tail_is_found_however_far_from_the_end(folder):
    one = writer(folder)
    one.write([rec("a" * 700_000)])
    one.close()
    (path,) = folder.iterdir()
    assert tail(path, KEY).length == path.stat().st_size
    path.write_bytes(path.read_bytes()[:600_000])
    assert tail(path, KEY).seal.sequence == 1  # the opening's
    path.write_bytes(b"")
    assert tail(path, KEY) is None


# Other hands.


@pytest.mark.parametrize(
    ("meddle", "reason"),
    [
        (lambda path: path.unlink(), "the file before was deleted"),
        (
            lambda path: path.rename(path.with_suffix(".moved")),
            "the file before was moved or replaced",
        ),
        (
            lambda path: (path.rename(path.with_suffix(".moved")), path.write_bytes(b"")),
            "the file before was moved or replaced",
        ),
        (
            lambda path: path.open("ab").write(rec("forged") + b"\n"),
            "the file before was written to by somebody else",
        ),
        (lambda path: os.truncate(path, 100), "the file before was written to by somebody else"),
    ],
    ids=["deleted", "moved", "replaced", "appended to", "cut"],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_file_changed_behind_our_back_is_left_and_a_new_one_says_so(folder, meddle, reason):
    hands = Hands()
    one = writer(folder, clock=hands)
    one.write([rec("a")])
    (path,) = folder.iterdir()
    meddle(path)
    hands.at += 1  # the path is looked at once a second, the file itself each time
    one.write([rec("b")])
    one.write([rec("c")])
    one.close()
    (after,) = [p for p in folder.glob("*.jsonl") if p != path]
    assert opening_of(after).reason == reason
    assert opening_of(after).previous.name == path.name
    assert after.read_bytes().count(b'{"eventVersion"') == 2
    assert not sound(folder) or [Kind.TORN] in kinds(folder)


def test_a_deleted_file_is_noticed_at_once(folder):
    one = writer(folder)
    one.write([rec("a")])
    for path in folder.iterdir():
        path.unlink()
    one.write([rec("b")])
    assert names(folder) == ["b"]
    one.close()


# A disk that fails.


@pytest.fixture
def small_disk():
    """A folder on a disk of 64 KiB.

    Not below pytest's own folder: were this process killed, what stayed mounted there would be in
    the way of every later run.
    """
    mount = Path(tempfile.mkdtemp(prefix="strongroom-disk-"))
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(mount)]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        mount.rmdir()
        pytest.skip(f"a tmpfs cannot be mounted here: {done.stderr.decode().strip()}")
    yield mount
    subprocess.run(["umount", "--lazy", str(mount)], check=True)
    mount.rmdir()


@pytest.mark.parametrize("durable", [False, True])
def test_a_full_disk_refuses_batches_and_heals(small_disk, durable):
    folder = small_disk / "trail"
    one = writer(folder, durable=durable)
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 40_000)
    acknowledged = []
    refused = 0
    for n in range(60):
        try:
            one.write([rec(f"{n}-{'x' * 1000}")])
        except OSError as failure:
            assert failure.errno == 28  # ENOSPC
            refused += 1
        else:
            acknowledged.append(str(n))
        if n == 40:
            assert refused
            ballast.unlink()
    assert refused < 40
    assert acknowledged[-1] == "59"
    one.close()
    assert [name.split("-")[0] for name in names(folder)] == acknowledged
    assert kinds(folder) == [[]]


def test_a_disk_full_at_a_rotation_refuses_and_heals(small_disk):
    folder = small_disk / "trail"
    one = writer(folder, max_bytes=3000)
    for n in range(4):
        one.write([rec(f"{n}-{'x' * 800}")])
    ballast = small_disk / "ballast"
    with pytest.raises(OSError, match="No space"), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    refused = 0
    for n in range(4, 12):
        try:
            one.write([rec(f"{n}-{'x' * 800}")])
        except OSError:
            refused += 1
    assert refused >= 4
    ballast.unlink()
    one.write([rec("healed")])
    one.close()
    assert names(folder)[-1] == "healed"
    assert all(not found for found in kinds(folder))


def test_nothing_can_be_begun_on_a_full_disk(small_disk):
    ballast = small_disk / "ballast"
    with pytest.raises(OSError, match="No space"), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    with pytest.raises(OSError, match="No space"):
        writer(small_disk / "trail")


LIMITED = """
import resource, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from trails import rec, writer
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, resource.RLIM_INFINITY))
one = writer(Path(sys.argv[1]))
good = 0
for n in range(20):
    try:
        one.write([rec(n), rec("x" * 500)])
        good += 1
    except OSError as failure:
        assert failure.errno == 27, failure  # EFBIG
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
one.write([rec("healed")])
one.close()
print(good)
"""


def test_a_file_that_may_not_grow_keeps_its_whole_batches(folder):
    folder.mkdir()
    program = LIMITED.format(tests=str(Path(__file__).parent))
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder)], capture_output=True, text=True, check=True
    )
    assert 0 < int(done.stdout) < 20
    assert kinds(folder) == [[]]
    assert len(names(folder)) == 2 * int(done.stdout) + 1
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def failing(error):
    return mock.Mock(side_effect=OSError(error, os.strerror(error)))


def test_a_file_whose_flush_failed_is_never_written_to_again(folder):
    one = writer(folder, durable=True)
    one.write([rec("a")])
    with mock.patch("os.fdatasync", failing(5)), pytest.raises(OSError, match="Input/output"):
        one.write([rec("lost")])
    (first,) = folder.iterdir()
    as_left = first.read_bytes()
    one.write([rec("b")])
    one.close()
    assert first.read_bytes() == as_left
    assert (
        opening_of(files(folder)[1]).reason == "a batch did not reach the disk: Input/output error"
    )
    assert names(folder) == ["a", "b"]
    assert kinds(folder) == [[], []]


def test_nor_when_the_batch_could_not_even_be_taken_back(folder):
    one = writer(folder, durable=True)
    one.write([rec("a")])
    with (
        mock.patch("os.fdatasync", failing(5)),
        mock.patch("os.ftruncate", failing(5)),
        pytest.raises(OSError, match="Input/output"),
    ):
        one.write([rec("perhaps")])
    one.write([rec("b")])
    one.close()
    assert names(folder) == ["a", "perhaps", "b"]
    assert kinds(folder) == [[Kind.TORN], []]  # sealed, but not what the chain went on from
    assert sound(folder)


@pytest.mark.parametrize("also", [None, "os.ftruncate"])
def test_half_a_batch_is_taken_back_or_left(folder, also):
    one = writer(folder)
    one.write([rec("a")])
    real, calls = os.write, []

    def half_then_fail(fd, data):
        calls.append(data)
        if len(calls) > 1:
            raise OSError(5, os.strerror(5))
        return real(fd, data[: len(data) // 2])

    with mock.patch("os.write", half_then_fail), pytest.raises(OSError, match="Input/output"):
        if also:
            with mock.patch(also, failing(5)):
                one.write([rec("lost" * 9)])
        else:
            one.write([rec("lost" * 9)])
    one.write([rec("b")])
    one.close()
    assert len(files(folder)) == (2 if also else 1)
    assert kinds(folder) == ([[Kind.TORN], []] if also else [[]])
    assert sound(folder)


def test_a_new_file_that_cannot_be_begun_leaves_nothing_and_is_tried_again(folder):
    one = writer(folder, durable=True)
    one.write([rec("a")])
    for path in folder.iterdir():
        path.unlink()
    with mock.patch("os.fsync", failing(5)):
        for _ in range(3):
            with pytest.raises(OSError, match="Input/output"):
                one.write([rec("lost")])
    assert list(folder.iterdir()) == []
    one.write([rec("b")])
    one.close()
    assert names(folder) == ["b"]
    (line,) = (p.read_bytes().splitlines()[0] for p in folder.iterdir())
    assert json.loads(line)["opening"]["number"] == 2


def test_a_file_has_its_name_only_with_its_opening(folder):
    one = writer(folder, max_bytes=1000)
    one.write([rec("a" * 1000)])
    real = os.write

    def look_and_write(fd, data):
        assert not [path for path in folder.glob("*.jsonl") if not path.stat().st_size]
        return real(fd, data)

    with mock.patch("os.write", side_effect=look_and_write) as write:
        one.write([rec("b")])
    assert write.call_count == 3  # the last seal, the opening, the batch
    one.close()
    assert not list(folder.glob("*.begun"))


def test_a_process_killed_before_its_file_had_a_name_leaves_a_sound_trail(folder):
    one = writer(folder)
    one.write([rec("a")])
    kill(one)
    stale = folder / "20261123T193605.123456Z-w0-4711.jsonl.begun"
    stale.write_bytes(b"")
    others = folder / "20261123T193605.123456Z-w1-4711.jsonl.begun"
    others.write_bytes(b"")
    assert sound(folder)
    two = writer(folder)
    two.write([rec("b")])
    two.close()
    assert names(folder) == ["a", "b"]
    assert kinds(folder) == [[], []]
    assert list(folder.glob("*.begun")) == [others]  # it is not this worker's to take away


def test_a_file_takes_nobodys_name(folder):
    clock = mock.Mock(true_now=lambda: 1795462565.0)
    one = writer(folder, clock=clock)
    one.write([rec("a")])
    one.close()
    with pytest.raises(FileExistsError):
        writer(folder, clock=clock)
    assert names(folder) == ["a"]
    assert not list(folder.glob("*.begun"))


def test_closing_without_a_disk_says_so_and_lets_go(folder):
    one = writer(folder)
    with mock.patch("os.write", failing(28)), pytest.raises(OSError, match="No space"):
        one.close()
    one.close()
    writer(folder).close()
    assert kinds(folder) == [[], []]


# A process that is killed.

KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from trails import rec, writer
one = writer(Path(sys.argv[1]), durable=False, max_bytes=1500)  # a new file every few batches
n = int(sys.argv[2])
while True:
    batch = [rec(f"{{n}}.{{m}}") for m in range(n % 7 + 1)]
    one.write(batch)
    print(n, flush=True)
    n += 1
"""


def test_killed_at_any_moment_it_has_lost_nothing_it_acknowledged(folder):
    folder.mkdir()
    program = KILLED.format(tests=str(Path(__file__).parent))
    acknowledged = 0
    for cycle in range(8):
        with subprocess.Popen(
            [sys.executable, "-c", program, str(folder), str(acknowledged)], stdout=subprocess.PIPE
        ) as process:
            for _ in range(40 + 37 * cycle):
                line = process.stdout.readline()
            process.kill()
            rest = process.stdout.read().split()
            acknowledged = int(rest[-1] if rest else line) + 1
        assert sound(folder)
        there = {name.split(".")[0] for name in names(folder)}
        assert {str(n) for n in range(acknowledged)} <= there
