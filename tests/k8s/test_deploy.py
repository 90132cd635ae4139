"""From nothing to a rollout, with programs on PATH that write down how they are called."""

import base64
import json
import re
from dataclasses import replace
from hashlib import sha256

import pytest
import yaml

import k8s.verbs.deploy
from k8s.cluster import ClusterError
from k8s.names import read_names
from k8s.verbs.credentials import SECRET, ensure, read_token, wanted
from k8s.verbs.deploy import Deployment, deployed_overlay, prepare
from k8s.verbs.target import Target
from serving.auth.tokens import parse
from tests.k8s.kustomize import K8S, identity, needs_kubectl, overlay
from tests.k8s.recorder import IMAGE_ID, PROGRAMS, record

pytestmark = needs_kubectl

WHO = identity()
BUILT = WHO["image"].rpartition("/")[2]
"""What it is called where it is built, without a registry."""
TAG = f"{WHO['tag']}-{IMAGE_ID[7:19]}"
HERE = Target("minikube", "minikube")
KIND = Target("kind-kind", "kind")
ELSEWHERE = Target("prod", "")


@pytest.fixture
def recorder(tmp_path, monkeypatch):
    recorder = record(tmp_path)
    for name, value in recorder.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(k8s.verbs.deploy, "GENERATED", tmp_path / "generated")
    return recorder


def on(target, **options):
    return Deployment(target, read_names(), K8S / "overlays" / target.overlay, **options)


def applied(recorder):
    """The last manifests that were applied, by kind."""
    [*_, last] = [call["stdin"] for call in recorder.calls if "apply" in call["arguments"]]
    return {resource["kind"]: resource for resource in yaml.safe_load_all(last)}


def image(recorder):
    return applied(recorder)["Deployment"]["spec"]["template"]["spec"]["containers"][0]["image"]


def steps(recorder, *words):
    """Which of these begin a command line, in the order in which they were called."""
    lines = [" ".join(word for word in line.split() if not word.startswith("--")) for line in recorder.lines]
    lines = [re.sub(f" (minikube|kind-kind|prod) {WHO['namespace']}", "", line) for line in lines]
    return [word for line in lines for word in words if line.startswith(word)]


def test_from_nothing_to_a_rollout_on_minikube(recorder):
    prepare(HERE)
    on(HERE).deploy()
    everything = (
        "minikube start",
        "make",
        "docker tag",
        "minikube image load",
        "kubectl apply",
        "kubectl rollout status",
    )
    assert steps(recorder, *everything) == [*everything[:4], "kubectl apply", "kubectl apply", "kubectl rollout status"]
    assert "make image-production" in recorder.lines
    assert f"docker tag {BUILT}:{WHO['tag']} {WHO['image']}:{TAG}" in recorder.lines
    assert f"minikube image load --profile minikube {WHO['image']}:{TAG}" in recorder.lines
    assert image(recorder) == f"{WHO['image']}:{TAG}"


def test_every_kubectl_says_which_cluster_is_meant(recorder):
    on(HERE).deploy()
    on(HERE).redeploy()
    on(HERE).undeploy()
    calls = [call["arguments"] for call in recorder.calls if call["program"] == "kubectl"]
    assert len(calls) > 10
    for arguments in calls:
        if arguments[0] == "kustomize":
            continue  # asks no cluster
        assert arguments[:4] == ["--context", "minikube", "--namespace", WHO["namespace"]]


def test_a_second_time_nothing_is_started_or_replaced(recorder):
    on(HERE).deploy()
    generation = recorder.read("deployment")["metadata"]["generation"]
    prepare(HERE)
    recorder.forget()
    prepare(HERE)
    on(HERE).deploy()
    assert not steps(recorder, "minikube start", "kubectl rollout restart")
    assert recorder.read("deployment")["metadata"]["generation"] == generation


def test_another_image_replaces_the_pods(recorder):
    on(HERE).deploy()
    recorder.write("image", "sha256:" + 64 * "f")
    on(HERE).redeploy()
    assert image(recorder) == f"{WHO['image']}:{WHO['tag']}-{12 * 'f'}"
    assert not steps(recorder, "kubectl rollout restart")


def test_the_same_image_replaces_the_pods_when_that_is_what_was_asked_for(recorder):
    on(HERE).deploy()
    recorder.forget()
    on(HERE).redeploy()
    assert steps(recorder, "kubectl apply", "kubectl rollout restart", "kubectl rollout status") == [
        *("kubectl apply", "kubectl apply", "kubectl rollout status"),
        *("kubectl rollout restart", "kubectl rollout status"),
    ]


