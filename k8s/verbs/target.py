"""Which cluster is meant, whether it is on this machine, and how an image gets into it."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import Final

from k8s.cluster import KUBECTL, ClusterError
from k8s.verbs.kubeconfig import Kubeconfig

DOCKER: Final = os.environ.get("DOCKER", "docker")

_PROVIDERS: Final = {
    "minikube": r"minikube",
    "kind": r"kind-(.+)",
    "k3d": r"k3d-(.+)",
    "docker": r"docker-desktop|orbstack|rancher-desktop|colima",  # runs what Docker has built as it is
}
"""What runs clusters on a developer's machine, and what it calls their contexts."""
_OWN: Final = {"minikube": "minikube", "kind": "kind-kind"}
"""The context of the cluster that is started when there is none."""
_WHERE: Final = {
    "docker": "https://docs.docker.com/get-docker/",
    "k3d": "https://k3d.io/",
    "kind": "https://kind.sigs.k8s.io/",
    "kubectl": "https://kubernetes.io/docs/tasks/tools/",
    "minikube": "https://minikube.sigs.k8s.io/docs/start/",
}


@dataclass(frozen=True)
class Target:
    """A context of the kubeconfig, and the provider that runs its cluster here; "" is a cluster elsewhere."""

    context: str
    provider: str

    @property
    def overlay(self) -> str:
        """The overlay in k8s/overlays/ that suits it."""
        return "minikube" if self.provider else "production"

    @property
    def can_be_started(self) -> bool:
        """Whether its cluster is made when there is none."""
        return self.context in _OWN.values() and self.provider in _OWN

    @property
    def missing_tools(self) -> list[str]:
        """What has to be installed first, each with where to get it."""
        needed = {"docker": DOCKER, "kubectl": KUBECTL}
        if self.provider in _WHERE:
            needed.setdefault(self.provider, self.provider)
        return [f"{command} ({_WHERE[tool]})" for tool, command in needed.items() if not shutil.which(command)]

    @property
    def _name(self) -> str:
        return self.context.partition("-")[2] if self.provider in ("kind", "k3d") else self.context

    @property
    def start(self) -> list[str]:
        """The command that starts the cluster; empty if it runs, or is not ours to start."""
        name = self._name
        if self.provider == "minikube" and not _succeeds("minikube", "status", "--profile", name):
            return ["minikube", "start", "--profile", name]
        if self.provider == "kind" and self.can_be_started and name not in _output("kind", "get", "clusters").split():
            return ["kind", "create", "cluster", "--name", name, "--wait", "2m"]
        return []

    def load(self, image: str) -> list[str]:
        """The command that brings an image of this machine's Docker into the cluster; empty if that needs none."""
        return {
            "minikube": ["minikube", "image", "load", "--profile", self._name, image],
            "kind": ["kind", "load", "docker-image", "--name", self._name, image],
            "k3d": ["k3d", "image", "import", "--cluster", self._name, image],
        }.get(self.provider, [])


def choose(context: str, cluster: str, kubeconfig: Kubeconfig) -> Target:
    """Choose a cluster: the context that was named, else the kind of cluster, else kubectl's own if that is local.

    Raises:
        ClusterError: `cluster` is none that can be started here, or was named beside a context; or what was not named
            is not on this machine.
    """
    if cluster and cluster not in _OWN:
        raise ClusterError(f"CLUSTER={cluster}: expected {' or '.join(_OWN)}; any other cluster is named by CONTEXT=")
    if context and cluster:
        raise ClusterError(f"CONTEXT={context} and CLUSTER={cluster}: expected one of them")
    if context:
        return Target(context, _provider(context, kubeconfig))
    context = _OWN[cluster] if cluster else kubeconfig.current or _OWN["minikube"]
    provider = _provider(context, kubeconfig)
    if not provider and cluster:
        raise ClusterError(f"CLUSTER={cluster}: its context {context} leads to a cluster that is not on this machine")
    if not provider:
        raise ClusterError(
            f"kubectl's context is {context}, which is not on this machine: "
            f"add CONTEXT={context} if you mean it, or CLUSTER=minikube"
        )
    return Target(context, provider)


def check_context(target: Target, kubeconfig: Kubeconfig) -> None:
    """See whether the kubeconfig has the target's context.

    Raises:
        ClusterError: it has not.
    """
    known = kubeconfig.contexts
    if target.context in known:
        return
    if target.can_be_started:
        raise ClusterError(f"there is no cluster {target.context} yet: `make deploy` starts it")
    raise ClusterError(f"CONTEXT={target.context}: expected one of the kubeconfig's: {', '.join(known) or 'none'}")


def _provider(context: str, kubeconfig: Kubeconfig) -> str:
    if not kubeconfig.is_local(context):
        return ""
    if kubeconfig.is_minikube(context):  # which calls a context as its profile
        return "minikube"
    return next((name for name, pattern in _PROVIDERS.items() if re.fullmatch(pattern, context)), "")


def _succeeds(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout
