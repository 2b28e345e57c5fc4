"""The two commands as processes: what they leave in the folder, say, and exit with."""

import io
import os
import pty
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.flipping import flipped

from strongroom.client.sealing import FRAME, encrypt_with

RUN = """
import typer
from strongroom.cli.files import decrypt, encrypt

app = typer.Typer()
app.command()(encrypt)
app.command()(decrypt)
app()
"""
DATA = os.urandom(3 * FRAME + 11)


class Commands:
    """`strongroom` in a folder of its own, with a KMS at `url`."""

    def __init__(self, folder: Path, url: str, key: str):
        self.folder = folder
        self.key = key
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
            "PYTHONWARNINGS": "error",
        }

    def start(self, *arguments, **options):
        return subprocess.Popen(
            [sys.executable, "-c", RUN, *arguments],
            cwd=self.folder,
            env=self.environment,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
        )

    def run(self, *arguments, given=None, **options):
        stdin = subprocess.DEVNULL if given is None else subprocess.PIPE
        with self.start(*arguments, stdin=stdin, **options) as process:
            out, err = process.communicate(given, timeout=60)
        return process.returncode, out, err.decode()

    def refuse(self, *arguments, **options):
        """What is said of a command that must fail and change nothing."""
        before = self.snapshot()
        code, out, said = self.run(*arguments, **options)
        assert (code, out) == (1, b""), said
        assert self.snapshot() == before
        return one_sentence(said)

    def snapshot(self):
        return {
            path.name: path.read_bytes() if path.is_file() else None
            for path in self.folder.iterdir()
            if not path.is_fifo()
        }


def one_sentence(said):
    assert said.startswith("strongroom: ")
    assert said.count("\n") == 1
    assert said.endswith("\n")
    assert not said.endswith(".\n")
    return said.removeprefix("strongroom: ").rstrip("\n")


@pytest.fixture
def commands(tmp_path, kms_url, key):
    (tmp_path / "file").write_bytes(DATA)
    return Commands(tmp_path, kms_url, key)


@pytest.fixture
def sealed(commands):
    """`file.encrypted` is there, and `file` is not."""
    code, _, said = commands.run("encrypt", "--key", commands.key, "-c", "a=b=c", "file")
    assert code == 0, said
    (commands.folder / "file").unlink()
    return commands


def test_a_file_goes_there_and_back(commands):
    code, out, said = commands.run("encrypt", "--key", commands.key, "-c", "a=b=c", "file")
    assert (code, out) == (0, b"")
    assert said == f"file.encrypted: 384.0 KiB sealed under {commands.key}\n"
    assert set(commands.snapshot()) == {"file", "file.encrypted"}
    (commands.folder / "file").unlink()
    code, out, said = commands.run("decrypt", "file.encrypted", "-c", "a=b=c")
    assert (code, out) == (0, b"")
    assert said == f"file: 384.0 KiB opened with {commands.key}\n"
    assert commands.snapshot()["file"] == DATA


def test_quiet_says_nothing(commands):
    assert commands.run("encrypt", "-q", "--key", commands.key, "file") == (0, b"", "")


def test_sync_does_the_same(commands):
    assert commands.run("encrypt", "--sync", "-q", "-k", commands.key, "file") == (0, b"", "")
    assert commands.run("decrypt", "--sync", "-q", "file.encrypted", "-o", "b") == (0, b"", "")
    assert commands.snapshot()["b"] == DATA


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_the_output_has_the_mode_that_the_umask_leaves(commands, umask, mode):
    commands.run("encrypt", "--key", commands.key, "file", umask=umask)
    found = (commands.folder / "file.encrypted").stat()
    assert stat.S_IMODE(found.st_mode) == mode


def test_from_standard_input_to_standard_output(commands):
    code, message, said = commands.run("encrypt", "--key", commands.key, "-", given=DATA)
    assert code == 0, said
    assert said.startswith("standard output: ")
    code, plaintext, _ = commands.run("decrypt", "-", given=message)
    assert (code, plaintext) == (0, DATA)
    assert set(commands.snapshot()) == {"file"}


def test_a_pipe_as_the_file_needs_a_name_for_the_output(commands):
    os.mkfifo(commands.folder / "pipe")
    # Open for both, so that neither side waits for the other.
    both = os.open(commands.folder / "pipe", os.O_RDWR)
    said = commands.refuse("encrypt", "--key", commands.key, "pipe")
    os.close(both)
    assert said == "`pipe` is not an ordinary file: name the output by `-o`"


# Files that are in the way, or are none.


def test_an_existing_file_stays(commands):
    (commands.folder / "file.encrypted").write_bytes(b"mine")
    said = commands.refuse("encrypt", "--key", commands.key, "file")
    assert said == "`file.encrypted` exists: give `--force` to replace it"