def test_on_kind_the_image_is_loaded_by_kind(recorder):
    prepare(KIND)
    on(KIND).deploy()
    assert "kind create cluster --name kind --wait 2m" in recorder.lines
    assert f"kind load docker-image --name kind {WHO['image']}:{TAG}" in recorder.lines
    assert not steps(recorder, "minikube")


def test_a_cluster_elsewhere_gets_what_is_in_the_registry_by_its_digest(recorder):
    on(ELSEWHERE, registry="ghcr.io/me/").deploy()
    assert "make push REGISTRY=ghcr.io/me" in recorder.lines
    assert image(recorder) == f"ghcr.io/me/{BUILT}@{IMAGE_ID}"
    assert not steps(recorder, "minikube", "kind", "docker tag")
    assert {"HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy"} <= applied(recorder).keys()


def test_docker_hub_is_known_by_its_short_name_as_well(recorder):
    on(ELSEWHERE, registry="docker.io/me").deploy()
    assert image(recorder) == f"docker.io/me/{BUILT}@{IMAGE_ID}"


def test_a_cluster_elsewhere_needs_a_registry(recorder):
    names = replace(read_names(), image=BUILT)
    with pytest.raises(ClusterError, match=r"prod needs a registry to pull from: add REGISTRY=ghcr\.io/me"):
        Deployment(ELSEWHERE, names, K8S / "overlays" / "production").deploy()
    assert not steps(recorder, "make", "kubectl apply")


def test_a_registry_that_the_identity_names_is_taken(recorder):
    names = replace(read_names(), image=f"ghcr.io/us/{BUILT}")
    Deployment(ELSEWHERE, names, K8S / "overlays" / "production").deploy()
    assert "make push REGISTRY=ghcr.io/us" in recorder.lines


def test_an_autoscaler_is_not_waited_for(recorder):
    on(ELSEWHERE, registry="ghcr.io/me").deploy()
    assert recorder.read("deployment")["spec"]["replicas"] == 2
    recorder.forget()
    on(ELSEWHERE, registry="ghcr.io/me").deploy()
    assert not [line for line in recorder.lines if " scale " in line]


def test_what_an_autoscaler_has_added_stays(recorder):
    deployment = on(ELSEWHERE, registry="ghcr.io/me")
    deployment.deploy()
    deployment.cluster.kubectl("scale", f"deployment/{WHO['name']}", "--replicas=5")
    deployment.deploy()
    assert recorder.read("deployment")["spec"]["replicas"] == 5


def test_a_cluster_that_does_not_answer_is_said_before_anything_is_built(recorder):
    recorder.write("unreachable", True)
    with pytest.raises(ClusterError, match="connection refused"):
        on(HERE).deploy()
    assert not steps(recorder, "make", "docker")


def test_an_image_that_cannot_be_named_ends_it(recorder):
    recorder.write("no-tag", True)
    with pytest.raises(ClusterError, match=r"docker tag .*: no such image"):
        on(HERE).deploy()
    assert not steps(recorder, "minikube image load", "kubectl apply")


def test_only_what_has_changed_is_shown(recorder, capfd):
    on(HERE).deploy()
    assert " unchanged" not in (first := capfd.readouterr().err)
    assert f"deployment/{WHO['name']} configured" in first
    on(HERE).deploy()
    assert f"deployment/{WHO['name']}" not in capfd.readouterr().err


def test_a_secret_is_made_of_random_values_and_never_shown(recorder, capfd):
    deployment = on(ELSEWHERE, registry="ghcr.io/me")
    deployment.deploy()
    secret = recorder.read("secret")
    values = {key: base64.b64decode(value).decode().strip() for key, value in secret["data"].items()}
    assert values.keys() == {"tokens", "request-state-keys"}
    assert steps(recorder, "kubectl create", "kubectl replace") == ["kubectl create"]
    token = read_token(deployment.cluster)
    assert values["tokens"] == f"deploy={token}"
    assert len(token) == len(values["request-state-keys"]) == 64
    shown = "\n".join((*recorder.lines, *capfd.readouterr()))
    assert "made request-state-keys and tokens in the Secret mcp-secrets" in shown
    assert not [value for value in (token, values["request-state-keys"]) if value in shown]
    assert not [line for line in recorder.lines if "apply" in line and "secret" in line]


