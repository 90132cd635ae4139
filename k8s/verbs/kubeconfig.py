"""What the kubeconfig says of its contexts."""

import shutil
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from k8s.cluster import KUBECTL, read_json, run_kubectl

_LOCAL_NAMES: Final = ("localhost", ".docker.internal", ".minikube.internal", ".orb.local")


@dataclass(frozen=True)
class Kubeconfig:
    """The `current` context, "" if nobody has chosen one, and the cluster of each as the kubeconfig describes it."""

    current: str
    contexts: dict[str, dict[str, Any]]

    def is_local(self, context: str) -> bool:
        """Whether its API server has an address of this machine or a private network, or is yet to come."""
        if context not in self.contexts:
            return True
        host = ""
        try:
            host = urlsplit(self.contexts[context].get("server", "")).hostname or ""
            address = ip_address(host)
        except ValueError:
            return host.endswith(_LOCAL_NAMES)
        return address.is_loopback or address.is_private

    def is_minikube(self, context: str) -> bool:
        """Whether Minikube has made it, whatever its profile is called."""
        extensions = self.contexts.get(context, {}).get("extensions") or []
        return any(each.get("extension", {}).get("provider") == "minikube.sigs.k8s.io" for each in extensions)


def read_kubeconfig() -> Kubeconfig:
    """Read what kubectl would use; it is empty where there is no kubectl yet.

    Raises:
        ClusterError: kubectl cannot read it.
    """
    if not shutil.which(KUBECTL):
        return Kubeconfig("", {})
    said = read_json(run_kubectl("config", "view", "--output", "json"))
    clusters = {each["name"]: each["cluster"] for each in said["clusters"] or []}
    contexts = {each["name"]: clusters.get(each["context"]["cluster"], {}) for each in said["contexts"] or []}
    return Kubeconfig(said["current-context"], contexts)
