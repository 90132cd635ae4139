"""The overlay that runs any package in a cluster: two lines to change, and as restricted as the server itself."""

import re
import shutil

import pytest
import yaml

from serving.stop import CLEANUP_SECONDS
from ship.adapter.children.environment import CHILD_ENV, child_environment
from ship.adapter.children.process import CLOSED_SECONDS, TERM_SECONDS
from ship.adapter.children.program import START_SECONDS
from ship.adapter.packages.installer import INSTALL_SECONDS
from ship.adapter.packages.names import parse
from ship.adapter.settings import AdapterSettings
from tests.k8s.kustomize import K8S, Resource, container, named, needs_kubectl, only, render
from tests.k8s.test_schemas import check
from tests.ship.adapter.overlay import check_egress, check_names, check_probes, check_restrictions, settings
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


def seconds(probe) -> int:
    return int(probe["periodSeconds"] * probe["failureThreshold"])


def test_it_is_what_clusters_know(resources):
    check(resources)


def test_the_names_are_those_of_the_identity_and_the_image_that_of_make_adapter_image(resources):
    check_names(resources, "adapter")
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


def test_it_is_as_restricted_as_the_server_itself(resources):
    check_probes(resources)
    check_restrictions(resources, OVERLAY.parent / "Dockerfile")
    check_egress(resources)


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
