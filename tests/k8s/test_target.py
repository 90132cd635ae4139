import pytest

from k8s.cluster import ClusterError
from k8s.target import Target, choose

REMOTE = "arn:aws:eks:eu-west-1:123456789012:cluster/prod"


def test_without_any_context_it_is_minikube():
    assert choose("", "", "") == Target("minikube", "minikube")


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
    assert choose("", "", current) == Target(current, provider)
    assert choose("", "", current).overlay == "minikube"


@pytest.mark.parametrize("current", [REMOTE, "minikube-prod", "not-kind-dev", "kind-", "gke_acme_kind-dev"])
def test_a_context_that_is_not_local_is_refused_unless_it_is_named(current):
    with pytest.raises(ClusterError) as refused:
        choose("", "", current)
    assert f"add CONTEXT={current} if you mean it" in str(refused.value)
    assert choose(current, "", "") == choose(current, "", "minikube") == Target(current, "")
    assert choose(current, "", "").overlay == "production"


@pytest.mark.parametrize(("cluster", "context"), [("minikube", "minikube"), ("kind", "kind-kind")])
def test_a_cluster_of_this_machine_can_be_asked_for_wherever_kubectl_points(cluster, context):
    assert choose("", cluster, REMOTE) == Target(context, cluster)


def test_a_profile_of_minikube_is_named_like_any_context():
    assert choose("weather", "minikube", "") == Target("weather", "minikube")


def test_a_cluster_that_cannot_be_started_is_refused_by_name():
    with pytest.raises(ClusterError, match=r"CLUSTER=eks: expected minikube or kind; any other .* CONTEXT="):
        choose("", "eks", "")


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
