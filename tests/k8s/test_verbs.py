"""The Makefile's verbs of the cluster, with a PATH on which every program writes down how it is called."""

import base64
import json
import subprocess
from pathlib import Path

import pytest

from tests.k8s.kustomize import identity, needs_kubectl
from tests.k8s.recorder import PROGRAMS, all_is_well, record
from tests.support import ROOT, SECONDS, environment, serving

pytestmark = needs_kubectl

KNOWN = Path(__file__).with_name("template_server.py")
WHO = identity()
IN_MINIKUBE = f"kubectl --context minikube --namespace {WHO['namespace']}"
LOGS = f"logs --selector app={WHO['name']} --max-log-requests 20 --ignore-errors --prefix --follow --tail 100"


@pytest.fixture
def recorder(tmp_path):
    return record(tmp_path, [name for name in PROGRAMS if name != "make"])


@pytest.fixture
def make(recorder):
    def make(*arguments):
        path = f"{recorder.environment['PATH']}:/usr/bin:/bin"
        return subprocess.run(
            ["make", *arguments],
            cwd=ROOT,
            env=environment(**recorder.environment | {"PATH": path}),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    return make


@pytest.mark.parametrize(
    ("verb", "command"),
    [
        (["logs"], LOGS),
        (["logs", "ARGS=--since 1m"], f"{LOGS} --since 1m"),
        (["port-forward"], f"port-forward service/{WHO['name']} 8000:http"),
        (["port-forward", "PORT=9000"], f"port-forward service/{WHO['name']} 9000:http"),
    ],
)
def test_a_verb_is_one_kubectl(make, recorder, verb, command):
    assert make(*verb).returncode == 0
    assert recorder.lines[-1] == f"{IN_MINIKUBE} {command}"


@pytest.mark.parametrize(
    "verb", ["deploy", "redeploy", "undeploy", "validate", "rollout-test", "logs", "port-forward", "token"]
)
def test_no_verb_touches_a_context_that_is_not_local_unless_it_is_named(make, recorder, verb):
    recorder.write("current-context", "prod")
    done = make(verb)
    assert done.returncode == 2
    assert (
        f"{verb}: kubectl's context is prod, which is not on this machine: add CONTEXT=prod if you mean it"
        in done.stderr
    )
    assert recorder.lines == ["kubectl config view --output json"]


def test_a_context_that_is_named_is_used(make, recorder):
    recorder.write("current-context", "minikube")
    assert make("logs", "CONTEXT=prod").returncode == 0
    assert recorder.lines[-1].startswith("kubectl --context prod ")


def test_the_token_is_printed_and_nothing_else(make, recorder):
    tokens = base64.b64encode(b"ann=0123456789abcdef").decode()
    recorder.write("secret", {"data": {"tokens": tokens}})
    assert make("token").stdout == "0123456789abcdef\n"


def test_without_a_token_it_says_so(make):
    done = make("token")
    assert (done.stdout, done.returncode) == ("", 2)
    assert "token: no static token in minikube" in done.stderr


def test_an_overlay_that_does_not_exist_is_named(make):
    assert "OVERLAY=staging: expected the name of a folder in k8s/overlays/" in make("deploy", "OVERLAY=staging").stderr


PODS = (f"{WHO['name']}-a", f"{WHO['name']}-b")


@pytest.mark.parametrize("verb", ["deploy", "redeploy"])
def test_from_nothing_to_validated_and_to_what_a_client_needs(make, recorder, verb):
    all_is_well(recorder, PODS)
    with serving(script=KNOWN) as server:
        port = int(server.base.rpartition(":")[2])
        recorder.write("ports", dict.fromkeys((f"service/{WHO['name']}", *(f"pod/{pod}" for pod in PODS)), port))
        done = make(verb)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 failed" in done.stdout
    assert f"http://{WHO['name']}.{WHO['namespace']}.svc/mcp" in done.stdout
    assert done.stdout.endswith(f"claude mcp add --transport http {WHO['name']} http://127.0.0.1:8000/mcp\n")


def test_a_deployment_that_is_not_valid_is_a_failure(make, recorder):
    all_is_well(recorder, PODS)
    recorder.write("ports", {})
    done = make("deploy")
    assert done.returncode == 2
    assert "1 failed" in done.stdout
    assert "claude mcp add" not in done.stdout


def test_any_server_can_be_validated_without_a_cluster(make, recorder):
    with serving(script=KNOWN) as server:
        done = make("validate", f"URL={server.base}", "ARGS=--json")
    assert json.loads(done.stdout)["failed"] == 0
    assert recorder.lines == []
