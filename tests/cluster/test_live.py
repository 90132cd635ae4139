"""What a real cluster makes of the manifests, and of the server that runs in it."""

import json
import subprocess
import sys

import httpx2
import pytest

from k8s.cluster import ClusterError
from k8s.names import read_names
from tests.k8s.kustomize import COMPONENTS, K8S, overlay
from tests.support import ROOT

NAME = read_names().name
BUILT_IN = [name for name in COMPONENTS if name not in ("gateway", "service-monitor")]
"""The others need a CRD that few clusters have."""


def apply_dry(cluster, folder):
    """The server checks all of it, admission included; a warning, as of Pod Security, is an error."""
    options = ("--dry-run=server", "--validate=strict", "--warnings-as-errors")
    return cluster.kubectl("apply", "--kustomize", str(folder), *options)


@pytest.mark.parametrize("name", [path.name for path in (K8S / "overlays").iterdir()])
def test_the_cluster_takes_an_overlay(cluster, name):
    assert f"deployment.apps/{NAME}" in apply_dry(cluster, K8S / "overlays" / name)


@pytest.mark.parametrize("without", ["auth-jwt", "auth-token"])
def test_the_cluster_takes_every_component(cluster, tmp_path, without):
    components = [name for name in BUILT_IN if name != without]
    assert f"ingress.networking.k8s.io/{NAME}" in apply_dry(cluster, overlay(tmp_path / "all", components))


def test_the_namespace_refuses_a_pod_that_is_not_restricted(cluster):
    with pytest.raises(ClusterError, match="violates PodSecurity"):
        cluster.kubectl("run", "careless", "--image", "busybox", "--dry-run=server")


def test_what_the_documents_ask_is_there(cluster):
    assert cluster.get("deployment", NAME)["status"]["availableReplicas"] >= 1
    assert cluster.get("pods", "--selector", f"app={NAME}")["items"]
    assert cluster.get("service", NAME)["spec"]["ports"][0]["port"] == 80


def test_what_the_documents_call_answers(cluster):
    with cluster.forward(f"service/{NAME}", 80) as url, httpx2.Client(base_url=url) as client:
        assert client.get("/health").json()["status"] == "healthy"
        assert client.get("/ready").json()["status"] == "ready"
        listed = client.get("/mcp/tools")
        if listed.status_code == 401:
            return  # the validation asks with a token
        tools = {tool["name"] for tool in listed.json()["tools"]}
        if "echo" in tools:
            body = {"tool": "echo", "parameters": {"message": "hi"}}
            assert "hi" in client.post("/mcp/execute", json=body).json()["result"]
        if "calculate" in tools:
            body = {"tool": "calculate", "parameters": {"operation": "add", "a": 2, "b": 3}}
            assert client.post("/mcp/execute", json=body).json()["result"] == 5
        if "mcp://demo/status" in {one["uri"] for one in client.get("/mcp/resources").json()["resources"]}:
            assert "operational" in client.get("/mcp/resource/mcp://demo/status").json()["content"]


def k8s(cluster, *arguments):
    command = [sys.executable, "-m", "k8s.verbs", "--context", cluster.context or "", *arguments, "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, json.loads(done.stdout)


def test_it_is_validated_on_every_replica(cluster):
    status, report = k8s(cluster, "validate")
    assert (status, report["failed"]) == (0, 0), report


def test_a_rollout_loses_no_call(cluster):
    status, report = k8s(cluster, "rollout-test")
    assert (status, report["failures"]) == (0, 0), report
    assert report["calls"] > 100
