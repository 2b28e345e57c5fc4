"""What a service manager is told, by a real server."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest
from tests.conftest import STRONGROOM, Server, init
from tests.deploy.conftest import ROOT

ECHO_SERVER = ROOT / "tests" / "server" / "echo_server.py"


def heard(manager):
    return manager.recv(1000).decode().split("\n")


@pytest.mark.parametrize(("workers", "abstract"), [("1", True), ("2", False)])
def test_ready_when_all_serve_and_stopping_when_told(tmp_path, workers, abstract):
    init(tmp_path / "data")
    name = f"@strongroom-test-{os.getpid()}-{workers}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name[1:] if abstract else name)
        manager.settimeout(30)
        process = subprocess.Popen(
            [
                *(*STRONGROOM, "serve", "--data", tmp_path / "data"),
                *("--listen", "127.0.0.1:0", "--workers", workers),
            ],
            env=os.environ | {"NOTIFY_SOCKET": name},
            stderr=subprocess.PIPE,
            text=True,
        )
        server = Server("", process)
        try:
            ready, status = heard(manager)
            assert ready == "READY=1"
            assert status.startswith(f"STATUS=Workers: {workers}, port: ")
            url = f"http://127.0.0.1:{status.rpartition(' ')[2]}/readyz"
            for _ in range(
                20
            ):  # the kernel chooses who answers: one that does not listen would refuse
                with urllib.request.urlopen(url, timeout=10) as answer:
                    assert answer.status == 200
            manager.setblocking(False)
            with pytest.raises(BlockingIOError):
                heard(manager)
            manager.settimeout(30)
            process.send_signal(signal.SIGTERM)
            assert heard(manager)[0] == "STOPPING=1"
        finally:
            assert server.stop() == 0
        manager.setblocking(False)
        with pytest.raises(BlockingIOError):  # once, whoever else has heard the signal
            heard(manager)


def test_not_before_the_last_worker_is_ready(tmp_path):
    late = tmp_path / "late"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(30)
        process = subprocess.Popen(
            [sys.executable, ECHO_SERVER, json.dumps({"workers": "2", "late": str(late)})],
            env=os.environ | {"NOTIFY_SOCKET": str(tmp_path / "notify")},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            assert heard(manager)[0] == "READY=1"
            assert late.exists()
        finally:
            process.terminate()
            assert process.wait(30) == 0


@pytest.mark.parametrize("name", ["", "/nowhere/at/all", "@nobody-listens", "relative", "@"])
def test_nobody_who_listens_is_no_reason_not_to_serve(monkeypatch, name):
    from strongroom.server.notify import notify

    monkeypatch.setenv("NOTIFY_SOCKET", name)
    notify("READY=1")
