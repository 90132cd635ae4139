"""The overlay that runs any bundle in a cluster: three lines to change, and as restricted as the server itself."""

import re
import shutil

import pytest

from serving.stop import CLEANUP_SECONDS
from ship.mcpb.load.config import PREFIX, variable
from ship.mcpb.settings import BundleSettings
from tests.k8s.kustomize import K8S, Resource, container, needs_kubectl, only, render
from tests.k8s.test_schemas import check
from tests.ship.adapter.overlay import check_egress, check_names, check_probes, check_restrictions, settings
from tests.support import ROOT

pytestmark = needs_kubectl

OVERLAY = ROOT / "ship" / "mcpb" / "k8s"


@pytest.fixture
def resources() -> list[Resource]:
    return render(OVERLAY)


def default(name: str) -> float:
    return float(BundleSettings.model_fields[name].default)


def test_a_bundle_in_a_cluster_is_what_clusters_know(resources):
    check(resources)


def test_the_names_are_those_of_the_identity_and_the_image_that_of_make_mcpb_image(resources):
    check_names(resources, "mcpb")
    assert '+ "-mcpb:" +' in (OVERLAY.parent / "mcpb.mk").read_text()


def test_it_is_as_restricted_as_the_server_itself(resources):
    check_probes(resources)
    check_restrictions(resources, OVERLAY.parent / "Dockerfile")
    check_egress(resources)


def test_three_lines_make_it_run_another_bundle(resources, tmp_path):
    for folder in (K8S, OVERLAY):
        shutil.copytree(folder, tmp_path / folder.relative_to(ROOT), ignore=shutil.ignore_patterns("__pycache__"))
    file = tmp_path / OVERLAY.relative_to(ROOT) / "kustomization.yaml"
    mine = {"BUNDLE_URL": "https://example.com/x.mcpb", "BUNDLE_SHA256": "0" * 64}
    text, changed = re.subn(
        r"newName: .*, newTag: \"[^\"]*\"|(BUNDLE_URL|BUNDLE_SHA256)=\S*",
        lambda found: f"{found[1]}={mine[found[1]]}" if found[1] else 'newName: ghcr.io/acme/x, newTag: "7"',
        file.read_text(),
    )
    assert changed == 3
    file.write_text(text)
    after = render(file.parent)
    assert container(after)["image"] == "ghcr.io/acme/x:7"
    assert settings(after) == settings(resources) | mine
    check(after)


def test_no_bundle_runs_without_its_hash_and_every_setting_exists(resources):
    said = settings(resources)
    assert (said["BUNDLE_REQUIRE_SHA256"], said["BUNDLE_SHA256"]) == ("true", "")
    assert {name.removeprefix("MCP_").lower() for name in said} <= set(BundleSettings.model_fields)


def test_the_keys_of_a_secret_are_what_users_configure_and_it_need_not_be_there(resources):
    [source] = [source for source in container(resources)["envFrom"] if "secretRef" in source]
    assert source == {"prefix": PREFIX, "secretRef": {"name": "mcp-user-config", "optional": True}}
    assert f"{source['prefix']}API_KEY" == variable("api_key")
    assert " secret generic mcp-user-config " in (OVERLAY / "kustomization.yaml").read_text()


def test_a_start_has_the_cpu_time_and_room_that_it_takes(resources):
    deployment = only(resources, "Deployment")["spec"]
    assert container(resources)["resources"] == {
        "requests": {"cpu": "250m", "memory": "256Mi"},
        "limits": {"cpu": "1000m", "memory": "1Gi"},
    }
    assert deployment["progressDeadlineSeconds"] > default("bundle_seconds") + default("bundle_start_seconds")
    [volume] = deployment["template"]["spec"]["volumes"]
    gibibytes = int(volume["emptyDir"]["sizeLimit"].removesuffix("Gi"))
    assert gibibytes * 1024**3 > default("bundle_max_bytes") + default("bundle_max_unpacked_bytes")
    assert container(resources)["volumeMounts"] == [{"name": "tmp", "mountPath": "/tmp"}]


def test_a_pod_may_take_longer_to_leave_than_the_server_does(resources):
    said = settings(resources)
    drain = float(said["MCP_DRAIN_DELAY"]) + float(said["MCP_DRAIN_SECONDS"])
    pod = only(resources, "Deployment")["spec"]["template"]["spec"]
    assert drain + 2 * CLEANUP_SECONDS < pod["terminationGracePeriodSeconds"]
