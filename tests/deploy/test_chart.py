"""The chart, rendered by Helm as a library; no cluster is asked."""

import json
import shutil
import subprocess

import pytest
import yaml
from tests.conftest import init
from tests.deploy.commands import in_script, parsed
from tests.deploy.conftest import ROOT
from tests.deploy.databases import Elsewhere

CHART = ROOT / "deploy" / "helm" / "strongroom"

TAKEN = [
    {},
    {
        "replicas": 5,
        "image": {"digest": "sha256:" + 64 * "0", "pullSecrets": [{"name": "registry"}]},
        "serve": {"workers": 4, "metrics": False, "arguments": ["--audit-durable"]},
        "service": {"type": "LoadBalancer", "port": 4599},
        "storage": {"data": {"size": "1Gi", "className": "fast"}},
        "resources": {"limits": {"memory": "2Gi"}},
        "networkPolicy": {
            "enabled": True,
            "from": [{"namespaceSelector": {}}],
            "database": [{"ipBlock": {"cidr": "192.0.2.0/24"}}],
        },
        "nodeSelector": {"disk": "fast"},
        "tolerations": [{"operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "podAnnotations": {"a": "b"},
    },
]
REFUSED = [
    {"replicas": "three"},
    {"replicas": -1},
    {"nothing": 1},
    {"image": {"digest": "latest"}},
    {"installation": {"secret": ""}},
    {"serve": {"workers": 0}},
    {"service": {"type": "ExternalName"}},
]


@pytest.fixture(scope="module")
def chart(tool):
    done = subprocess.run(
        [tool("python"), ROOT / "tests" / "deploy" / "render.py", CHART],
        input=json.dumps([*TAKEN, *REFUSED]),
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout)


@pytest.fixture(params=range(len(TAKEN)), ids=["defaults", "all"])
def became(chart, request):
    return chart["became"][request.param]


def the(became, kind, name="kms"):
    [found] = [
        each
        for each in became["documents"]
        if (each["kind"], each["metadata"]["name"]) == (kind, name)
    ]
    return found["spec"]


def test_the_linter_has_nothing_to_say(chart):
    assert chart["lint"]["errors"] == []
    assert [each["error"] for each in chart["lint"]["messages"]] == ["icon is recommended"]


def test_kubernetes_takes_it(became):
    assert became["wrong"] == []


def test_what_is_no_value_is_refused(chart):
    for values, became in zip(REFUSED, chart["became"][len(TAKEN) :], strict=True):
        assert "strongroom:\n- at '/" in became["refused"].replace("at ''", "at '/'"), values


def test_its_version_is_ours():
    import strongroom

    assert (
        yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"] == strongroom.__version__
    )


def containers(became):
    pod = the(became, "StatefulSet")["template"]["spec"]
    return pod, [*pod["initContainers"], *pod["containers"]]


def test_pods_are_restricted(became):
    """What the Pod Security Standard `restricted` asks for, and a file system that is read alone."""
    pod, both = containers(became)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == pod["securityContext"]["fsGroup"] == 10001
    assert pod["securityContext"]["fsGroupChangePolicy"] == "OnRootMismatch"
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    for container in both:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {each["name"] for each in container["env"]} == {"PGSERVICEFILE"}
    for volume in pod["volumes"]:
        assert volume.get("secret", {"defaultMode": 0o400})["defaultMode"] == 0o400
        assert set(volume) <= {"name", "secret", "emptyDir"}


def test_it_is_asked_where_it_listens(became):
    pod, (_, serving) = containers(became)
    name, settings = parsed(serving["args"])
    assert name == "serve"
    assert settings["listen"] == f"0.0.0.0:{serving['ports'][0]['containerPort']}"
    assert settings["tls_cert"] is not None
    for probe, page in (("startup", "/livez"), ("readiness", "/readyz"), ("liveness", "/livez")):
        asked = serving[f"{probe}Probe"]["httpGet"]
        assert asked == {"path": page, "port": "https", "scheme": "HTTPS"}
    assert serving["ports"][0]["name"] == "https"
    for service in ("kms", "kms-nodes"):
        spec = the(became, "Service", service)
        assert spec["ports"][0]["targetPort"] in ("https",)
        assert (
            spec["selector"].items()
            <= the(became, "StatefulSet")["selector"]["matchLabels"].items()
        )
    assert the(became, "StatefulSet")["serviceName"] == "kms-nodes"
    assert the(became, "PodDisruptionBudget")["maxUnavailable"] == 1
    assert pod["terminationGracePeriodSeconds"] >= 5 + 25 + 2


def test_further_arguments_are_ours_too(chart):
    _, (_, serving) = containers(chart["became"][1])
    _, settings = parsed(serving["args"])
    assert (settings["audit_durable"], settings["workers"], settings["metrics"]) == (True, 4, False)


def test_every_place_that_is_named_is_mounted(became):
    pod, both = containers(became)
    claims = {
        each["metadata"]["name"] for each in the(became, "StatefulSet")["volumeClaimTemplates"]
    }
    assert claims == {"data", "anchor"}
    for container in both:
        mounts = {each["mountPath"]: each["name"] for each in container["volumeMounts"]}
        assert set(mounts.values()) == claims | {each["name"] for each in pod["volumes"]}
        [words] = (
            [container["args"]]
            if container["name"] == "strongroom"
            else in_script(container["args"][0])
        )
        _, settings = parsed(words)
        paths = [*(str(each) for each in settings.values()), container["env"][0]["value"]]
        for path in [path for path in paths if path.startswith("/")]:
            assert any(path.startswith(mount + "/") for mount in mounts), path


@pytest.mark.long
def test_nodes_join_at_once_and_again(chart, tmp_path, monkeypatch, postgresql):
    _, (joining, _) = containers(chart["became"][0])
    [script] = joining["args"]
    assert joining["command"] == ["/bin/sh", "-euc"]
    there = Elsewhere(tmp_path, postgresql.new())
    given = tmp_path / "given"
    given.mkdir()
    monkeypatch.setenv("PGSERVICEFILE", there.environment["PGSERVICEFILE"])
    init(
        tmp_path / "first",
        *("--root-key", given / "root-key", "--database", "postgresql://?service=strongroom"),
    )
    shutil.copy(tmp_path / "first" / "strongroom.json", given)

    def places(pod):
        made = {
            "/var/lib/strongroom": tmp_path / pod / "volume",
            "/var/lib/strongroom-anchor": tmp_path / pod / "anchor",
            "/run/strongroom/installation": given,
        }
        for place in made.values():
            place.mkdir(parents=True, exist_ok=True)
        (made["/var/lib/strongroom"] / "lost+found").mkdir(exist_ok=True)
        return made

    pods = [there.begin(script, places(pod)) for pod in ("kms-0", "kms-1", "kms-2")]
    for pod in pods:
        _, said = pod.communicate(timeout=60)
        assert pod.returncode == 0, said
    before = (tmp_path / "kms-0" / "volume" / "data" / "strongroom.json").read_bytes()
    assert there.run(script, places("kms-0")) == ""
    assert before == (tmp_path / "kms-0" / "volume" / "data" / "strongroom.json").read_bytes()
