import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import boto3
import psutil
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from tests.conftest import STRONGROOM, Server, init, start, start_dev
from tests.waiting import wait_ended, wait_until


@pytest.fixture
def made(tmp_path):
    return tmp_path / "data", init(tmp_path / "data", "--account", "000000000000")


# Mistakes that a stranger makes


@pytest.mark.parametrize(
    ("listen", "said"),
    [
        ("4599", "is not an address; give HOST:PORT"),
        ("127.0.0.1", "is not an address; give HOST:PORT"),
        (":4599", "is not an address; give HOST:PORT"),
        ("127.0.0.1:", "is not an address; give HOST:PORT"),
        ("127.0.0.1:x", "is not an address; give HOST:PORT"),
        ("127.0.0.1:99999", "is not an address; give HOST:PORT"),
        ("0.0.0.0:4599", "can be reached from other machines"),
        ("[::]:4599", "can be reached from other machines"),
        ("192.0.2.1:4599", "can be reached from other machines"),
        ("kms.example.com:4599", "can be reached from other machines"),
    ],
)
def test_where_not_to_listen(strongroom, made, listen, said):
    assert said in strongroom("serve", "--data", made[0], "--listen", listen).sentence


def test_an_address_that_this_machine_has_not(strongroom, made, certificate):
    said = strongroom(
        *("serve", "--data", made[0], "--listen", "192.0.2.1:0"),
        *("--tls-cert", certificate.certificate, "--tls-key", certificate.key),
    ).sentence
    assert said.startswith("cannot listen on `192.0.2.1:0`: this machine does not have the address")


@pytest.mark.parametrize("half", ["--tls-cert", "--tls-key"])
def test_half_of_tls(strongroom, made, certificate, half):
    for listen in ("127.0.0.1:0", "0.0.0.0:0"):
        said = strongroom(
            "serve", "--data", made[0], "--listen", listen, half, certificate.certificate
        ).sentence
        assert "--tls-cert and --tls-key" in said


def test_tls_files_that_are_none(strongroom, made, certificate, tmp_path):
    ask = "serve", "--data", made[0], "--listen", "127.0.0.1:0"
    said = strongroom(*ask, "--tls-cert", tmp_path / "nothing", "--tls-key", certificate.key)
    assert said.sentence == f"cannot read `{tmp_path / 'nothing'}`: No such file or directory"
    (tmp_path / "empty").touch()
    said = strongroom(*ask, "--tls-cert", tmp_path / "empty", "--tls-key", certificate.key)
    assert "are not a certificate and its key" in said.sentence


def test_a_port_that_is_taken(strongroom, made):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for ask in (
            ("serve", "--data", made[0], "--listen", f"127.0.0.1:{port}"),
            ("dev", "--port", port),
            ("dev", "--port", port, "--workers", 2),
        ):
            assert strongroom(*ask).sentence == (
                f"cannot listen on `127.0.0.1:{port}`: address already in use; stop what listens "
                "there or choose another port"
            )


def test_a_folder_that_is_none(strongroom, tmp_path):
    said = strongroom("serve", "--data", tmp_path / "never").sentence
    assert f"make one with `strongroom init --data {tmp_path / 'never'}`" in said
    assert not (tmp_path / "never").exists()


def test_a_failed_start_leaves_the_folder_as_good_as_it_was(strongroom, made):
    folder, credential = made
    strongroom(
        "serve", "--data", folder, "--listen", "127.0.0.1:0", "--tls-cert", "x", "--tls-key", "y"
    )
    start(folder, credential).stop()


# Serving


@pytest.mark.parametrize("workers", ["1", "3"])
def test_a_folder_served_again_has_what_it_had(made, workers):
    folder, credential = made
    for known in (0, 1):
        server = start(folder, credential, "--workers", workers)
        kms = server.client("kms", "test-1")
        assert len(kms.list_keys()["Keys"]) == known
        if not known:
            key_id = kms.create_key()["KeyMetadata"]["KeyId"]
            blob = kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
        assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
        kms.close()
        assert server.stop() == 0


def test_the_well_known_keys_open_no_durable_server(made):
    folder, credential = made
    server = start(folder, credential, "--workers", "1")
    try:
        for key_id in ("test", "000000000000"):
            kms = boto3.client(
                "kms",
                endpoint_url=server.url,
                region_name="test-1",
                aws_access_key_id=key_id,
                aws_secret_access_key="test",
                config=Config(retries={"total_max_attempts": 1}),
            )
            with pytest.raises(kms.exceptions.ClientError) as caught:
                kms.list_keys()
            assert caught.value.response["Error"]["Code"] == "UnrecognizedClientException"
            kms.close()
    finally:
        server.stop()