def test_force_replaces_and_keeps_the_mode(sealed):
    (sealed.folder / "file").write_bytes(b"old")
    (sealed.folder / "file").chmod(0o640)
    code, _, said = sealed.run("decrypt", "--force", "file.encrypted")
    assert code == 0, said
    assert sealed.snapshot()["file"] == DATA
    assert stat.S_IMODE((sealed.folder / "file").stat().st_mode) == 0o640
    assert set(sealed.snapshot()) == {"file", "file.encrypted"}


def test_force_replaces_what_a_link_stands_for(sealed):
    (sealed.folder / "elsewhere").write_bytes(b"old")
    (sealed.folder / "file").symlink_to("elsewhere")
    assert "exists" in sealed.refuse("decrypt", "file.encrypted")
    assert sealed.run("decrypt", "--force", "file.encrypted")[0] == 0
    assert (sealed.folder / "file").is_symlink()
    assert sealed.snapshot()["elsewhere"] == DATA


def test_a_failure_with_force_leaves_the_old_file(sealed, kms):
    (sealed.folder / "file").write_bytes(b"old")
    kms.faults["Decrypt"] = ("DisabledException", "It is disabled.")
    assert "enable the key" in sealed.refuse("decrypt", "--force", "file.encrypted")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing"], "`nothing`: no such file or directory"),
        (["."], "`.`: is a directory"),
        (["file", "-o", "."], "`.` is a folder: name a file in it by `-o`"),
        (["file", "-o", "file", "--force"], "`file` is both the input and the output"),
        (["file", "-o", "/dev/null"], "`/dev/null` is not an ordinary file: give `-o -` and"),
        (["file", "-o", "no/where"], "`no`: no such file or directory"),
        (["file", "-c", "nopair"], "`--context nopair`: give each key once, as KEY=VALUE"),
        (["file", "-c", "a=b", "-c", "a=c"], "`--context a=c`: give each key once"),
        (["file", "-c", "aws-crypto-x=1"], "`aws-crypto-x`: context keys that begin with"),
    ],
)
def test_what_cannot_be_is_said(commands, arguments, said):
    assert commands.refuse("encrypt", "--key", commands.key, *arguments).startswith(said)


def test_a_name_without_the_suffix_needs_a_name_for_the_output(sealed):
    (sealed.folder / "file.encrypted").rename(sealed.folder / "message")
    assert sealed.refuse("decrypt", "message").startswith("`message` does not end in `.encrypted`")
    assert sealed.run("decrypt", "message", "-o", "plain")[0] == 0
    assert sealed.snapshot()["plain"] == DATA


def test_a_message_is_not_for_a_terminal(commands):
    ours, theirs = pty.openpty()
    try:
        said = commands.run("encrypt", "--key", commands.key, "file", "-o", "-", stdout=theirs)
    finally:
        os.close(ours)
        os.close(theirs)
    assert said[0] == 1
    assert "not for a terminal" in one_sentence(said[2])


def test_a_terminal_sees_a_bar_and_then_one_line(commands):
    ours, theirs = pty.openpty()
    with commands.start("encrypt", "--key", commands.key, "file", stderr=theirs) as process:
        os.close(theirs)
        seen = b""
        try:
            while part := os.read(ours, 4096):
                seen += part
        except OSError:  # how a closed terminal ends
            pass
        os.close(ours)
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert re.search(rb"\d+\.\d/\d+\.\d kB|MB/s|kB/s|\?", seen)
    assert seen.endswith(f"sealed under {commands.key}\r\n".encode())


# Messages that are not what they were.


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(lambda m: m[:-1], "the message ends before its end", id="cut short"),
        pytest.param(flipped, "the message is not as it was sealed", id="altered"),
        pytest.param(lambda m: m + b"\n", "bytes follow the end of the message", id="added to"),
        pytest.param(lambda m: b"", "the message ends before its end", id="empty"),
        pytest.param(lambda m: b"plain text", "this is not a message", id="no message"),
        pytest.param(lambda m: b"\1" + m[1:], "the message is of format version 1", id="version 1"),
    ],
)
def test_a_message_that_does_not_open_leaves_nothing(sealed, change, said):
    path = sealed.folder / "file.encrypted"
    path.write_bytes(change(path.read_bytes()))
    assert sealed.refuse("decrypt", "file.encrypted").startswith(said)


def test_a_context_that_is_not_there_is_refused(sealed):
    said = sealed.refuse("decrypt", "file.encrypted", "-c", "a=other")
    assert said == "the message was not sealed with `a=other` in its encryption context"


def test_another_key_is_refused(sealed, other_key):
    said = sealed.refuse("decrypt", "file.encrypted", "--key", other_key)
    assert said.startswith(f"no data key of the message is under `{other_key}`")


