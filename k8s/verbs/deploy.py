"""From nothing to a rollout that has finished: tools, cluster, image, Secret, manifests."""

import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import yaml

from k8s.cluster import Cluster, ClusterError, run_kubectl
from k8s.names import ROOT, Names
from k8s.terminal import run, say
from k8s.verbs.credentials import SECRET, ensure, wanted
from k8s.verbs.image import bring_image, check_engine
from k8s.verbs.reasons import reasons
from k8s.verbs.target import Target

GENERATED: Final = ROOT / "dist" / "k8s"
ROLLOUT_SECONDS: Final = 180
_OVERLAY: Final = "mcp-overlay"
"""The annotation of the Deployment that says from which overlay it comes."""
_INHABITANTS: Final = "deployments,statefulsets,daemonsets,cronjobs,jobs,pods,services,ingresses,persistentvolumeclaims"


@dataclass(frozen=True)
class Deployment:
    """One deployment of this server, called `names`, on `target`.

    `overlay` is a folder below k8s/overlays/. `registry` is where a cluster that is not on this machine fetches images.
    """

    target: Target
    names: Names
    overlay: Path
    registry: str = ""

    @cached_property
    def resources(self) -> list[dict[str, Any]]:
        """What the overlay renders to.

        Raises:
            ClusterError: kubectl refuses it.
        """
        return list(yaml.safe_load_all(run_kubectl("kustomize", str(self.overlay))))

    @cached_property
    def namespace(self) -> str:
        """Where it is: in the identity's namespace, unless the overlay says another one."""
        return str(of_kind(self.resources, "Deployment")[0]["metadata"]["namespace"])

    @property
    def cluster(self) -> Cluster:
        """The cluster and the namespace in which it is."""
        return Cluster(self.target.context, self.namespace)

    def deploy(self) -> None:
        """Bring an image into a cluster that runs, and apply the overlay; what has not changed stays as it is.

        Raises:
            ClusterError: something is missing or fails; in one line.
        """
        self.cluster.kubectl("version")  # before the image is built
        self._write(bring_image(self.target, self.names, self.registry))
        self._apply()

    def redeploy(self) -> None:
        """Bring a new image into a cluster that runs, and replace the pods even if it is the same.

        Raises:
            ClusterError: as deploy().
        """
        before = self._live().get("spec", {}).get("template")
        self._write(bring_image(self.target, self.names, self.registry))
        self._apply()
        if self._live()["spec"]["template"] == before:
            self.cluster.kubectl("rollout", "restart", f"deployment/{self.names.name}")
            self._wait()

    def undeploy(self) -> str:
        """Remove all of it; return what was removed.

        A namespace that is not the overlay's, or in which others live as well, stays, and with it the Secret.

        Raises:
            ClusterError: kubectl fails.
        """
        others = self._others()
        doomed = [resource for resource in self.resources if not (others and resource["kind"] == "Namespace")]
        everything = json.dumps({"apiVersion": "v1", "kind": "List", "items": doomed})
        delete = ("delete", "--ignore-not-found")
        removed = self.cluster.kubectl(*delete, "--filename", "-", stdin=everything, seconds=300)
        if not of_kind(doomed, "Namespace"):
            ours = f"app={self.names.name}"  # of earlier settings, too
            removed += self.cluster.kubectl(*delete, "configmaps", "--selector", ours)
            also = f": it also has {', '.join(others)}" if others else ""
            say(f"the namespace {self.namespace} stays, with its Secrets{also}")
        return removed

    def _others(self) -> list[str]:
        """Name what lives in the namespace and is not this server's."""
        selector = ("--selector", f"app!={self.names.name}")
        return self.cluster.kubectl("get", _INHABITANTS, *selector, "--output", "name").split()

    def _write(self, image: dict[str, str]) -> None:
        """Write the overlay, with this image, as a kustomization of its own."""
        GENERATED.mkdir(parents=True, exist_ok=True)
        remember = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": self.names.name, "annotations": {_OVERLAY: self.overlay.name}},
        }
        kustomization = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": [os.path.relpath(self.overlay, GENERATED)],
            "images": [{"name": self.names.image, **image}],
            "patches": [{"patch": json.dumps(remember)}],
        }
        (GENERATED / "kustomization.yaml").write_text(yaml.safe_dump(kustomization), encoding="utf-8")

    def _apply(self) -> None:
        manifests = run_kubectl("kustomize", str(GENERATED))
        resources = list(yaml.safe_load_all(manifests))
        say(f"applying {self.overlay.relative_to(ROOT)} to {self.target.context}")
        for namespace in of_kind(resources, "Namespace"):  # before the Secret, and that before the pods
            self.cluster.kubectl("apply", "--filename", "-", stdin=json.dumps(namespace))
        if made := ensure(self.cluster, wanted(resources)):
            say(f"made {' and '.join(made)} in the Secret {SECRET}")
        for line in self.cluster.kubectl("apply", "--filename", "-", stdin=manifests).splitlines():
            if not line.endswith(" unchanged"):
                say(line)
        self._reach_the_minimum(resources)
        self._wait()

    def _reach_the_minimum(self, resources: list[dict[str, Any]]) -> None:
        """Do at once what an autoscaler would do in its own time."""
        for scaler in of_kind(resources, "HorizontalPodAutoscaler"):
            replicas = scaler["spec"].get("minReplicas", 1)
            if self._live()["spec"]["replicas"] < replicas:
                self.cluster.kubectl("scale", f"deployment/{self.names.name}", f"--replicas={replicas}")

    def _wait(self) -> None:
        say("waiting for the pods")
        timeout = f"--timeout={ROLLOUT_SECONDS}s"
        try:
            run(*self.cluster.command("rollout", "status", f"deployment/{self.names.name}", timeout))
        except ClusterError as error:
            raise ClusterError("; ".join([str(error), *reasons(self.cluster, self.names.name)])) from None

    def _live(self) -> dict[str, Any]:
        return self.cluster.find("deployment", self.names.name)


def prepare(target: Target) -> None:
    """See whether what a deployment takes is installed and runs; start the cluster if there is none.

    Raises:
        ClusterError: something is missing, or does not start; names all that is missing.
    """
    if missing := target.missing_tools:
        raise ClusterError(f"missing: {', '.join(missing)}")
    check_engine()
    if start := target.start:
        say(f"starting a cluster: {' '.join(start)}")
        run(*start)


def deployed_overlay(cluster: Cluster, names: Names) -> str:
    """Return the name of the overlay that was deployed last; "" where there is none.

    Raises:
        ClusterError: kubectl fails.
    """
    found = cluster.find("deployment", names.name)
    return str(found.get("metadata", {}).get("annotations", {}).get(_OVERLAY, ""))


def of_kind(resources: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """Return the resources of a kind."""
    return [resource for resource in resources if resource["kind"] == kind]