def test_over_tls(made, certificate):
    folder, credential = made
    server = start(
        folder,
        credential,
        *("--tls-cert", str(certificate.certificate), "--tls-key", str(certificate.key)),
    )
    try:
        assert server.url.startswith("https://127.0.0.1:")
        asked = {
            "endpoint_url": server.url,
            "region_name": "test-1",
            "aws_access_key_id": server.access_key_id,
            "aws_secret_access_key": server.secret_access_key,
            "config": Config(retries={"total_max_attempts": 1}),
        }
        kms = boto3.client("kms", verify=str(certificate.certificate), **asked)
        key_id = kms.create_key()["KeyMetadata"]["KeyId"]
        blob = kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
        assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
        kms.close()
        distrustful = boto3.client("kms", **asked)
        with pytest.raises(Exception, match="certificate verify failed"):
            distrustful.list_keys()
        distrustful.close()
    finally:
        assert server.stop() == 0


def test_an_answer_in_flight_is_finished(made):
    """SIGTERM comes while clients ask as fast as they can: no answer is cut off."""
    folder, credential = made
    server = start(folder, credential, "--workers", "2")
    cut_off, answered = [], []
    begun = threading.Barrier(5)

    def ask():
        kms = server.client("kms", "test-1")
        begun.wait()
        while True:
            try:
                answered.append(kms.create_key()["KeyMetadata"]["KeyId"])
            except BotoCoreError as failure:
                cut_off.append(failure)
                break
        kms.close()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    begun.wait()
    time.sleep(0.3)
    assert server.stop() == 0
    for thread in threads:
        thread.join(60)
    assert len(answered) > 4
    # A connection closed between answers is fine; one that ends within an answer is not.
    said = {type(failure).__name__ for failure in cut_off}
    assert said <= {"ConnectionClosedError", "EndpointConnectionError"}, cut_off
    server = start(folder, credential, "--workers", "1")
    kms = server.client("kms", "test-1")
    listed = {
        key["KeyId"] for page in kms.get_paginator("list_keys").paginate() for key in page["Keys"]
    }
    # Each of the four may have lost one answer to the closing of its idle connection.
    assert set(answered) <= listed
    kms.close()
    server.stop()


# The throw-away server


def own_folder(process):
    """Where a throw-away server keeps its files."""
    files = psutil.Process(process.pid).open_files()
    (lock,) = {Path(file.path) for file in files if file.path.endswith("/lock")}
    return lock.parent


def with_helpers(server):
    """The helpers of a server that has made an RSA key and signed with it."""
    kms = server.client("kms", "test-1")
    made = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")
    key_id = made["KeyMetadata"]["KeyId"]
    kms.sign(KeyId=key_id, Message=b"m", SigningAlgorithm="RSASSA_PSS_SHA_256")
    kms.close()
    family = psutil.Process(server.process.pid).children(recursive=True)
    found = [one for one in family if "strongroom.backings.helper" in one.cmdline()]
    assert len(found) == 2
    return found


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_throw_away_server_leaves_nothing(how, workers):
    server = start_dev("--workers", workers)
    folder = own_folder(server.process)
    assert folder.is_dir()
    assert folder.stat().st_mode & 0o777 == 0o700
    family = [*with_helpers(server), *psutil.Process(server.process.pid).children(recursive=True)]
    server.stop(how)
    assert not folder.exists()
    wait_ended(family)