# What KMS may say, or not.


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (
            ("AccessDeniedException", "User: x is not authorized to perform: y."),
            "KMS refused GenerateDataKey: AccessDeniedException, User: x is not authorized to "
            "perform: y (ask for the permission in the key's policy, IAM or a grant)",
        ),
        (("ExpiredTokenException", ""), "KMS refused GenerateDataKey: ExpiredTokenException (the"),
        (("Odd", "two\nlines \x1b[31m"), "KMS refused GenerateDataKey: Odd, two lines �[31m"),
    ],
)
def test_what_kms_refuses_is_one_sentence(commands, kms, fault, said):
    kms.faults["GenerateDataKey"] = fault
    assert commands.refuse("encrypt", "--key", commands.key, "file").startswith(said)


def test_a_key_that_is_not_there(commands):
    said = commands.refuse("encrypt", "--key", "alias/none", "file")
    assert said.startswith("KMS refused GenerateDataKey: NotFoundException, Key 'alias/none'")


def test_what_kms_refuses_to_open_is_one_sentence(sealed, kms):
    kms.keys.clear()
    assert "NotFoundException" in sealed.refuse("decrypt", "file.encrypted")


def test_nobody_answers(commands):
    commands.environment["AWS_ENDPOINT_URL"] = "http://127.0.0.1:9"
    said = commands.refuse("encrypt", "--key", commands.key, "file")
    assert said == "nothing answers at the KMS endpoint `http://127.0.0.1:9/`"


def test_no_credentials(commands):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        del commands.environment[name]
    said = commands.refuse("encrypt", "--key", commands.key, "file")
    assert said.startswith("there are no credentials for KMS")


def test_no_region_is_needed_for_an_arn_alone(commands):
    del commands.environment["AWS_REGION"]
    assert commands.run("encrypt", "--key", commands.key, "file")[0] == 0
    said = commands.refuse("encrypt", "--key", "alias/mine", "file", "-o", "other")
    assert said.startswith("there is no Region")


def test_no_such_profile(commands):
    said = commands.refuse("encrypt", "--key", commands.key, "--profile", "work", "file")
    assert said == "there is no profile `work` in the AWS configuration"


def test_an_endpoint_that_is_no_url(commands):
    said = commands.refuse("encrypt", "--key", commands.key, "--endpoint-url", "here", "file")
    assert said == "`here` is not a KMS endpoint: give a URL such as `http://127.0.0.1:4599`"


def test_a_region_that_is_no_name(commands):
    said = commands.refuse("encrypt", "--key", "alias/mine", "--region", "a/b", "file")
    assert "a/b" in said


# Ends that come too soon.


def wait_until_asked(kms):
    """Wait until the data key was asked for: the output is open by then."""
    for _ in range(600):
        if kms.calls:
            return
        time.sleep(0.02)
    raise TimeoutError


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_signal_leaves_nothing_behind(commands, kms, number):
    before = commands.snapshot()
    with commands.start(
        "encrypt", "--key", commands.key, "-", "-o", "out", stdin=subprocess.PIPE
    ) as process:
        process.stdin.write(DATA)
        process.stdin.flush()
        wait_until_asked(kms)
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
    assert commands.snapshot() == before
    if number is signal.SIGKILL:
        assert process.returncode == -signal.SIGKILL
    else:
        assert process.returncode == 1
        assert one_sentence(said.decode()) == f"stopped by {number.name}"


def test_a_reader_that_goes_away_is_one_sentence(commands):
    ours, theirs = os.pipe()
    os.close(ours)
    code, _, said = commands.run("encrypt", "-k", commands.key, "file", "-o", "-", stdout=theirs)
    os.close(theirs)
    assert (code, one_sentence(said)) == (1, "the reader of the output went away")


def test_a_full_disk_leaves_nothing(commands, sealed, small_disk):
    (commands.folder / "file").write_bytes(DATA)
    message = (commands.folder / "file.encrypted").read_bytes()
    for arguments, given in (
        (["encrypt", "--key", commands.key, "file"], None),
        (["encrypt", "--key", commands.key, "-"], DATA),  # whose size is not known before
        (["decrypt", "file.encrypted"], None),
        (["decrypt", "-"], message),
    ):
        code, _, said = commands.run(*arguments, "-o", str(small_disk / "out"), given=given)
        assert (code, one_sentence(said)) == (1, "no space left on device")
        assert list(small_disk.iterdir()) == []


def test_a_plaintext_fits_where_its_message_would_not(commands, kms, key, small_disk):
    data, message = os.urandom(80_000), io.BytesIO()
    encrypt_with(bytes(32), io.BytesIO(data), message, key=key, kms=kms, frame_length=16)
    (commands.folder / "message").write_bytes(message.getvalue())
    assert len(message.getvalue()) > 2 * len(data)
    code, _, said = commands.run("decrypt", "message", "-o", str(small_disk / "out"))
    assert code == 0, said
    assert (small_disk / "out").read_bytes() == data


@pytest.fixture
def small_disk(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", folder],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("command", ["encrypt", "decrypt"])
def test_help_does_not_wait_for_the_network_client(commands, command):
    code, out, _ = commands.run(command, "--help")
    assert code == 0
    assert b"--force" in out
    code = f"import sys; from strongroom.cli.files import {command}; sys.exit('botocore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
