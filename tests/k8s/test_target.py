import shutil

import pytest
import yaml

from k8s.cluster import ClusterError
from k8s.verbs.kubeconfig import Kubeconfig, read_kubeconfig
from k8s.verbs.target import Target, check_context, choose
from tests.k8s.kustomize import needs_kubectl

REMOTE = "arn:aws:eks:eu-west-1:123456789012:cluster/prod"
MINIKUBES = [{"name": "cluster_info", "extension": {"provider": "minikube.sigs.k8s.io"}}]
NOTHING = Kubeconfig("", {})


def kubeconfig(current="", server="https://127.0.0.1:6443", **more):
    """One with a single context, which is the current one."""
    return Kubeconfig(current, {current: {"server": server, **more}})


def test_without_any_context_it_is_minikube():
    assert choose("", "", NOTHING) == Target("minikube", "minikube")


@pytest.mark.parametrize(
    ("current", "provider"),
    [
        ("minikube", "minikube"),
        ("kind-dev", "kind"),
        ("k3d-dev", "k3d"),
        ("docker-desktop", "docker"),
        ("orbstack", "docker"),
    ],
)
def test_kubectls_own_context_counts_if_it_is_local(current, provider):
    assert choose("", "", kubeconfig(current)) == Target(current, provider)
    assert choose("", "", kubeconfig(current)).overlay == "minikube"


@pytest.mark.parametrize("current", [REMOTE, "minikube-prod", "not-kind-dev", "kind-", "gke_acme_kind-dev"])
def test_a_context_that_is_not_local_is_refused_unless_it_is_named(current):
    with pytest.raises(ClusterError) as refused:
        choose("", "", kubeconfig(current))
    assert f"add CONTEXT={current} if you mean it" in str(refused.value)
    assert choose(current, "", NOTHING) == choose(current, "", kubeconfig("minikube")) == Target(current, "")
    assert choose(current, "", NOTHING).overlay == "production"


@pytest.mark.parametrize("current", ["minikube", "kind-dev", "colima"])
@pytest.mark.parametrize(
    "server", ["https://prod.example.com", "https://8.8.8.8:6443", "https://localhost.evil.example", ""]
)
def test_a_local_name_that_leads_elsewhere_is_not_local(current, server):
    with pytest.raises(ClusterError, match="which is not on this machine"):
        choose("", "", kubeconfig(current, server))
    assert choose(current, "", kubeconfig(current, server)).overlay == "production"


@pytest.mark.parametrize(
    "server",
    [
        *("https://127.0.0.1:6443", "https://[::1]:6443", "https://0.0.0.0:6550", "https://192.168.49.2:8443"),
        *("https://localhost:6443", "https://kubernetes.docker.internal:6443"),
    ],
)
def test_an_address_of_this_machine_is_local(server):
    assert choose("", "", kubeconfig("kind-dev", server)) == Target("kind-dev", "kind")


@pytest.mark.parametrize(("cluster", "context"), [("minikube", "minikube"), ("kind", "kind-kind")])
def test_a_cluster_of_this_machine_can_be_asked_for_wherever_kubectl_points(cluster, context):
    assert choose("", cluster, kubeconfig(REMOTE)) == Target(context, cluster)


def test_a_profile_of_minikube_is_known_by_who_made_it():
    profile = kubeconfig("weather", extensions=MINIKUBES)
    assert choose("", "", profile) == choose("weather", "", profile) == Target("weather", "minikube")


def test_a_cluster_that_cannot_be_started_is_refused_by_name():
    with pytest.raises(ClusterError, match=r"CLUSTER=eks: expected minikube or kind; any other .* CONTEXT="):
        choose("", "eks", NOTHING)


def test_two_clusters_cannot_be_meant():
    with pytest.raises(ClusterError, match="CONTEXT=prod and CLUSTER=kind: expected one of them"):
        choose("prod", "kind", NOTHING)


def test_a_context_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(ClusterError, match="CONTEXT=prod: expected one of the kubeconfig's: kind-dev"):
        check_context(Target("prod", ""), kubeconfig("kind-dev"))
    with pytest.raises(ClusterError, match="there is no cluster minikube yet: `make deploy` starts it"):
        check_context(Target("minikube", "minikube"), NOTHING)
    check_context(Target("kind-dev", "kind"), kubeconfig("kind-dev"))


@needs_kubectl
def test_kubectl_says_what_is_in_the_kubeconfig(monkeypatch, tmp_path):
    file = tmp_path / "config"
    monkeypatch.setenv("KUBECONFIG", str(file))
    assert read_kubeconfig() == NOTHING
    cluster = {"server": "https://192.168.49.2:8443", "extensions": MINIKUBES}
    said = {
        "current-context": "weather",
        "contexts": [{"name": "weather", "context": {"cluster": "here", "user": "me"}}],
        "clusters": [{"name": "here", "cluster": cluster}],
    }
    file.write_text(yaml.safe_dump(said))
    assert read_kubeconfig() == Kubeconfig("weather", {"weather": cluster})
    file.write_text("{")
    with pytest.raises(ClusterError, match="error loading config file"):
        read_kubeconfig()


def test_without_kubectl_there_is_no_kubeconfig(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("kubectl") is None
    assert read_kubeconfig() == NOTHING


@pytest.mark.parametrize(
    ("target", "command"),
    [
        (Target("weather", "minikube"), "minikube image load --profile weather a:1"),
        (Target("kind-dev", "kind"), "kind load docker-image --name dev a:1"),
        (Target("k3d-dev", "k3d"), "k3d image import --cluster dev a:1"),
        (Target("orbstack", "docker"), ""),
    ],
)
def test_an_image_gets_into_a_cluster_as_its_provider_wants_it(target, command):
    assert target.load("a:1") == command.split()
