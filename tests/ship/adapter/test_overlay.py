"""The overlay that runs any package in a cluster: two lines to change, and as restricted as the server itself."""

import re
import shutil

import pytest
import yaml

from serving.identity import read_identity
from serving.stop import CLEANUP_SECONDS
from ship.adapter.children.process import CLOSED_SECONDS, TERM_SECONDS
from ship.adapter.children.program import START_SECONDS
from ship.adapter.contract import CHILD_ENV, child_environment
from ship.adapter.packages.installer import INSTALL_SECONDS
from ship.adapter.packages.names import parse
from ship.adapter.settings import AdapterSettings
from tests.k8s.kustomize import K8S, Resource, container, identity, named, needs_kubectl, only, render
from tests.k8s.test_schemas import check
from tests.support import ROOT

pytestmark = needs_kubectl

OVERLAY = ROOT / "ship" / "adapter" / "k8s"


@pytest.fixture
def resources() -> list[Resource]:
    return render(OVERLAY)


@pytest.fixture
def deployment(resources):
    return only(resources, "Deployment")["spec"]


@pytest.fixture
def pod(deployment):
    return deployment["template"]["spec"]


def settings(resources) -> dict[str, str]:
    """Return the settings of the one ConfigMap that the container reads."""
    [name] = [source["configMapRef"]["name"] for source in container(resources)["envFrom"] if "configMapRef" in source]
    return dict(named(resources, "ConfigMap")[name]["data"])


def seconds(probe) -> int:
    return int(probe["periodSeconds"] * probe["failureThreshold"])


def test_it_is_what_clusters_know(resources):
    check(resources)


def test_the_names_are_those_of_the_identity_in_a_namespace_of_its_own(resources):
    who = identity()
    assert named(resources, "Deployment").keys() == named(resources, "Service").keys() == {who["name"]}
    [namespace] = named(resources, "Namespace")
    assert namespace == f"{who['name'][:55]}-adapter"
    assert {one["metadata"]["namespace"] for one in resources if one["kind"] != "Namespace"} == {namespace}
    assert "server" not in {one["metadata"]["name"] for one in resources}


def test_the_image_is_that_of_make_adapter_image_and_of_the_version(resources):
    who = identity()
    assert container(resources)["image"] == f"{who['image']}-adapter:{who['tag']}"
    assert who["tag"] == read_identity().version
    assert '+ "-adapter:" +' in (OVERLAY.parent / "adapter.mk").read_text()


def test_two_lines_make_it_run_another_package(resources, tmp_path):
    for folder in (K8S, OVERLAY):
        shutil.copytree(folder, tmp_path / folder.relative_to(ROOT), ignore=shutil.ignore_patterns("__pycache__"))
    file = tmp_path / OVERLAY.relative_to(ROOT) / "kustomization.yaml"
    text, changed = re.subn(
        r'newName: .*, newTag: "[^"]*"|MCP_PACKAGE=\S+',
        lambda found: "MCP_PACKAGE=@acme/x@1.2" if "MCP" in found[0] else 'newName: ghcr.io/acme/x, newTag: "7"',
        file.read_text(),
    )
    assert changed == 2
    file.write_text(text)
    after = render(file.parent)
    assert container(after)["image"] == "ghcr.io/acme/x:7"
    assert settings(after) == settings(resources) | {"MCP_PACKAGE": "@acme/x@1.2"}
    check(after)


def test_the_example_is_a_package_in_one_version_whose_form_says_where_it_is_from(resources):
    package = parse(settings(resources)["MCP_PACKAGE"])
    assert package.version
    assert package.runtime


def test_every_setting_exists(resources):
    assert {name.removeprefix("MCP_").lower() for name in settings(resources)} <= set(AdapterSettings.model_fields)


def test_the_keys_of_a_secret_are_what_the_child_sees_and_it_need_not_be_there(resources):
    [source] = [source for source in container(resources)["envFrom"] if "secretRef" in source]
    assert source == {"prefix": CHILD_ENV, "secretRef": {"name": "mcp-child-env", "optional": True}}
    assert " secret generic mcp-child-env " in (OVERLAY / "kustomization.yaml").read_text()
    seen = child_environment(AdapterSettings.model_validate({}), {f"{source['prefix']}GITHUB_TOKEN": "x"})
    assert seen == {"GITHUB_TOKEN": "x"}


def test_a_pod_is_given_up_only_after_its_package_could_have_been_installed(resources, deployment):
    startup = seconds(container(resources)["startupProbe"])
    assert startup > INSTALL_SECONDS + START_SECONDS
    assert deployment["progressDeadlineSeconds"] > startup


def test_a_pod_may_take_longer_to_leave_than_the_server_and_its_child_do(resources, pod):
    said = settings(resources)
    drain = float(said["MCP_DRAIN_DELAY"]) + float(said["MCP_DRAIN_SECONDS"])
    assert drain + CLEANUP_SECONDS + CLOSED_SECONDS + TERM_SECONDS < pod["terminationGracePeriodSeconds"]


def test_there_is_never_a_second_child_that_knows_something_else(deployment, resources):
    assert deployment["replicas"] == 1
    assert deployment["strategy"] == {"type": "Recreate"}
    assert not named(resources, "HorizontalPodAutoscaler")


def test_probes_name_their_port(resources):
    for probe, path in {"startupProbe": "/health", "livenessProbe": "/health", "readinessProbe": "/ready"}.items():
        assert container(resources)[probe]["httpGet"] == {"path": path, "port": "http"}


def test_the_pod_fits_the_restricted_profile(resources, pod):
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted."""
    labels = only(resources, "Namespace")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container(resources)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is pod["enableServiceLinks"] is False


def test_the_user_is_the_images_by_number(pod):
    user = re.search(r"^USER (\d+):(\d+)$", (OVERLAY.parent / "Dockerfile").read_text(), re.MULTILINE)
    assert user
    assert (pod["securityContext"]["runAsUser"], pod["securityContext"]["runAsGroup"]) == (int(user[1]), int(user[2]))


def test_packages_have_a_place_that_can_be_written_to_and_not_without_end(resources, pod):
    assert [mount["mountPath"] for mount in container(resources)["volumeMounts"]] == ["/tmp"]
    assert pod["volumes"] == [{"name": "tmp", "emptyDir": {"sizeLimit": "2Gi"}}]
    home = re.search(r" HOME=(\S+)", (OVERLAY.parent / "Dockerfile").read_text())
    assert home
    assert home[1] == "/tmp"
    assert AdapterSettings.model_fields["install_dir"].default.startswith("~/")


def test_it_gets_more_than_a_server_alone(resources):
    def mebibytes(found):
        number, unit = re.fullmatch(r"(\d+)([MG]i)", found["resources"]["limits"]["memory"]).groups()
        return int(number) * {"Mi": 1, "Gi": 1024}[unit]

    base = next(iter(yaml.safe_load_all((K8S / "base" / "deployment.yaml").read_text())))
    [server] = base["spec"]["template"]["spec"]["containers"]
    assert mebibytes(container(resources)) > 2 * mebibytes(server)


def test_nothing_gets_out_but_questions_for_names_and_https(resources):
    policy = only(resources, "NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert [{port["port"] for port in rule["ports"]} for rule in policy["egress"]] == [{53}, {443}]
    assert "169.254.0.0/16" in policy["egress"][1]["to"][0]["ipBlock"]["except"]  # a cloud's metadata