def test_what_is_in_the_secret_stays(recorder):
    mine = base64.b64encode(b"# mine\nann=0123456789abcdef  admin\n").decode()
    recorder.write("secret", {"metadata": {"name": "mcp-secrets"}, "data": {"tokens": mine}})
    deployment = on(ELSEWHERE, registry="ghcr.io/me")
    deployment.deploy()
    assert recorder.read("secret")["data"]["tokens"] == mine
    assert recorder.read("secret")["data"].keys() == {"tokens", "request-state-keys"}
    assert steps(recorder, "kubectl create", "kubectl replace") == ["kubectl replace"]
    assert read_token(deployment.cluster) == "0123456789abcdef"


def test_the_minikube_overlay_needs_no_secret(recorder):
    on(HERE).deploy()
    assert recorder.read("secret") is None
    assert read_token(on(HERE).cluster) == ""


@pytest.mark.parametrize("name", ["docker", "kubectl", "minikube"])
def test_what_is_missing_is_named_with_where_to_get_it(recorder, monkeypatch, name):
    (recorder.path / name).unlink()
    monkeypatch.setenv("PATH", str(recorder.path))
    with pytest.raises(ClusterError, match=rf"^missing: {name} \(https://"):
        prepare(HERE)


def test_all_that_is_missing_is_named_at_once(recorder, monkeypatch):
    for name in PROGRAMS:
        (recorder.path / name).unlink()
    monkeypatch.setenv("PATH", str(recorder.path))
    with pytest.raises(ClusterError, match=r"missing: docker \(.*\), kubectl \(.*\), minikube \("):
        prepare(HERE)


def test_an_engine_that_does_not_run_is_said(recorder):
    recorder.write("no-engine", True)
    with pytest.raises(ClusterError, match="docker is installed but does not answer"):
        prepare(HERE)


def test_a_build_that_fails_ends_it_with_what_it_said(recorder, capfd):
    (recorder.path / "make").write_text("#!/bin/sh\necho no space left >&2; exit 2\n")
    with pytest.raises(ClusterError, match="make image-production ended with status 2"):
        on(HERE).deploy()
    assert "no space left" in capfd.readouterr().err
    assert not steps(recorder, "kubectl apply")


def waiting(reason, message=""):
    return {"containerStatuses": [{"state": {"waiting": {"reason": reason, "message": message}}}]}


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (waiting("ImagePullBackOff", "no such image"), "; server-1: ImagePullBackOff: no such image"),
        (waiting("ContainerCreating"), "ended with status 1"),
        (
            {"conditions": [{"type": "PodScheduled", "status": "False", "message": "Insufficient cpu"}]},
            "; server-1: Insufficient cpu",
        ),
    ],
)
def test_a_rollout_that_does_not_end_says_why(recorder, status, reason):
    recorder.write("pods", [{"metadata": {"name": "server-1"}, "status": status}])
    recorder.write("stuck", True)
    with pytest.raises(ClusterError) as failed:
        on(HERE).deploy()
    assert str(failed.value).endswith(reason)


def test_a_pod_that_crashes_is_told_with_the_end_of_its_log(recorder):
    recorder.write("pods", [{"metadata": {"name": "server-1"}, "status": waiting("CrashLoopBackOff", "back-off")}])
    recorder.write("log of server-1", "MCP_PORT=eighty: expected a whole number")
    recorder.write("stuck", True)
    with pytest.raises(ClusterError, match="server-1: CrashLoopBackOff: back-off; server-1: MCP_PORT=eighty: expected"):
        on(HERE).deploy()


def test_pods_that_are_refused_are_told(recorder):
    recorder.write("stuck", True)
    recorder.write("conditions", [{"type": "ReplicaFailure", "message": "violates PodSecurity"}])
    with pytest.raises(ClusterError, match="; violates PodSecurity"):
        on(HERE).deploy()


def deleted(recorder):
    [call] = [call for call in recorder.calls if "delete" in call["arguments"] and call["stdin"]]
    return {item["kind"] for item in json.loads(call["stdin"])["items"]}


def test_the_overlay_is_remembered(recorder):
    target = Target("minikube", "minikube")
    assert deployed_overlay(on(target).cluster, read_names()) == ""
    Deployment(target, read_names(), K8S / "overlays" / "production").deploy()
    assert deployed_overlay(on(target).cluster, read_names()) == "production"
    assert "mcp-overlay" not in str(recorder.read("deployment")["spec"])  # or every pod would be another one


def pod_with(**reference):
    return [{"kind": "Deployment", "spec": reference}]


