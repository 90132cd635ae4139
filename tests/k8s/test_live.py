"""The validation of a deployment: a kubectl that answers from files and forwards for real, and a server behind it."""

import argparse
import os
import socket
import subprocess
from pathlib import Path

import pytest

from k8s.cluster import Cluster, ClusterError, http_port
from k8s.validate import validate
from k8s.validation.live import Live
from k8s.validation.report import Report
from tests.k8s.kustomize import identity, needs_kubectl
from tests.k8s.recorder import MEASURED, PODS
from tests.support import SECONDS, serving

pytestmark = needs_kubectl

KNOWN = Path(__file__).with_name("template_server.py")
NAME, NAMESPACE = identity()["name"], identity()["namespace"]


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


async def test_a_pod_that_is_pending_is_found(change):
    change("pods", 0, "status", "phase", value="Pending")
    assert failures(await look()) == {"its pods": f"{PODS[0]} is Pending and not ready"}


async def test_a_pod_of_which_nothing_is_known_is_found(change):
    change("pods", 0, "status", "containerStatuses", value=[])
    assert failures(await look()) == {"its pods": f"{PODS[0]} is Running and not ready"}


async def test_a_pod_that_gets_no_calls_is_found(change):
    for number in range(2):
        change("endpointslices", number, "endpoints", 1, "conditions", value={"ready": False})
    assert failures(await look()) == {f"service {NAME}": "1 ready endpoints, expected 2"}


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


async def test_a_namespace_of_somebody_else_is_not_judged(change):
    change("namespace", "metadata", "labels", value={})
    report = await look()
    assert report[f"namespace {NAMESPACE}"].detail == "it is somebody else's"
    assert not failures(report)


IN_POD, IN_CONTAINER = ["securityContext"], ["containers", 0, "securityContext"]
WEAK_CONTAINER = "root is allowed, privileges can be gained, capabilities are kept, the root is writable"
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
        ([*IN_CONTAINER, "privileged"], True, "it is privileged"),
        (["volumes"], [{"name": "node", "hostPath": {"path": "/"}}], "a folder of the node is mounted"),
        (["initContainers"], [{"securityContext": {"runAsUser": 0}}], WEAK_CONTAINER),
        (["hostNetwork"], True, "hostNetwork"),
        (["hostPID"], True, "hostPID"),
        (["hostIPC"], True, "hostIPC"),
    ],
)
async def test_a_weakness_in_a_pod_is_found(change, path, value, found):
    change("pods", 1, "spec", *path, value=value)
    assert failures(await look()) == {"security, as declared": f"{PODS[1]}: {found}"}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ([*IN_CONTAINER, "capabilities"], {"drop": ["ALL", "NET_RAW"], "add": []}),
        (["volumes"], [{"name": "mesh", "projected": {"sources": [{"serviceAccountToken": {"audience": "mesh"}}]}}]),
        (["initContainers"], []),
    ],
)
async def test_what_fits_the_restricted_profile_is_no_weakness(change, path, value):
    change("pods", 1, "spec", *path, value=value)
    assert not failures(await look())


@pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
async def test_a_pod_that_has_ended_does_not_count(recorder, phase):
    evicted = recorder.read("pods")[0] | {"metadata": {"name": "old"}, "status": {"phase": phase}}
    recorder.write("pods", [*recorder.read("pods"), evicted])
    assert not failures(await look())


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


async def test_a_pod_without_ports_ends_it_with_the_reason(recorder, change):
    for number in range(2):
        change("pods", number, "spec", "containers", 0, "ports", value=None)
    report = Report(None)
    with serving(script=KNOWN) as server:
        recorder.write("ports", {f"service/{NAME}": int(server.base.rpartition(":")[2])})
        await validate(everything(), report)
    assert report.checks[-1].detail == "there is no containerPort to call"


async def test_a_single_replica_is_compared_with_none(recorder, change):
    recorder.write("pods", recorder.read("pods")[:1])
    for key in ("updatedReplicas", "availableReplicas"):
        change("deployment", "status", key, value=1)
    change("deployment", "spec", "replicas", value=1)
    change("endpointslices", 0, "endpoints", 1, value=None)
    change("endpointslices", 1, "endpoints", 1, value=None)
    report = Report(None)
    with serving(script=KNOWN) as server:
        recorder.write("ports", {f"service/{NAME}": int(server.base.rpartition(":")[2])})
        await validate(everything(), report)
    assert not report.count("failed")
    assert (report.checks[-1].name, report.checks[-1].detail) == ("any replica answers", "there is a single pod")


def kubectl_that(monkeypatch, folder, does):
    program = folder / "kubectl"
    program.write_text(f"#!/bin/sh\n{does}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)


def test_what_kubectl_says_before_it_forwards_is_passed_over(monkeypatch, tmp_path):
    says = "echo 'W1124 a plugin is deprecated' >&2; echo 'Forwarding from 127.0.0.1:4321 -> 80'; exec sleep 60"
    kubectl_that(monkeypatch, tmp_path, says)
    with Cluster("", NAMESPACE).forward("pod/x", 80) as url:
        assert url == "http://127.0.0.1:4321"


def test_a_kubectl_that_says_nothing_is_not_waited_for(monkeypatch, tmp_path):
    monkeypatch.setattr("k8s.cluster._FORWARD_SECONDS", 0.2)
    kubectl_that(monkeypatch, tmp_path, "exec sleep 60")
    forward = Cluster("", NAMESPACE).forward("pod/x", 80)
    with pytest.raises(ClusterError, match=r"it said nothing within 0\.2 s"), forward:
        pass


def test_a_forwarded_port_stays_however_much_kubectl_says(monkeypatch, tmp_path):
    monkeypatch.setattr("k8s.cluster._FORWARD_SECONDS", 0.2)
    os.mkfifo(tmp_path / "later")
    says = "echo 'Forwarding from 127.0.0.1:4321 -> 80'; yes | head -c 1000000; sleep 0.5; echo alive > later; sleep 60"
    kubectl_that(monkeypatch, tmp_path, says)
    monkeypatch.chdir(tmp_path)
    with Cluster("", NAMESPACE).forward("pod/x", 80):
        assert (tmp_path / "later").read_text() == "alive\n"


def test_the_port_called_http_is_meant_wherever_it_stands():
    ports = [{"name": "metrics", "port": 9090}, {"name": "http", "port": 80}]
    assert (http_port(ports, "port"), http_port(ports[:1], "port")) == (80, 9090)


def test_a_kubectl_that_is_a_script_leaves_nothing_running(monkeypatch, tmp_path):
    kubectl_that(monkeypatch, tmp_path, "sleep 60 & echo $! > child; echo 'Forwarding from 127.0.0.1:4321 -> 80'; wait")
    monkeypatch.chdir(tmp_path)
    with Cluster("", NAMESPACE).forward("pod/x", 80):
        child = (tmp_path / "child").read_text().strip()
    wait_for_its_end = ["tail", "--follow", f"--pid={child}", "--sleep-interval=0.1", os.devnull]
    subprocess.run(wait_for_its_end, timeout=SECONDS, check=True)


def test_what_is_no_json_is_shown(monkeypatch, tmp_path):
    kubectl_that(monkeypatch, tmp_path, "echo 'a warning'")
    with pytest.raises(ClusterError, match=r"expected JSON of kubectl, got 'a warning"):
        Cluster("", NAMESPACE).get("pods")


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
