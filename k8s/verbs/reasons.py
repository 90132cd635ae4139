"""Why the pods of a Deployment do not start."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

from k8s.cluster import Cluster, ClusterError

_SILENT: Final = ("ContainerCreating", "PodInitializing")
"""What a pod that starts waits for."""


def reasons(cluster: Cluster, name: str) -> Iterator[str]:
    """Say what refuses the pods, what they wait for, and the last lines of their logs.

    Raises:
        ClusterError: kubectl fails.
    """
    for condition in cluster.find("deployment", name).get("status", {}).get("conditions", []):
        if condition["type"] == "ReplicaFailure":
            yield condition["message"]
    for pod in cluster.get("pods", "--selector", f"app={name}")["items"]:
        for reason in _reasons_of(cluster, pod):
            yield f"{pod['metadata']['name']}: {reason}"


def _reasons_of(cluster: Cluster, pod: dict[str, Any]) -> Iterator[str]:
    for condition in pod["status"].get("conditions", []):
        if (condition["type"], condition["status"]) == ("PodScheduled", "False"):
            yield condition.get("message", "no node takes it")
    for status in pod["status"].get("containerStatuses", []):
        waiting = status["state"].get("waiting", {})
        if waiting.get("reason") not in (None, *_SILENT):
            yield f"{waiting['reason']}: {waiting.get('message', '')}"
    with suppress(ClusterError):  # which has no log yet
        yield from cluster.kubectl("logs", pod["metadata"]["name"], "--tail", "1").strip().splitlines()
