"""The pod in which the caller runs: as restricted as the server's, and from the same image."""

from pathlib import Path
from typing import Any, Final

_CALLER: Final = Path(__file__).with_name("caller.py")
_RESOURCES: Final = {
    "requests": {"cpu": "100m", "memory": "64Mi"},
    "limits": {"cpu": "500m", "memory": "128Mi"},
}


def caller_manifests(
    name: str, deployment: dict[str, Any], environment: dict[str, str], token: str = ""
) -> dict[str, Any]:
    """Build the pod `name` beside a live Deployment, and the Secret that holds its token.

    Neither has the label `app`, by which the Service would send it calls.
    """
    # A NetworkPolicy lets it in by the last one.
    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/component": "test", "mcp-access": "true"}
    metadata = {"name": name, "labels": labels}
    variables: list[dict[str, Any]] = [{"name": key, "value": value} for key, value in environment.items()]
    items: list[dict[str, Any]] = []
    if token:
        variables.append({"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": name, "key": "token"}}})
        items.append({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"token": token}})
    pod = deployment["spec"]["template"]["spec"]
    server = pod["containers"][0]
    container = {
        "name": "caller",
        "image": server["image"],
        "imagePullPolicy": server["imagePullPolicy"],
        "command": ["python", "-c", _CALLER.read_text(encoding="utf-8")],
        "env": variables,
        "resources": _RESOURCES,
        "securityContext": server["securityContext"],
    }
    spec = {
        "restartPolicy": "Never",
        "activeDeadlineSeconds": 900,  # if nobody is left to end it
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "imagePullSecrets": pod.get("imagePullSecrets", []),
        "securityContext": pod["securityContext"],
        "containers": [container],
    }
    items.append({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    return {"apiVersion": "v1", "kind": "List", "items": items}
