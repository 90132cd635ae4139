"""Render kustomizations, of this repository or of a copy that is called something else."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import ROOT, SECONDS

K8S = ROOT / "k8s"
COMPONENTS = (
    *("hpa", "pdb", "network-policy", "https-egress", "auth-token", "auth-jwt"),
    *("request-state", "metrics", "service-monitor", "trusted-proxies", "gateway", "ingress"),
)
"""In an order that holds for all of them."""

PUBLIC_URL = "MCP_PUBLIC_URL=https://mcp.example.com"
"""What the components that lead in from outside need."""

needs_kubectl = pytest.mark.skipif(
    not shutil.which("kubectl") and not os.environ.get("CI"), reason="kubectl is not installed"
)

Resource = dict[str, Any]


@cache
def _rendered(folder: Path) -> str:
    done = subprocess.run(
        ["kubectl", "kustomize", folder], capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def render(folder: Path) -> list[Resource]:
    """Return what `kubectl apply -k folder` would apply."""
    return list(yaml.load_all(_rendered(folder), yaml.CSafeLoader))


def overlay(
    folder: Path,
    components: Iterable[str],
    k8s: Path = K8S,
    settings: Iterable[str] = (PUBLIC_URL,),
    patches: Iterable[Resource] = (),
) -> Path:
    """Write an overlay of the base, with these settings, components and patches, into `folder`; return that."""
    folder.mkdir(parents=True)
    up = os.path.relpath(k8s, folder)
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [f"{up}/base"],
        "configMapGenerator": [{"name": "server", "behavior": "merge", "literals": [*settings]}],
        "components": [*(f"{up}/components/{name}" for name in components), f"{up}/identity"],
        "patches": [*patches],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return folder


def named(resources: list[Resource], kind: str) -> dict[str, Resource]:
    """Return the resources of a kind by their names."""
    return {found["metadata"]["name"]: found for found in resources if found["kind"] == kind}


def only(resources: list[Resource], kind: str) -> Resource:
    """Return the one resource of a kind."""
    [found] = named(resources, kind).values()
    return found


def identity(k8s: Path = K8S) -> dict[str, str]:
    """Return what the cluster's things are called: `name`, `namespace`, `image` and `tag`."""
    said = yaml.safe_load((k8s / "identity" / "kustomization.yaml").read_text())
    [image] = said["images"]
    return {
        "name": said["labels"][0]["pairs"]["app"],
        "namespace": said["namespace"],
        "image": image["newName"],
        "tag": image["newTag"],
    }


def copy_with_identity(folder: Path, **changes: str) -> Path:
    """Copy k8s/ into `folder`, with another `name`, `namespace`, `image` or `tag` in its identity; return the copy."""
    copy = folder / "k8s"
    shutil.copytree(K8S, copy)
    file = copy / "identity" / "kustomization.yaml"
    old, said = identity(), yaml.safe_load(file.read_text())
    new = old | changes
    said["namespace"] = new["namespace"]
    said["images"][0] |= {"newName": new["image"], "newTag": new["tag"]}
    app, recommended = (label["pairs"] for label in said["labels"])
    app["app"] = new["name"]
    recommended |= {"app.kubernetes.io/name": new["name"], "app.kubernetes.io/version": new["tag"]}
    said["patches"][0]["patch"] = said["patches"][0]["patch"].replace(f'"{old["name"]}"', f'"{new["name"]}"')
    file.write_text(yaml.safe_dump(said))
    assert identity(copy) == new
    return copy


def names_left(resources: list[Resource]) -> set[str]:
    """Return what of this identity is in there; not a single word, like `memory`, which would say nothing."""
    text = yaml.safe_dump_all(resources)
    old = {value for value in identity().values() if re.search(r"\W", value)}
    return {value for value in old if re.search(rf"(?<![\w-]){re.escape(value)}(?![\w-])", text)}


def container(resources: list[Resource]) -> Resource:
    """Return the one container of the one Deployment."""
    [found] = only(resources, "Deployment")["spec"]["template"]["spec"]["containers"]
    return dict(found)


def environment(resources: list[Resource]) -> dict[str, Any]:
    """Return the variables of the one Deployment: text, or where Kubernetes takes it from (`valueFrom`)."""
    main = container(resources)
    found: dict[str, Any] = {}
    for source in main["envFrom"]:
        found |= named(resources, "ConfigMap")[source["configMapRef"]["name"]]["data"]
    return found | {each["name"]: each.get("value", each.get("valueFrom")) for each in main["env"]}
