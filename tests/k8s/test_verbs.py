"""The Makefile's verbs of the cluster, with a PATH on which every program writes down how it is called."""

import base64
import json
from argparse import Namespace
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

import pytest

from k8s.names import read_names
from k8s.verbs.__main__ import validate
from k8s.verbs.deploy import Deployment
from k8s.verbs.target import Target
from tests import support
from tests.k8s.kustomize import identity, needs_kubectl, overlay
from tests.k8s.recorder import MINIKUBE, PODS, PROGRAMS, all_is_well, record
from tests.support import serving

pytestmark = [needs_kubectl, pytest.mark.usefixtures("own_process")]

KNOWN = Path(__file__).with_name("template_server.py")
WHO = identity()
TOKEN = "0123456789abcdef0123456789abcdef"
IN_MINIKUBE = f"kubectl --context minikube --namespace {WHO['namespace']}"
SUMMARY = ("calls", "failures", "p50_ms", "p99_ms", "seconds")
LOGS = f"logs --selector app={WHO['name']} --max-log-requests 20 --ignore-errors --prefix --follow --tail 100"


@pytest.fixture
def recorder(tmp_path):
    return record(tmp_path, [name for name in PROGRAMS if name != "make"])


@pytest.fixture
def make(recorder):
    def make(*arguments, environment=MappingProxyType({})):
        path = f"{recorder.environment['PATH']}:/usr/bin:/bin"
        return support.make(*arguments, **recorder.environment | {"PATH": path} | environment)

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
    for name in ("staging", "../operators/sig", "/tmp"):
        assert (
            f"OVERLAY={name}: expected the name of a folder in k8s/overlays/"
            in make("deploy", f"OVERLAY={name}").stderr
        )


@pytest.mark.parametrize("variable", ["CONTEXT", "CLUSTER", "OVERLAY", "REGISTRY", "PORT", "URL"])
def test_no_variable_reaches_the_shell(make, tmp_path, variable):
    for attack in ('a"; touch {}; "', "a'; touch {}; '", "$$(touch {})", "`touch {}`"):
        make("validate", f"{variable}={attack.format(tmp_path / 'broken')}")
    assert not (tmp_path / "broken").exists()


def test_a_context_is_named_by_who_types_it_and_not_by_the_environment(make, recorder):
    recorder.write("current-context", "minikube")
    assert make("logs", environment={"CONTEXT": "prod"}).returncode == 0
    assert recorder.lines[-1].startswith("kubectl --context minikube ")


def test_a_redeploy_keeps_the_overlay(make, recorder):
    assert make("deploy", "OVERLAY=production").returncode == 2  # nothing answers: what was applied counts
    done = make("redeploy")
    assert "applying k8s/overlays/production to minikube" in done.stderr


@pytest.mark.parametrize("verb", ["redeploy", "undeploy", "validate", "rollout-test", "logs", "port-forward", "token"])
def test_without_a_cluster_it_is_said_how_to_start_one(make, recorder, verb):
    assert f"{verb}: there is no cluster kind-kind yet: `make deploy` starts it" in make(verb, "CLUSTER=kind").stderr


def test_engine_and_kubectl_may_be_called_something_else(make, recorder):
    for name in ("docker", "kubectl"):
        (recorder.path / name).rename(recorder.path / f"my-{name}")
    done = make("deploy", environment={"DOCKER": "my-docker", "KUBECTL": "my-kubectl"})
    assert "applying" in done.stderr
    assert {"my-docker", "my-kubectl"} <= {line.split()[0] for line in recorder.lines}
    for verb in ("deploy", "redeploy"):
        done = make(verb, environment={"DOCKER": "your-docker", "KUBECTL": "my-kubectl"})
        assert f"{verb}: missing: your-docker (https://" in done.stderr


def in_minikube(overlay):
    return Deployment(Target("minikube", "minikube"), read_names(), overlay)


@pytest.fixture
def deployed(recorder):
    """Let a real server answer in the place of a cluster in which all is well."""

    @contextmanager
    def deployed(overlay=MINIKUBE, **settings):
        all_is_well(recorder, PODS, overlay)
        with serving(script=KNOWN, **settings) as server:
            port = urlsplit(server.url).port
            recorder.write("ports", dict.fromkeys((f"service/{WHO['name']}", *(f"pod/{pod}" for pod in PODS)), port))
            yield

    return deployed


@pytest.mark.parametrize("verb", ["deploy", "redeploy"])
def test_from_nothing_to_validated_and_to_what_a_client_needs(make, recorder, deployed, verb):
    recorder.write("current-context", "minikube")
    with deployed():
        done = make(verb)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 failed" in done.stdout
    assert f"http://{WHO['name']}.{WHO['namespace']}.svc/mcp" in done.stdout
    assert "  on this machine  make port-forward, then http://127.0.0.1:8000/mcp\n" in done.stdout
    assert done.stdout.endswith(f"claude mcp add --transport http {WHO['name']} http://127.0.0.1:8000/mcp\n")


