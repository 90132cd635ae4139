"""What is applied is what several versions of Kubernetes know, and nothing that they would silently drop."""

from itertools import combinations

import pytest
from kubernetes_validate import (
    SchemaNotFoundError,
    ValidationError,
    validate,
)

from tests.k8s.kustomize import COMPONENTS, K8S, Resource, needs_kubectl, overlay, render

pytestmark = needs_kubectl

VERSIONS = ("1.31", "1.34", "1.37")
OVERLAYS = sorted(path.name for path in (K8S / "overlays").iterdir())
COMBINATIONS = [
    *(chosen for length in range(3) for chosen in combinations(COMPONENTS, length)),
    tuple(name for name in COMPONENTS if name != "auth-token"),
    tuple(name for name in COMPONENTS if name != "auth-jwt"),
]
CUSTOM = {"HTTPRoute", "ServiceMonitor"}


def check(resources):
    for resource in resources:
        if resource["kind"] not in CUSTOM:
            for version in VERSIONS:
                assert validate(resource, version, strict=True) == version


def test_every_component_is_combined():
    assert {path.name for path in (K8S / "components").iterdir()} == set(COMPONENTS)


@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_is_valid(name):
    check(render(K8S / "overlays" / name))


def test_every_combination_of_components_is_valid(tmp_path):
    seen: list[Resource] = []  # most combinations are made of the same
    for components in COMBINATIONS:
        resources = render(overlay(tmp_path / "-".join(("with", *components)), components))
        new = [resource for resource in resources if resource not in seen]
        check(new)
        seen += new


def test_the_check_refuses_an_unknown_field_a_wrong_type_and_an_unknown_kind():
    deployment = next(one for one in render(K8S / "overlays" / "minikube") if one["kind"] == "Deployment")
    with pytest.raises(ValidationError, match="imaginary"):
        check([deployment | {"spec": {**deployment["spec"], "imaginary": 1}}])
    with pytest.raises(ValidationError, match="many"):
        check([deployment | {"spec": {**deployment["spec"], "replicas": "many"}}])
    with pytest.raises(SchemaNotFoundError):
        check([deployment | {"kind": "Imaginary"}])
