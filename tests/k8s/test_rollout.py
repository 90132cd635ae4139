"""The rollout test itself: it finds what is lost, and nothing where nothing is."""

import json
import signal
import sys
from typing import Any

import pytest
from kubernetes_validate import validate

from k8s.cluster import ClusterError
from k8s.names import read_names
from k8s.rollout import caller
from k8s.rollout.__main__ import Rollout, main
from k8s.rollout.caller_pod import caller_manifests
from tests.k8s.kustomize import K8S, needs_kubectl, only, render
from tests.k8s.recorder import PODS, all_is_well
from tests.k8s.toy_cluster import LAG, toy_cluster
from tests.support import SECONDS, program

pytestmark = [needs_kubectl, pytest.mark.usefixtures("own_process")]

TOKEN = "0123456789abcdef0123456789abcdef"


def rollout(cluster, **options):
    return Rollout(cluster, "weather", "/mcp", {"CLIENTS": "4"}, **options)


def test_pods_that_wait_before_they_close_lose_no_call(tmp_path):
    with toy_cluster(tmp_path, MCP_DRAIN_DELAY=str(3 * LAG)) as cluster:
        test = rollout(cluster)
        summary = test.run()
    assert (summary["failures"], test.reasons) == (0, [])
    assert summary["calls"] > 50
    assert 0 < summary["p50_ms"] <= summary["p99_ms"]


def test_pods_that_close_at_once_lose_calls_and_that_is_found(tmp_path):
    with toy_cluster(tmp_path, MCP_DRAIN_DELAY="0") as cluster:
        test = rollout(cluster)
        summary = test.run()
    assert summary["failures"] > 0
    assert test.reasons


def test_a_protected_server_is_called_with_a_token_that_nobody_sees(tmp_path):
    secret: Any = {"MCP_AUTH": "token", "MCP_AUTH_TOKENS": TOKEN}
    with toy_cluster(tmp_path, MCP_DRAIN_DELAY=str(3 * LAG), **secret) as cluster:
        assert rollout(cluster, token=TOKEN).run()["failures"] == 0
        [made, pod] = cluster.applied
    assert made["stringData"] == {"token": TOKEN}
    assert TOKEN not in json.dumps(pod) + "".join(cluster.asked)


def test_everything_it_made_is_removed_whatever_happens(tmp_path):
    with toy_cluster(tmp_path) as cluster:
        cluster.deployment["spec"]["selector"] = {}
        with pytest.raises(KeyError):
            rollout(cluster).run()
        assert (
            cluster.asked[-1] == "delete pod/weather-caller secret/weather-caller --ignore-not-found --grace-period=1"
        )
        assert cluster.caller.returncode is not None


def test_a_server_that_does_not_answer_as_one_ends_it_at_once(tmp_path):
    with toy_cluster(tmp_path) as cluster, pytest.raises(ClusterError, match=r"cannot reach weather .*: status 404"):
        Rollout(cluster, "weather", "/nowhere", {"CLIENTS": "1"}).run()


def test_a_caller_that_cannot_run_is_told(recorder, capsys):
    recorder.write("log", "ImportError: no httpx2")
    assert main(["--context", "minikube"]) == 1
    assert "rollout-test: the caller fails: ImportError: no httpx2" in capsys.readouterr().err


