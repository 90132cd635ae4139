"""The validation of a deployment: a kubectl that answers from files and forwards for real, and a server behind it."""

import argparse
import socket
from pathlib import Path

import pytest

from k8s.cluster import Cluster, ClusterError
from k8s.validate import validate
from k8s.validation.live import Live
from k8s.validation.report import Report
from tests.k8s.kustomize import identity, needs_kubectl
from tests.k8s.recorder import MEASURED, all_is_well, record
from tests.support import serving

pytestmark = needs_kubectl

KNOWN = Path(__file__).with_name("template_server.py")
NAME, NAMESPACE = identity()["name"], identity()["namespace"]
PODS = (f"{NAME}-a", f"{NAME}-b")


@pytest.fixture
def recorder(tmp_path, monkeypatch):
    """A cluster in which all is well, as kubectl tells of it."""
    recorder = record(tmp_path, ["kubectl"])
    for name, value in recorder.environment.items():
        monkeypatch.setenv(name, value)
    all_is_well(recorder, PODS)
    return recorder


@pytest.fixture
def change(recorder):
    """Change what the cluster says: the place of a value in a thing, and the value; None takes it away."""

    def change(thing, *path, value):
        content = recorder.read(thing)
        node = content
        for key in path[:-1]:
            node = node[key]
        if value is None:
            del node[path[-1]]
        else:
            node[path[-1]] = value
        recorder.write(thing, content)

    return change


async def look():
    report = Report(None)
    await report.ask_all(Live(Cluster("minikube", NAMESPACE), NAME).questions())
    return {check.name: check for check in report.checks}


def failures(report):
    return {name: check.detail for name, check in report.items() if check.outcome == "failed"}


async def test_a_deployment_that_is_well_passes(recorder):
    report = await look()
    assert {check.outcome for check in report.values()} == {"passed"}
    assert report[f"service {NAME}"].detail == "port 80 leads to 2 pods"


@pytest.mark.parametrize(
    ("path", "value", "found"),
    [
        (["status", "availableReplicas"], 1, "1 availableReplicas, expected 2"),
        (["status", "updatedReplicas"], 1, "1 updatedReplicas, expected 2"),
        (["status", "observedGeneration"], 2, "the cluster has not seen its last change yet"),
    ],
)
async def test_a_rollout_that_has_not_ended_is_found(change, path, value, found):
    change("deployment", *path, value=value)
    assert failures(await look()) == {f"deployment {NAME}": found}


async def test_a_deployment_that_is_not_there_is_said(recorder):
    (recorder.folder / "deployment").unlink()
    found = failures(await look())
    assert found[f"deployment {NAME}"] == f'ClusterError: Error from server (NotFound): deployment "{NAME}" not found'
    assert list(found) == [f"deployment {NAME}"]


async def test_a_pod_that_was_restarted_is_found(change):
    change("pods", 1, "status", "containerStatuses", 0, "restartCount", value=3)
    assert failures(await look()) == {"its pods": f"{PODS[1]} has 3 restarts"}


async def test_a_pod_that_crashes_is_found_with_its_reason(change):
    change("pods", 0, "status", "containerStatuses", 0, "ready", value=False)
    change("pods", 0, "status", "containerStatuses", 0, "state", value={"waiting": {"reason": "CrashLoopBackOff"}})
    assert failures(await look()) == {"its pods": f"{PODS[0]} is CrashLoopBackOff and not ready"}


async def test_a_pod_that_leaves_does_not_count(recorder, change):
    leaving = recorder.read("pods")[0] | {"metadata": {"name": "old", "deletionTimestamp": "2026-11-24T10:00:00Z"}}
    leaving["status"] = {"phase": "Running", "containerStatuses": []}
    recorder.write("pods", [*recorder.read("pods"), leaving])
    assert not failures(await look())


async def test_a_service_that_leads_nowhere_is_found(recorder):
    recorder.write("endpointslices", [{"endpoints": None}])
    assert failures(await look()) == {f"service {NAME}": "0 ready endpoints, expected 2"}


