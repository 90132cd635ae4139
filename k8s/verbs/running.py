"""What runs in the cluster now, which need not be what would be deployed: where it is asked, and with which token."""

import os
from dataclasses import dataclass
from typing import Any

from k8s.cluster import Cluster
from k8s.verbs.credentials import read_token, wanted


@dataclass(frozen=True)
class Running:
    """The settings of a Deployment, of those that no Secret holds, and the token of its Secret; "" if it uses none."""

    settings: dict[str, str]
    secret_token: str

    @property
    def path(self) -> str:
        """Where MCP answers."""
        return self.settings.get("MCP_PATH", "/mcp")

    @property
    def is_protected(self) -> bool:
        """Whether it asks for a token."""
        return self.settings.get("MCP_AUTH", "none") != "none"

    @property
    def token(self) -> str:
        """A token that lets in: the Secret's, else what MCP_TOKEN says; "" where none is asked for."""
        return (self.secret_token or os.environ.get("MCP_TOKEN", "")) if self.is_protected else ""


def read_running(cluster: Cluster, name: str) -> Running:
    """Ask the cluster for the Deployment `name`; what is not there has no settings.

    Raises:
        ClusterError: kubectl fails.
    """
    live = cluster.find("deployment", name)
    secret_token = read_token(cluster) if "tokens" in wanted([live]) else ""
    return Running(_settings(cluster, live), secret_token)


def _settings(cluster: Cluster, live: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    containers = live.get("spec", {}).get("template", {}).get("spec", {}).get("containers", [])
    for source in [each for container in containers[:1] for each in container.get("envFrom", [])]:
        if "configMapRef" in source:
            found |= cluster.find("configmap", source["configMapRef"]["name"]).get("data", {})
    return found