def test_calls_that_failed_are_told_with_their_reasons_and_end_it_with_1(recorder, capsys):
    failure = {"at": "12:00:00", "failure": "ReadError: gone"}
    summary = {"calls": 100, "failures": 1, "p50_ms": 5, "p99_ms": 9, "seconds": 3}
    recorder.write("log", "\n".join(map(json.dumps, ({"calls": 1}, failure, {"summary": summary}))))
    recorder.write("replaced", 0)
    assert main(["--context", "minikube", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == summary | {"reasons": ["12:00:00 ReadError: gone"]}
    all_is_well(recorder, PODS)
    assert main(["--context", "minikube"]) == 1
    assert "100 calls in 3 s, 1 failures; p50 5 ms, p99 9 ms\n  12:00:00 ReadError: gone\n" in capsys.readouterr().out


def made_and_removed(recorder):
    verbs = [word for line in recorder.lines for word in line.split() if word in ("create", "delete")]
    return verbs == ["delete", "create", "delete"]


def test_a_pod_that_was_evicted_is_not_waited_for(recorder, capsys):
    recorder.write("pods", [{"metadata": {"name": "old"}, "status": {"phase": "Failed"}}])
    assert main(["--context", "minikube"]) == 1
    assert "weather has no pods" in capsys.readouterr().err.replace(read_names().name, "weather")
    assert made_and_removed(recorder)


IN_THE_FOREGROUND = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell in the background has turned off
runpy.run_module("k8s.rollout", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_whatever_ends_it_removes_what_it_made(recorder, number):
    with program(sys.executable, "-c", IN_THE_FOREGROUND, "--context", "minikube") as process:
        assert "calls are answered; replacing 2 pods" in process.stderr.readline()
        process.send_signal(number)
        assert process.wait(SECONDS) == (130 if number == signal.SIGINT else 128 + number)
    assert made_and_removed(recorder)


def test_nobody_has_to_be_there_to_end_the_caller():
    deployment = only(render(K8S / "overlays" / "minikube"), "Deployment")
    [pod] = caller_manifests("weather-caller", deployment, {})["items"]
    assert 600 < pod["spec"]["activeDeadlineSeconds"] < 3600


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--context is missing: expected the cluster in which pods are to be replaced"),
        (["--clients", "0"], "--clients 0: expected 1 or more"),
        (["--args", "{message: 1}"], "--args: '{message: 1}': expected a JSON object"),
        (["--args", '{"a": 1}'], "--args was given without --tool"),
    ],
)
def test_options_that_do_not_fit_are_named(capsys, arguments, said):
    with pytest.raises(SystemExit, match="2"):
        main([*(["--context", "minikube"] if arguments else []), *arguments])
    assert said in capsys.readouterr().err


def test_both_eras_and_both_kinds_of_connections_are_tried():
    tried = {caller.manner(number) for number in range(8)}
    assert tried == {(era, kept) for era in (caller.MODERN, caller.HANDSHAKE) for kept in (0, 1)}


def test_a_single_replica_is_refused(tmp_path):
    with toy_cluster(tmp_path, replicas=1) as cluster, pytest.raises(ClusterError, match="has 1 replica: expected 2"):
        rollout(cluster).run()


def test_the_callers_pod_is_as_restricted_as_the_servers():
    deployment = only(render(K8S / "overlays" / "production"), "Deployment")
    secret, pod = caller_manifests("weather-caller", deployment, {"URL": "http://weather"}, TOKEN)["items"]
    for manifest in (secret, pod):
        assert validate(manifest, "1.34", strict=True) == "1.34"
    theirs = deployment["spec"]["template"]["spec"]
    assert pod["spec"]["securityContext"] == theirs["securityContext"]
    assert pod["spec"]["containers"][0]["securityContext"] == theirs["containers"][0]["securityContext"]
    assert pod["spec"]["automountServiceAccountToken"] is False


def test_the_callers_image_is_fetched_as_the_servers():
    deployment = only(render(K8S / "overlays" / "minikube"), "Deployment")
    deployment["spec"]["template"]["spec"]["imagePullSecrets"] = [{"name": "registry"}]
    [pod] = caller_manifests("weather-caller", deployment, {})["items"]
    assert pod["spec"]["imagePullSecrets"] == [{"name": "registry"}]
    assert pod["spec"]["containers"][0]["imagePullPolicy"] == "IfNotPresent"


def test_the_service_sends_the_caller_nothing_and_the_network_policy_lets_it_in():
    manifests = render(K8S / "overlays" / "production")
    *_, pod = caller_manifests("weather-caller", only(manifests, "Deployment"), {})["items"]
    labels = pod["metadata"]["labels"].items()
    assert not only(manifests, "Service")["spec"]["selector"].items() <= labels
    allowed = only(manifests, "NetworkPolicy")["spec"]["ingress"][0]["from"]
    assert any(peer["podSelector"]["matchLabels"].items() <= labels for peer in allowed if "podSelector" in peer)
