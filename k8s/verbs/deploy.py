"""From nothing to a rollout that has finished: tools, cluster, image, Secret, manifests."""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from k8s.cluster import Cluster, ClusterError
from k8s.names import ROOT, Names
from k8s.terminal import run, say
from k8s.verbs.credentials import SECRET, ensure, wanted
from k8s.verbs.image import bring_image, check_engine
from k8s.verbs.target import Target

GENERATED: Final = ROOT / "dist" / "k8s"
ROLLOUT_SECONDS: Final = 180
_OVERLAY: Final = "mcp-overlay"
"""The annotation of the Deployment that says from which overlay it comes."""
_INHABITANTS: Final = "deployments,statefulsets,daemonsets,cronjobs,jobs,services,persistentvolumeclaims"
_SILENT_REASONS: Final = ("ContainerCreating", "PodInitializing")


@dataclass(frozen=True)
class Deployment:
    """One deployment of this server, called `names`, on `target`.

    `overlay` is a folder below k8s/overlays/. `registry` is where a cluster that is not on this machine fetches images.
    """

    target: Target
    names: Names
    overlay: Path
    registry: str = ""

    @property
    def cluster(self) -> Cluster:
        """Where it is."""
        return Cluster(self.target.context, self.names.namespace)

    def deploy(self) -> None:
        """Do all of it; what is there and has not changed stays as it is.

        Raises:
            ClusterError: something is missing or fails; in one line.
        """
        self.check()
        if start := self.target.start:
            say(f"starting a cluster: {' '.join(start)}")
            run(*start)
        self.cluster.kubectl("version")  # the first line that needs a cluster says so when there is none
        self._write(bring_image(self.target, self.names, self.registry))
        self._apply()

    def redeploy(self) -> None:
        """Bring a new image into a cluster that runs, and replace the pods even if it is the same.

        Raises:
            ClusterError: as deploy().
        """
        self.check()
        before = self._state().get("spec", {}).get("template")
        self._write(bring_image(self.target, self.names, self.registry))
        self._apply()
        if self._state()["spec"]["template"] == before:
            self.cluster.kubectl("rollout", "restart", f"deployment/{self.names.name}")
            self._wait()

    def check(self) -> None:
        """See whether what this takes is installed, and whether the container engine runs.

        Raises:
            ClusterError: it is not; names all that is missing.
        """
        if missing := self.target.missing_tools:
            raise ClusterError(f"missing: {', '.join(missing)}")
        check_engine()

    def undeploy(self) -> str:
        """Remove all of it; return what was removed. Its namespace and Secret stay where others live as well.

        Raises:
            ClusterError: kubectl fails.
        """
        resources = self.resources()
        if others := self._others():
            say(f"the namespace {self.names.namespace} stays, with its Secrets: it has {', '.join(others)} as well")
            resources = [resource for resource in resources if resource["kind"] != "Namespace"]
        everything = json.dumps({"apiVersion": "v1", "kind": "List", "items": resources})
        return self.cluster.kubectl("delete", "--ignore-not-found", "--filename", "-", stdin=everything, seconds=300)

    def _others(self) -> list[str]:
        """Name what lives in the namespace and is not this server's."""
        selector = ("--selector", f"app!={self.names.name}")
        return self.cluster.kubectl("get", _INHABITANTS, *selector, "--output", "name").split()

    def resources(self) -> list[dict[str, Any]]:
        """Render the overlay.

        Raises:
            ClusterError: kubectl refuses it.
        """
        return list(yaml.safe_load_all(self.cluster.kubectl("kustomize", str(self.overlay))))

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
        manifests = self.cluster.kubectl("kustomize", str(GENERATED))
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
            replicas = scaler["spec"]["minReplicas"]
            if self._state()["spec"]["replicas"] < replicas:
                self.cluster.kubectl("scale", f"deployment/{self.names.name}", f"--replicas={replicas}")

    def _wait(self) -> None:
        say("waiting for the pods")
        timeout = f"--timeout={ROLLOUT_SECONDS}s"
        try:
            run(*self.cluster.command("rollout", "status", f"deployment/{self.names.name}", timeout))
        except ClusterError as error:
            raise ClusterError("; ".join([str(error), *self._reasons()])) from None

    def _state(self) -> dict[str, Any]:
        return self.cluster.find("deployment", self.names.name)

    def _reasons(self) -> Iterator[str]:
        """Say why pods do not start: what refuses them, what they wait for, the last lines of their logs."""
        for condition in self._state().get("status", {}).get("conditions", []):
            if condition["type"] == "ReplicaFailure":
                yield condition["message"]
        for pod in self.cluster.get("pods", "--selector", f"app={self.names.name}")["items"]:
            for reason in self._reasons_of(pod):
                yield f"{pod['metadata']['name']}: {reason}"

    def _reasons_of(self, pod: dict[str, Any]) -> Iterator[str]:
        for condition in pod["status"].get("conditions", []):
            if (condition["type"], condition["status"]) == ("PodScheduled", "False"):
                yield condition.get("message", "no node takes it")
        for status in pod["status"].get("containerStatuses", []):
            waiting = status["state"].get("waiting", {})
            if waiting.get("reason") not in (None, *_SILENT_REASONS):
                yield f"{waiting['reason']}: {waiting.get('message', '')}"
        with suppress(ClusterError):  # which has no log yet
            yield from self.cluster.kubectl("logs", pod["metadata"]["name"], "--tail", "1").strip().splitlines()


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