def test_what_a_deployment_needs_of_the_secret_is_found():
    variable = {"env": [{"valueFrom": {"secretKeyRef": {"name": SECRET, "key": "weather-key"}}}]}
    assert wanted(pod_with(**variable)) == {"weather-key"}
    volume = {"secretName": SECRET, "items": [{"key": "tokens", "path": "tokens"}]}
    assert wanted(pod_with(volumes=[{"secret": volume}])) == {"tokens"}
    assert wanted(pod_with(volumes=[{"secret": {"secretName": SECRET}}])) == set()  # all that there is
    assert wanted(pod_with(volumes=[{"secret": {"secretName": "another", "items": [{"key": "x"}]}}])) == set()


@pytest.mark.parametrize(
    ("secret", "command"),
    [
        (None, "create secret generic mcp-secrets --from-literal=weather-key=..."),
        ({"metadata": {}, "data": {}}, """patch secret mcp-secrets --patch '{"stringData": {"weather-key": "..."}}'"""),
    ],
)
def test_what_cannot_be_random_is_asked_for_with_the_command(recorder, secret, command):
    recorder.write("secret", secret)
    with pytest.raises(ClusterError) as refused:
        ensure(on(HERE).cluster, {"weather-key", "tokens"})
    assert str(refused.value).startswith("the Secret mcp-secrets has no weather-key: kubectl --context minikube")
    assert str(refused.value).endswith(command)
    assert not steps(recorder, "kubectl create", "kubectl replace")


@pytest.mark.parametrize(
    "content",
    [
        b"TOKENTOKENTOKEN\n",
        b"ann=TOKENTOKENTOKEN account admin\r\nbob=OTHEROTHER",
        b"# mine\n\n  , ann=TOKENTOKENTOKEN # hers\n",
        b"ann=TOKENTOKENTOKEN,bob=OTHEROTHER",
        b"dG9rZW50b2tlbnRva2VudG9rZQ==",
        b"ann=dG9rZW50b2tlbnRva2VudG9rZQ==",
        b"\xef\xbb\xbf# mine\nTOKENTOKENTOKEN",
        b"# Gr\xfc\xdfe\nTOKENTOKENTOKEN",
    ],
)
def test_the_token_is_read_as_the_server_reads_it(recorder, content):
    recorder.write("secret", {"data": {"tokens": base64.b64encode(content).decode()}})
    [first, *_] = parse(content.decode("utf-8-sig", "replace"), "tokens")
    assert sha256(read_token(on(HERE).cluster).encode()).digest() == first.digest


def test_a_secret_of_anything_else_ends_nothing(recorder):
    recorder.write("secret", {"data": {"tokens": base64.b64encode(b"\x00\xff , # none").decode()}})
    assert isinstance(read_token(on(HERE).cluster), str)
    recorder.write("secret", {"data": {"tokens": base64.b64encode(b" \n# none").decode()}})
    assert read_token(on(HERE).cluster) == ""


def test_undeploy_removes_what_the_overlay_has(recorder):
    on(HERE).undeploy()
    assert deleted(recorder) == {"Namespace", "ServiceAccount", "ConfigMap", "Service", "Deployment"}
    assert recorder.lines[-1].endswith("delete --ignore-not-found --filename -")  # so that it may be said twice


def test_the_namespace_is_the_overlays(recorder, tmp_path):
    folder = overlay(tmp_path / "staging", [], settings=[])
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization | {"namespace": "staging"}))
    Deployment(HERE, read_names(), folder).undeploy()
    assert {line.split()[4] for line in recorder.lines if "--context" in line} == {"staging"}


def test_a_namespace_that_the_overlay_does_not_have_stays(recorder, tmp_path, capfd):
    without = {"$patch": "delete", "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "server"}}
    folder = overlay(tmp_path / "theirs", [], patches=[{"patch": yaml.safe_dump(without)}])
    Deployment(HERE, read_names(), folder).undeploy()
    assert "Namespace" not in deleted(recorder)
    assert f"the namespace {WHO['namespace']} stays, with its Secrets\n" in capfd.readouterr().err


def test_undeploy_leaves_a_namespace_in_which_others_live(recorder, capfd):
    recorder.write("others", ["deployment.apps/payroll"])
    on(HERE).undeploy()
    assert deleted(recorder) == {"ServiceAccount", "ConfigMap", "Service", "Deployment"}
    assert f"the namespace {WHO['namespace']} stays" in (said := capfd.readouterr().err)
    assert "deployment.apps/payroll" in said
    assert f"delete --ignore-not-found configmaps --selector app={WHO['name']}" in recorder.lines[-1]
    assert f"--selector app!={WHO['name']}" in " ".join(recorder.lines)