async def test_a_namespace_that_refuses_nothing_is_found(change):
    change("namespace", "metadata", "labels", "pod-security.kubernetes.io/enforce", value="baseline")
    assert failures(await look()) == {
        f"namespace {NAMESPACE}": "pod-security.kubernetes.io/enforce is baseline, expected restricted"
    }


IN_POD, IN_CONTAINER = ["securityContext"], ["containers", 0, "securityContext"]
TOKEN = [{"name": "kube-api-access", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}]


@pytest.mark.parametrize(
    ("path", "value", "found"),
    [
        ([*IN_POD, "runAsUser"], 0, "root is allowed"),
        ([*IN_POD, "runAsUser"], None, "root is allowed"),
        ([*IN_POD, "runAsNonRoot"], None, "root is allowed"),
        ([*IN_CONTAINER, "runAsUser"], 0, "root is allowed"),
        ([*IN_POD, "seccompProfile"], {"type": "Unconfined"}, "no seccomp profile"),
        ([*IN_CONTAINER, "allowPrivilegeEscalation"], None, "privileges can be gained"),
        ([*IN_CONTAINER, "capabilities"], {"drop": ["ALL"], "add": ["NET_ADMIN"]}, "capabilities are kept"),
        ([*IN_CONTAINER, "capabilities"], None, "capabilities are kept"),
        ([*IN_CONTAINER, "readOnlyRootFilesystem"], False, "the root is writable"),
        (["volumes"], TOKEN, "an API token is mounted"),
        (["hostNetwork"], True, "hostNetwork"),
    ],
)
async def test_a_weakness_in_a_pod_is_found(change, path, value, found):
    change("pods", 1, "spec", *path, value=value)
    assert failures(await look()) == {"security, as declared": f"{PODS[1]}: {found}"}


async def test_what_is_measured_counts_whatever_the_pods_say(recorder):
    recorder.write("measured", MEASURED | {"an API token": True})
    assert failures(await look()) == {"security, as measured in the pods": f"{PODS[0]} has an API token"}


async def test_an_image_without_python_cannot_be_measured_and_that_is_said(recorder):
    (recorder.folder / "measured").unlink()
    check = (await look())["security, as measured in the pods"]
    assert (check.outcome, check.detail.partition(":")[0]) == ("skipped", f"no Python can be run in {PODS[0]}")


def everything(**changes):
    defaults = {
        "path": "/mcp",
        "token": "",
        "tool": "",
        "args": {},
        "replicas": True,
        "unauthenticated": False,
        "timeout": 10,
    }
    where = {"url": [], "context": "minikube", "namespace": NAMESPACE, "name": NAME}
    return argparse.Namespace(**defaults | where | changes)


async def test_from_the_deployment_to_the_last_replica(recorder):
    report = Report(None)
    with serving(script=KNOWN) as one, serving(script=KNOWN) as two:
        ports = [int(server.base.rpartition(":")[2]) for server in (one, two)]
        recorder.write(
            "ports", dict(zip((f"service/{NAME}", *(f"pod/{pod}" for pod in PODS)), (ports[0], *ports), strict=True))
        )
        await validate(everything(), report)
    assert [check for check in report.checks if check.outcome == "failed"] == []
    assert report.checks[-1].detail == f"{PODS[0]} answered 10, {PODS[1]} answered 10"
    forwarded = [line.split()[-2:] for line in recorder.lines if "port-forward" in line]
    assert forwarded == [[f"service/{NAME}", ":80"], *([f"pod/{pod}", ":8000"] for pod in PODS)]


async def test_a_service_that_cannot_be_forwarded_ends_it_with_the_reason(recorder):
    recorder.write("ports", {})
    report = Report(None)
    await validate(everything(), report)
    assert report.checks[-1].name == "what the server answers"
    assert "kubectl cannot forward a port of" in report.checks[-1].detail
    assert report.count("failed") == 1


def test_a_forwarded_port_is_closed_whatever_happens(recorder, unused_port):
    recorder.write("ports", {"pod/x": unused_port})
    with pytest.raises(KeyError), Cluster("", NAMESPACE).forward("pod/x", 8000) as url:
        raise KeyError
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])))


def test_without_kubectl_it_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ClusterError, match="kubectl: No such file or directory; install it, or name it with KUBECTL="):
        Cluster("", NAMESPACE).get("pods")
