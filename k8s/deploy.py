"""From nothing to a rollout that has finished: tools, cluster, image, Secret, manifests."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from k8s.cluster import Cluster, ClusterError, Names
from k8s.credentials import SECRET, ensure, wanted
from k8s.image import ROOT, bring_image, check_engine
from k8s.target import Target
from k8s.terminal import run, say

GENERATED: Final = ROOT / "dist" / "k8s"
ROLLOUT_SECONDS: Final = 180
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
        before = self._state().get("metadata", {}).get("generation")
        self._write(bring_image(self.target, self.names, self.registry))
        self._apply()
        if self._state()["metadata"]["generation"] == before:
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
        """Remove all of it, with its namespace and its Secret; return what was removed, one a line.

        Raises:
            ClusterError: kubectl fails.
        """
        return self.cluster.kubectl("delete", "--ignore-not-found", "--kustomize", str(self.overlay), seconds=300)

    def resources(self) -> list[dict[str, Any]]:
        """Render the overlay.

        Raises:
            ClusterError: kubectl refuses it.
        """
        return list(yaml.safe_load_all(self.cluster.kubectl("kustomize", str(self.overlay))))

    def _write(self, image: dict[str, str]) -> None:
        """Write the overlay, with this image, as a kustomization of its own."""
        GENERATED.mkdir(parents=True, exist_ok=True)
        kustomization = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": [os.path.relpath(self.overlay, GENERATED)],
            "images": [{"name": self.names.image, **image}],
        }
        (GENERATED / "kustomization.yaml").write_text(yaml.safe_dump(kustomization), encoding="utf-8")

    def _apply(self) -> None:
        manifests = self.cluster.kubectl("kustomize", str(GENERATED))
        resources = list(yaml.safe_load_all(manifests))
        say(f"applying {self.overlay.relative_to(ROOT)} to {self.target.context}")
        for namespace in _of_kind(resources, "Namespace"):  # before the Secret, and that before the pods
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
        for scaler in _of_kind(resources, "HorizontalPodAutoscaler"):
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
        found = self.cluster.kubectl("get", "deployment", self.names.name, "--ignore-not-found", "--output", "json")
        return json.loads(found) if found.strip() else {}

    def _reasons(self) -> Iterator[str]:
        """Say why pods do not start: what refuses them, what they wait for, the last line of their logs."""
        for condition in self._state().get("status", {}).get("conditions", []):
            if condition["type"] == "ReplicaFailure":
                yield condition["message"]
        selector = f"app={self.names.name}"
        for pod in self.cluster.get("pods", "--selector", selector)["items"]:
            for status in pod["status"].get("containerStatuses", []):
                waiting = status["state"].get("waiting", {})
                if waiting.get("reason") not in (None, *_SILENT_REASONS):
                    yield f"{pod['metadata']['name']}: {waiting['reason']}: {waiting.get('message', '')}"
        log = self.cluster.kubectl("logs", "--selector", selector, "--tail", "1").strip().splitlines()
        yield from log[-1:]


def _of_kind(resources: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [resource for resource in resources if resource["kind"] == kind]