def test_what_comes_next_names_the_cluster_if_it_is_not_kubectls_own(make, recorder, deployed):
    tokens = base64.b64encode(f"ann={TOKEN}".encode()).decode()
    recorder.write("secret", {"metadata": {}, "data": {"tokens": tokens}})
    recorder.write("current-context", "prod")
    with deployed(MCP_AUTH="token", MCP_AUTH_TOKENS=TOKEN):
        done = make("deploy", "CLUSTER=minikube", "OVERLAY=production")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "make port-forward CONTEXT=minikube, then" in done.stdout
    assert '"Authorization: Bearer $(make token CONTEXT=minikube)"' in done.stdout
    assert "for pods and namespaces that are labelled mcp-access=true" in done.stdout
    assert TOKEN not in done.stdout + done.stderr + "".join(recorder.lines)


def test_a_secret_that_is_not_used_is_no_token(make, recorder, deployed):
    tokens = base64.b64encode(f"ann={TOKEN}".encode()).decode()
    recorder.write("secret", {"metadata": {}, "data": {"tokens": tokens}})
    with deployed():
        done = make("validate")
    assert done.returncode == 0, done.stdout


def test_with_jwts_and_none_at_hand_it_is_enough_that_nobody_gets_in(recorder, deployed, monkeypatch, tmp_path, capsys):
    for name, value in recorder.environment.items():
        monkeypatch.setenv(name, value)
    jwt = overlay(tmp_path / "jwt", ["auth-jwt"])
    with deployed(jwt, MCP_AUTH="token", MCP_AUTH_TOKENS=TOKEN):
        assert validate(in_minikube(jwt), Namespace(rest=[])) == 0
    said = capsys.readouterr().out
    assert "a request without a token: 401" in said
    assert "lists and calls: no token was given (--token or MCP_TOKEN)" in said


@pytest.mark.parametrize("path", ["/mcp", "/api/v1"])
def test_mcp_is_asked_where_the_overlay_says(recorder, deployed, monkeypatch, tmp_path, path):
    for name, value in recorder.environment.items():
        monkeypatch.setenv(name, value)
    folder = overlay(tmp_path / "moved", [], settings=[f"MCP_PATH={path}"])
    with deployed(folder, MCP_PATH=path):
        assert validate(in_minikube(folder), Namespace(rest=[])) == 0


def test_what_runs_there_counts_and_not_what_would_be_deployed(make, recorder, deployed):
    with deployed(MINIKUBE):  # by kubectl alone, so that nobody knows of which overlay it is
        done = make("validate", "CONTEXT=prod")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "any replica answers" in done.stdout


def test_a_token_of_the_environment_is_not_for_a_server_that_asks_for_none(make, recorder, deployed):
    with deployed():
        done = make("validate", environment={"MCP_TOKEN": TOKEN})
    assert done.returncode == 0, done.stdout
    assert "a request without a token: no token was given" in done.stdout


def test_the_rollout_is_tested_with_the_token_of_the_secret(make, recorder):
    all_is_well(recorder, PODS, MINIKUBE.with_name("production"))
    recorder.write("secret", {"metadata": {}, "data": {"tokens": base64.b64encode(TOKEN.encode()).decode()}})
    recorder.write("log", json.dumps({"calls": 1}) + "\n" + json.dumps({"summary": dict.fromkeys(SUMMARY, 0)}))
    recorder.write("replaced", 0)
    done = make("rollout-test", "OVERLAY=production", environment={"MCP_TOKEN": "of-somebody-else"})
    assert done.returncode == 0, done.stderr
    [made] = [call["stdin"] for call in recorder.calls if "create" in call["arguments"]]
    assert json.loads(made)["items"][0]["stringData"] == {"token": TOKEN}


def test_a_context_that_is_not_there_is_named_before_anything_is_done(make, recorder):
    done = make("deploy", "CONTEXT=typo", "REGISTRY=ghcr.io/me")
    assert "deploy: CONTEXT=typo: expected one of the kubeconfig's: minikube, prod" in done.stderr
    assert recorder.lines == ["kubectl config view --output json"]


def test_json_is_all_that_a_program_reads(make, recorder, deployed):
    with deployed():
        done = make("deploy", "ARGS=--json")
    assert json.loads(done.stdout)["failed"] == 0
    assert "claude mcp add" in done.stderr


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
        other = make("validate", f"URL={server.base}", """ARGS=--tool echo --args '{"message": "hi"}'""")
    assert json.loads(done.stdout)["failed"] == 0
    assert "calls echo: 8 characters" in other.stdout
    assert recorder.lines == []
