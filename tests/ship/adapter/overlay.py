"""What must hold of each overlay in `ship/`: named after the identity, and as restricted as the server itself."""

import re
from pathlib import Path

from serving.identity import read_identity
from tests.k8s.kustomize import Resource, container, identity, named, only


def settings(resources: list[Resource]) -> dict[str, str]:
    """Return the settings of the one ConfigMap that the container reads."""
    [name] = [source["configMapRef"]["name"] for source in container(resources)["envFrom"] if "configMapRef" in source]
    return dict(named(resources, "ConfigMap")[name]["data"])


def check_names(resources: list[Resource], suffix: str) -> None:
    """The names are those of the identity, in a namespace of its own; the image has the version as its tag."""
    who = identity()
    assert named(resources, "Deployment").keys() == named(resources, "Service").keys() == {who["name"]}
    [namespace] = named(resources, "Namespace")
    assert namespace == f"{who['name'][: 63 - len(suffix) - 1]}-{suffix}"
    assert {one["metadata"]["namespace"] for one in resources if one["kind"] != "Namespace"} == {namespace}
    assert "server" not in {one["metadata"]["name"] for one in resources}
    assert container(resources)["image"] == f"{who['image']}-{suffix}:{who['tag']}"
    assert who["tag"] == read_identity().version


def check_probes(resources: list[Resource]) -> None:
    """Probes name their port."""
    for probe, path in {"startupProbe": "/health", "livenessProbe": "/health", "readinessProbe": "/ready"}.items():
        assert container(resources)[probe]["httpGet"] == {"path": path, "port": "http"}


def check_restrictions(resources: list[Resource], dockerfile: Path) -> None:
    """The pod runs as the image's user, and fits the restricted profile.

    Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
    """
    labels = only(resources, "Namespace")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    pod = only(resources, "Deployment")["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container(resources)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is pod["enableServiceLinks"] is False
    user = re.search(r"^USER (\d+):(\d+)$", dockerfile.read_text(), re.MULTILINE)
    assert user
    assert (pod["securityContext"]["runAsUser"], pod["securityContext"]["runAsGroup"]) == (int(user[1]), int(user[2]))


def check_egress(resources: list[Resource]) -> None:
    """Nothing gets out but questions for names, and HTTPS to the public network."""
    policy = only(resources, "NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert [{port["port"] for port in rule["ports"]} for rule in policy["egress"]] == [{53}, {443}]
    assert "169.254.0.0/16" in policy["egress"][1]["to"][0]["ipBlock"]["except"]  # a cloud's metadata