def test_control_c_reaches_everybody_at_once():
    """As from a terminal: SIGINT for the whole process group."""
    process = subprocess.Popen(
        [*STRONGROOM, "dev", "--port", "0", "--workers", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        process.stdout.readline()
        folder = own_folder(process)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert not folder.exists()
    assert "Traceback" not in said


def test_what_a_throw_away_server_prints_makes_clients_use_it():
    process = subprocess.Popen(
        [*STRONGROOM, "dev", "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    with process:
        lines = [process.stdout.readline() for _ in range(6)]
        script = "".join(lines) + (
            f'{sys.executable} -c \'import boto3; print(boto3.client("sts")'
            '.get_caller_identity()["Account"])\''
        )
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
        process.terminate()
    assert (done.stdout, done.returncode) == ("000000000000\n", 0), done.stderr


def test_it_is_for_this_machine_alone():
    server = start_dev()
    try:
        listening = {
            connection.laddr.ip
            for process in [
                psutil.Process(server.process.pid),
                *psutil.Process(server.process.pid).children(recursive=True),
            ]
            for connection in process.net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        }
        assert listening == {"127.0.0.1"}
    finally:
        server.stop()


def test_a_worker_that_dies_is_replaced_and_nothing_is_lost():
    server = start_dev("--workers", "2")
    try:
        kms = server.client("kms", "test-1")
        key_id = kms.create_key()["KeyMetadata"]["KeyId"]
        workers = [
            process
            for process in psutil.Process(server.process.pid).children(recursive=True)
            if "spawn_main" in " ".join(process.cmdline())
        ]
        assert len(workers) == 2
        for worker in workers:
            worker.kill()
        until = time.monotonic() + 30
        while True:
            with contextlib.suppress(Exception):
                assert kms.describe_key(KeyId=key_id)["KeyMetadata"]["KeyId"] == key_id
                break
            assert time.monotonic() < until
            time.sleep(0.1)
        kms.close()
    finally:
        server.stop()


def core_limit(process):
    (line,) = [
        line
        for line in Path(f"/proc/{process.pid}/limits").read_text().splitlines()
        if line.startswith("Max core file size")
    ]
    return line.split()[4:6]


@pytest.mark.parametrize("how", ["dev", "serve"])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_no_process_that_holds_a_secret_leaves_a_core_file(how, workers, tmp_path):
    """The supervisor holds the root key, as its workers do; helpers hold keys."""
    if how == "dev":
        server = start_dev("--workers", workers)
    else:
        server = start(tmp_path / "data", init(tmp_path / "data"), "--workers", workers)
    try:
        with_helpers(server)
        supervisor = psutil.Process(server.process.pid)
        for process in [supervisor, *supervisor.children(recursive=True)]:
            if "resource_tracker" in " ".join(process.cmdline()):
                continue  # multiprocessing's own, which is handed nothing
            assert core_limit(process) == ["0", "0"], process
            # In an undumpable process this is root's alone, whoever runs it.
            assert Path(f"/proc/{process.pid}/environ").stat().st_uid == 0
    finally:
        server.stop()


AS_THE_FIRST = """
import ctypes, os, sys
assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0  # PR_SET_CHILD_SUBREAPER: it is given all orphans
os.execv(sys.executable, [sys.executable, "-m", "strongroom", *sys.argv[1:]])
"""


def test_the_first_process_of_a_container_buries_whom_it_adopts(tmp_path, monkeypatch):
    """A worker that is killed leaves its helpers behind."""
    credential = init(tmp_path / "data")
    monkeypatch.setattr("tests.conftest.STRONGROOM", [sys.executable, "-c", AS_THE_FIRST])
    server = start(tmp_path / "data", credential, "--workers", "2")
    try:
        helpers = with_helpers(server)
        supervisor = psutil.Process(server.process.pid)
        workers = {helper.parent() for helper in helpers}
        assert all(worker.parent() == supervisor for worker in workers)
        for worker in workers:
            worker.kill()
        wait_until(lambda: not any(psutil.pid_exists(helper.pid) for helper in helpers), 10)
        server.client("kms", "test-1").list_keys()
    finally:
        server.stop()


def test_what_a_server_begins_does_not_inherit_the_passphrase(tmp_path, monkeypatch):
    """Of multiprocessing's own process everybody of the same user may see the environment."""
    folder, words = tmp_path / "data", "correct horse battery"
    (tmp_path / "words").write_text(words)
    credential = init(folder, "--passphrase-file", tmp_path / "words")
    monkeypatch.setenv("STRONGROOM_PASSPHRASE", words)
    server = start(folder, credential, "--workers", "2")
    try:
        with_helpers(server)
        begun = psutil.Process(server.process.pid).children(recursive=True)
        seen = 0
        for process in begun:
            with contextlib.suppress(psutil.AccessDenied):  # an undumpable one's is root's to see
                assert words not in process.environ().values()
                seen += 1
        assert seen and len(begun) >= 4
    finally:
        server.stop()


def test_a_root_key_that_is_there_leaves_no_folder_behind(strongroom, tmp_path):
    (tmp_path / "data.root-key").write_text("somebody's")
    said = strongroom("init", "--data", tmp_path / "data").sentence
    assert "a root key is never written over another" in said
    assert not (tmp_path / "data").exists()
    assert strongroom("init", "--data", tmp_path / "data", "--root-key", tmp_path / "k").code == 0


def test_two_places_for_one_root_key(strongroom, tmp_path):
    said = strongroom(
        "init", "--data", tmp_path / "d", "--passphrase", "--root-key", tmp_path / "k"
    ).sentence
    assert said == "the root key is kept in a file or sealed by a passphrase; give one of the two"


def test_a_passphrase_file_that_is_no_text(strongroom, tmp_path):
    (tmp_path / "p").write_bytes(b"\xff")
    said = strongroom(
        "init", "--data", tmp_path / "d", "--passphrase-file", tmp_path / "p"
    ).sentence
    assert said.endswith("cannot be read: it is not text in UTF-8")


def test_a_root_key_in_the_folder_by_way_of_a_link(strongroom, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "data")
    said = strongroom(
        "init", "--data", tmp_path / "data", "--root-key", tmp_path / "link/k"
    ).sentence
    assert "would lie in the data folder" in said
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"salt": 1},
        {"salt": ""},
        {"sealed": None},
        {"passes": "3"},
        {"passes": 3.5},
        {"passes": 0},
        {"passes": -1},
        {"passes": 10**6},
        {"lanes": 2**25},
        {"memory_kib": 0},
        {"memory_kib": 2**40},
        {"more": 1},
    ],
)
def test_a_sealed_root_key_that_is_damaged(strongroom, tmp_path, change):
    folder = tmp_path / "data"
    words = {"STRONGROOM_PASSPHRASE": "correct horse battery"}
    assert strongroom("init", "--data", folder, "--passphrase", **words).code == 0
    description = json.loads((folder / "strongroom.json").read_text())
    description["root_key"]["argon2id"] |= change
    (folder / "strongroom.json").write_text(json.dumps(description))
    said = strongroom("serve", "--data", folder, **words).sentence
    assert said == ("the sealed root key in `strongroom.json` is damaged; bring back a good copy")


@pytest.mark.parametrize(
    "text", ["[" * 60_000, '{"a":' * 12_000, "{", "\xff", '{"format": 1' + "0" * 5_000 + "}"]
)
def test_a_description_that_is_damaged(strongroom, made, text):
    (made[0] / "strongroom.json").write_bytes(text.encode("latin-1"))
    said = strongroom("serve", "--data", made[0]).sentence
    assert "bring that file back from a backup" in said or "this release does not know" in said


def test_a_root_key_that_is_no_file(strongroom, made, tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    said = strongroom("serve", "--data", made[0], "--root-key", tmp_path / "pipe").sentence
    assert said.endswith("is not a root key; name the right one")
    for name in ("a\0b", "a\ud800"):
        description = json.loads((made[0] / "strongroom.json").read_text())
        description["root_key"]["path"] = str(tmp_path / name)
        (made[0] / "strongroom.json").write_text(json.dumps(description))
        said = strongroom("serve", "--data", made[0]).sentence
        assert said.endswith("is not a root key; name the right one")


# Accounts


def test_further_accounts_while_a_server_runs(strongroom, made):
    folder, credential = made
    server = start(folder, credential, "--workers", "2")
    try:
        said = strongroom("account", "create", "--data", folder, "--account", "111122223333")
        assert said.code == 0
        lines = dict(line.removeprefix("export ").split("=") for line in said.out.splitlines())
        other = Server(
            server.url,
            server.process,
            lines["AWS_ACCESS_KEY_ID"],
            lines["AWS_SECRET_ACCESS_KEY"],
        )
        for each, account in ((server, "000000000000"), (other, "111122223333")):
            assert each.client("sts", "x").get_caller_identity()["Account"] == account
    finally:
        server.stop()
    strongroom("account", "create", "--data", folder, "--name", "a team's")
    listed = strongroom("account", "list", "--data", folder).out.splitlines()
    assert len(listed) == 3
    assert listed[0].startswith("000000000000  20")
    assert any(line.endswith("  a team's") for line in listed)


def test_accounts_that_cannot_be(strongroom, made, tmp_path):
    again = strongroom("account", "create", "--data", made[0], "--account", "000000000000").sentence
    assert again == "account 000000000000 exists already; give another number"
    said = strongroom("account", "create", "--data", made[0], "--account", "12").sentence
    assert said == "`12` is not an account; give twelve digits"
    assert (
        "is not a data folder" in strongroom("account", "list", "--data", tmp_path / "x").sentence
    )
