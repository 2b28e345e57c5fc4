"""The file that appears whole or not at all, in both of its ways, and a race for its name."""

import errno
import os
import stat
from contextlib import nullcontext

import pytest

from strongroom.client.files import FileRefused, encrypt_file
from strongroom.client.output import Output


@pytest.fixture(params=[True, False], ids=["nameless", "named"])
def nameless(request):
    return request.param


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def write(output):
    output.reserve(1000)
    output.file.write(b"whole")


def test_it_appears_with_its_content_and_no_more(tmp_path, nameless):
    with Output(tmp_path / "out", nameless=nameless) as output:
        write(output)
        assert (tmp_path / "out").exists() is False
        output.commit(durable=True)
    assert (tmp_path / "out").read_bytes() == b"whole"
    assert names(tmp_path) == ["out"]


def test_nobody_else_may_read_what_is_not_whole(tmp_path, nameless):
    with Output(tmp_path / "out", nameless=nameless) as output:
        assert stat.S_IMODE(os.fstat(output.file.fileno()).st_mode) == 0o600


def test_without_a_commit_nothing_remains(tmp_path, nameless):
    with Output(tmp_path / "out", nameless=nameless) as output:
        write(output)
        assert bool(names(tmp_path)) is not nameless
    assert names(tmp_path) == []


@pytest.mark.parametrize("fault", [KeyboardInterrupt, OSError, SystemExit])
def test_after_an_exception_nothing_remains(tmp_path, nameless, fault):
    with pytest.raises(fault), Output(tmp_path / "out", nameless=nameless) as output:
        write(output)
        raise fault
    assert names(tmp_path) == []


def test_a_name_taken_before_is_refused_at_once(tmp_path, nameless):
    (tmp_path / "out").symlink_to("nowhere")
    with pytest.raises(FileExistsError):
        Output(tmp_path / "out", nameless=nameless)


def test_a_name_taken_meanwhile_stays_its_owners(tmp_path, nameless):
    with pytest.raises(FileExistsError), Output(tmp_path / "out", nameless=nameless) as output:
        write(output)
        (tmp_path / "out").write_bytes(b"another's")
        output.commit()
    assert (tmp_path / "out").read_bytes() == b"another's"
    assert names(tmp_path) == ["out"]


def test_replacing_keeps_the_mode_and_leaves_one_file(tmp_path, nameless):
    (tmp_path / "out").write_bytes(b"old and longer than the new")
    (tmp_path / "out").chmod(0o604)
    with Output(tmp_path / "out", replace=True, nameless=nameless) as output:
        write(output)
        output.commit()
    assert (tmp_path / "out").read_bytes() == b"whole"
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o604
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize("taken", [False, True])
def test_without_links_the_name_is_claimed_first(tmp_path, monkeypatch, taken):
    # No file system without hard links can be counted on to be here, so the call is refused.
    def refuse(*args, **kwargs):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
    with Output(tmp_path / "out", nameless=False) as output:
        write(output)
        if taken:
            (tmp_path / "out").write_bytes(b"another's")
            with pytest.raises(FileExistsError):
                output.commit()
        else:
            output.commit()
    assert (tmp_path / "out").read_bytes() == (b"another's" if taken else b"whole")
    assert names(tmp_path) == ["out"]


def test_a_reservation_that_fails_leaves_an_empty_file(tmp_path, nameless):
    with Output(tmp_path / "out", nameless=nameless) as output:
        with pytest.raises(OSError):
            output.reserve(2**62)
        output.file.write(b"whole")
        output.commit()
    assert (tmp_path / "out").read_bytes() == b"whole"


# What happens to files while they are worked on: done by the KMS, which is asked in between.


class Meanwhile:
    def __init__(self, kms, deed):
        self._kms = kms
        self._deed = deed

    def generate_data_key(self, **request):
        self._deed()
        return self._kms.generate_data_key(**request)


def seal(path, kms, key, *, replace=False):
    return encrypt_file(
        str(path),
        None,
        key=key,
        kms=kms,
        context={},
        replace=replace,
        durable=False,
        progress=lambda total: nullcontext(lambda done: None),
    )


@pytest.mark.parametrize(
    "deed",
    [
        pytest.param(lambda path: path.write_bytes(b"ten bytes more than before"), id="grown"),
        pytest.param(lambda path: path.write_bytes(b"few"), id="shrunk"),
        pytest.param(lambda path: path.write_bytes(b"16 other, bytes!"), id="rewritten"),
    ],
)
def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path, kms, key, deed):
    path = tmp_path / "file"
    path.write_bytes(b"sixteen, in all.")
    os.utime(path, (1, 1))
    with pytest.raises(FileRefused, match="changed while it was read"):
        seal(path, Meanwhile(kms, lambda: deed(path)), key)
    assert names(tmp_path) == ["file"]


def test_a_name_taken_while_encrypting_stays_its_owners(tmp_path, kms, key):
    path, out = tmp_path / "file", tmp_path / "file.encrypted"
    path.write_bytes(b"content")
    with pytest.raises(FileExistsError):
        seal(path, Meanwhile(kms, lambda: out.write_bytes(b"another's")), key)
    assert out.read_bytes() == b"another's"
    assert names(tmp_path) == ["file", "file.encrypted"]
