"""The unit: read by systemd's own tools, and run by systemd itself in namespaces."""

import contextlib
import os
import re
import subprocess
import sys
import sysconfig
import uuid
from pathlib import Path

import pytest
from tests.deploy.commands import parsed
from tests.deploy.conftest import ROOT

from strongroom.cores import usable
from strongroom.main.commands import read_settings
from strongroom.server.limits import Limits
from strongroom.server.supervisor import _BEYOND_GRACE

SYSTEMD = ROOT / "deploy" / "systemd"
UNIT = SYSTEMD / "strongroom.service"
MOST_EXPOSED = 15  # tenths: `systemd-analyze security` calls less than 2 OK


def settings(name):
    return re.findall(rf"^{name}=(.*)$", UNIT.read_text(), re.M)


def test_systemd_takes_it(tool, tmp_path):
    here = tmp_path / "strongroom.service"
    here.write_text(UNIT.read_text().replace("/opt/strongroom/bin/strongroom", sys.executable))
    done = subprocess.run(
        [tool("systemd-analyze"), "verify", here], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_it_exposes_little(tool):
    done = subprocess.run(
        [
            *(tool("systemd-analyze"), "security", "--offline=true", "--no-pager"),
            *(f"--threshold={MOST_EXPOSED}", UNIT),
        ],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_its_command_is_ours():
    [line] = settings("ExecStart")
    program, *words = line.split()
    assert program == "/opt/strongroom/bin/strongroom"
    config = words.pop(words.index("--config") + 1)
    words.remove("--config")
    name, given = parsed(words)
    assert name == "serve"
    [credential] = settings("LoadCredential")
    assert given["root_key"] == "${CREDENTIALS_DIRECTORY}/" + credential.partition(":")[0]
    assert config == "/etc/strongroom/strongroom.toml"
    [folders] = settings("StateDirectory")
    assert given["data"].startswith(f"/var/lib/{folders.split()[0]}/")


def test_the_settings_file_is_well_formed(tmp_path):
    sample = (SYSTEMD / "strongroom.toml").read_text()
    read_settings(SYSTEMD / "strongroom.toml")
    all_of_it = tmp_path / "strongroom.toml"
    once = sample.replace('listen = "127.0.0.1:4599"\n', "", 1)
    all_of_it.write_text(re.sub(r"^# (\w+ = )", r"\1", once, flags=re.M))
    assert set(read_settings(all_of_it)["serve"]) == {
        *("listen", "metrics", "tls_cert", "tls_key", "workers")
    }


def test_what_is_under_way_may_be_finished():
    """A worker that hears SIGTERM twice drops it, so systemd must send it to the first process alone."""
    assert settings("KillMode") == ["mixed"]
    [seconds] = settings("TimeoutStopSec")
    assert float(seconds) > Limits().grace + _BEYOND_GRACE


INSIDE = """#!/bin/sh
exec 3>&1 >&2
PATH=/opt/strongroom/bin:$PATH
set -x
strongroom init --data /var/lib/strongroom/data --anchor /var/lib/strongroom-anchor/anchor \\
    --root-key /etc/strongroom/root-key > /run/access-key
chown -R strongroom: /var/lib/strongroom /var/lib/strongroom-anchor
systemctl start strongroom; echo "start $?" >&3
systemctl show strongroom -p StatusText >&3
. /run/access-key
export AWS_ENDPOINT_URL=http://127.0.0.1:4599 AWS_DEFAULT_REGION=r HOME=/nonexistent
/opt/strongroom/bin/python {folder}/client >&3
for process in $(cat /sys/fs/cgroup/system.slice/strongroom.service/cgroup.procs); do
    grep -q resource_tracker /proc/$process/cmdline || echo "process" \\
        $(grep 'Max core file size' /proc/$process/limits | tr -s ' ' | cut -d' ' -f5,6) \\
        $(stat -c %u /proc/$process/environ) $(grep Seccomp: /proc/$process/status | cut -f2) >&3
done
systemctl reload strongroom; echo "reload $?" >&3
strongroom doctor --data /var/lib/strongroom/data; echo "doctor $?" >&3
strongroom account create --data /var/lib/strongroom/data > /run/second; echo "account $?" >&3
systemctl stop strongroom; echo "stop $?" >&3
systemctl show strongroom -p Result -p ExecMainStatus >&3
echo "others $(find /var/lib/strongroom /var/lib/strongroom-anchor ! -user strongroom)" >&3
journalctl -u strongroom --no-pager
"""

CLIENT = """
import boto3
kms = boto3.client("kms")
for spec, algorithm in (
    ("RSA_2048", "RSASSA_PSS_SHA_256"), ("ECC_NIST_P521", "ECDSA_SHA_512"), ("ML_DSA_44", "ML_DSA_SHAKE_256"),
):
    key = kms.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    about = {"KeyId": key, "Message": b"m", "SigningAlgorithm": algorithm}
    signature = kms.sign(**about)["Signature"]
    assert kms.verify(**about, Signature=signature)["SignatureValid"]
    print("signed", spec)
"""


@contextlib.contextmanager
def cgroups():
    """Folders of our own among the machine's cgroups, wherever systemd might look: process files."""
    made = []
    for root in (
        Path("/sys/fs/cgroup/systemd"),
        Path("/sys/fs/cgroup/unified"),
        Path("/sys/fs/cgroup"),
    ):
        if (root / "cgroup.procs").exists():
            made.append(root / f"strongroom-test-{uuid.uuid4().hex}")
            made[-1].mkdir()
    try:
        yield [each / "cgroup.procs" for each in made]
    finally:
        for each in made:
            for folder in sorted(each.rglob("*"), reverse=True):
                if folder.is_dir():
                    folder.rmdir()
            each.rmdir()


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a systemd in namespaces")
def test_it_runs_under_systemd(tmp_path):
    """With everything that the unit forbids forbidden: helpers that sign, a reload, an operator's commands."""
    (tmp_path / "upper").mkdir()
    (tmp_path / "inside").write_text(INSIDE.replace("{folder}", str(tmp_path)))
    (tmp_path / "inside").chmod(0o755)
    (tmp_path / "client").write_text(CLIENT)
    with cgroups() as joined:
        place = "; ".join(f"echo 0 > {each}" for each in joined)
        done = subprocess.run(
            [
                *("sh", "-euc", f'{place}; exec "$@"', "sh"),
                *("unshare", "--mount", "--pid", "--net", "--ipc", "--uts", "--cgroup"),
                *("--fork", "--kill-child", ROOT / "tests" / "deploy" / "boot", tmp_path),
                *(sys.base_prefix, sysconfig.get_path("purelib"), ROOT / "src"),
            ],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert (tmp_path / "out").exists(), done.stderr
    out = (tmp_path / "out").read_text()
    errors = (tmp_path / "errors").read_text()
    said = [line for line in out.splitlines() if not line.startswith("process")]
    cores = usable()
    assert said == [
        *("start 0", f"StatusText=Workers: {cores}, port: 4599"),
        *("signed RSA_2048", "signed ECC_NIST_P521", "signed ML_DSA_44"),
        *("reload 0", "doctor 0", "account 0", "stop 0"),
        *("Result=success", "ExecMainStatus=0", "others "),
    ], errors
    processes = [line for line in out.splitlines() if line.startswith("process")]
    assert len(processes) > 1 + cores  # the supervisor, its workers, a helper
    assert set(processes) == {"process 0 0 0 2"}  # no core files, root's alone, under a filter
    assert errors.count('"event":"stopping"') == cores, errors
