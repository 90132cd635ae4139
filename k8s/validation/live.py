"""What a cluster says about the Deployment: is it there, does it stay, and are its restrictions in force?"""

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any, Final

from k8s.cluster import Cluster, ClusterError, has_ended, http_port, selector
from k8s.validation.report import Failed, Question, Skipped

_PATIENCE: Final = 5
"""Seconds that a Service may take to learn of a pod."""

MEASURE: Final = """
import json, os
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
def writable(folder):
    try:
        os.close(os.open(folder + "/.validate", os.O_CREAT | os.O_WRONLY)); os.unlink(folder + "/.validate")
    except OSError:
        return False
    return True
print(json.dumps({
    "root": os.getuid() == 0 or os.getgid() == 0,
    "capabilities": int(status["CapEff"], 16) != 0,
    "new privileges": status["NoNewPrivs"].strip() != "1",
    "every system call": status["Seccomp"].strip() != "2",
    "a writable root": writable("") or writable(os.getcwd()),
    "an API token": os.path.exists("/var/run/secrets/kubernetes.io/serviceaccount/token"),
    "no /tmp": not writable("/tmp"),
}))
"""
"""Run inside of the container: what it has and should not have."""


class Live:
    """The questions, in order; `pods` and `ports` are known after them."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.pods: list[dict[str, Any]] = []
        self._cluster = cluster
        self._name = name
        self._deployment: dict[str, Any] = {}

    def questions(self) -> dict[str, Question]:
        """Return the checks by name."""
        return {
            f"deployment {self._name}": self.deployment,
            "its pods": self.running,
            f"service {self._name}": self.service,
            f"namespace {self._cluster.namespace}": self.namespace,
            "security, as declared": self.declared_security,
            "security, as measured in the pods": self.effective_security,
        }

    async def deployment(self) -> str:
        """Available, and as it was asked for last."""
        self._deployment = self._cluster.get("deployment", self._name)
        spec, status = self._deployment["spec"], self._deployment.get("status", {})
        wanted = spec.get("replicas", 1)
        if status.get("observedGeneration", 0) < self._deployment["metadata"]["generation"]:
            raise Failed("the cluster has not seen its last change yet")
        for key in ("updatedReplicas", "availableReplicas"):
            if status.get(key, 0) != wanted:
                raise Failed(f"{status.get(key, 0)} {key}, expected {wanted}")
        return f"{wanted} of {wanted} available, with {first_container(spec['template']['spec'])['image']}"

    async def running(self) -> str:
        """Ready, and never restarted."""
        if not self._deployment:
            raise Skipped("the deployment could not be read")
        found = self._cluster.get("pods", "--selector", selector(self._deployment))["items"]
        self.pods = [pod for pod in found if "deletionTimestamp" not in pod["metadata"] and not has_ended(pod)]
        if not self.pods:
            raise Failed("there are none")
        for pod in self.pods:
            name, status = pod["metadata"]["name"], pod["status"]
            containers = status.get("containerStatuses", [])
            waiting = [each["state"]["waiting"]["reason"] for each in containers if "waiting" in each.get("state", {})]
            if status.get("phase") != "Running" or not containers or not all(each["ready"] for each in containers):
                raise Failed(f"{name} is {' '.join(waiting) or status.get('phase')} and not ready")
            if restarts := sum(each["restartCount"] for each in containers):
                raise Failed(f"{name} has {restarts} restarts")
        return f"{len(self.pods)} running, 0 restarts"

    async def service(self) -> str:
        """Leads to all of them."""
        self._need_pods()
        end = time.monotonic() + _PATIENCE
        while (ready := self._ready_endpoints()) != len(self.pods):
            if time.monotonic() > end:
                raise Failed(f"{ready} ready endpoints, expected {len(self.pods)}")
            await asyncio.sleep(0.2)
        return f"port {self.port()} leads to {ready} pods"

    async def namespace(self) -> str:
        """Refuses careless pods."""
        labels = self._cluster.get("namespace", self._cluster.namespace)["metadata"].get("labels", {})
        if labels.get("app") != self._name:
            raise Skipped("it is somebody else's")
        level = labels.get("pod-security.kubernetes.io/enforce")
        if level != "restricted":
            raise Failed(f"pod-security.kubernetes.io/enforce is {level}, expected restricted")
        return "enforces restricted"

    async def declared_security(self) -> str:
        """The security context of every pod."""
        self._need_pods()
        for pod in self.pods:
            if wrong := _weaknesses(pod["spec"]):
                raise Failed(f"{pod['metadata']['name']}: {', '.join(wrong)}")
        return "no root, no capabilities, no API token; seccomp, a read-only root"

    async def effective_security(self) -> str:
        """What the kernel makes of it."""
        self._need_pods()
        for pod in self.pods:
            name = pod["metadata"]["name"]
            try:
                container = ("--container", first_container(pod["spec"])["name"])
                answer = self._cluster.kubectl("exec", name, *container, "--", "python", "-c", MEASURE)
                found = json.loads(answer)
            except (ClusterError, ValueError) as error:
                raise Skipped(f"no Python can be run in {name}: {error}") from None
            if wrong := [what for what, there in found.items() if there]:
                raise Failed(f"{name} has {', '.join(wrong)}")
        return "the same"

    def _need_pods(self) -> None:
        if not self.pods:
            raise Skipped("there are no pods")

    def _ready_endpoints(self) -> int:
        label = f"kubernetes.io/service-name={self._name}"
        slices = self._cluster.get("endpointslices", "--selector", label)["items"]
        endpoints = [each for one in slices for each in one.get("endpoints") or []]  # a pod has one for each IP family
        return len({each["targetRef"]["name"] for each in endpoints if each.get("conditions", {}).get("ready")})

    def port(self) -> int:
        """Return the Service's port for MCP.

        Raises:
            ClusterError: there is no such Service.
        """
        return http_port(self._cluster.get("service", self._name)["spec"].get("ports", []), "port")

    def addresses(self) -> Iterator[tuple[str, int]]:
        """Yield the name of each pod, and the port on which it listens for MCP."""
        for pod in self.pods:
            yield pod["metadata"]["name"], http_port(first_container(pod["spec"]).get("ports", []), "containerPort")


def first_container(pod: dict[str, Any]) -> dict[str, Any]:
    """Return the server's container: what a mesh injects comes after it."""
    return dict(pod["containers"][0])


def _weaknesses(spec: dict[str, Any]) -> list[str]:
    pod = spec.get("securityContext", {})
    weak = {
        "an API token is mounted": _mounts_a_token(spec),
        "a folder of the node is mounted": any("hostPath" in volume for volume in spec.get("volumes", [])),
        **{key: spec.get(key, False) for key in ("hostNetwork", "hostPID", "hostIPC")},
    }
    for container in [*spec["containers"], *spec.get("initContainers", [])]:
        own = {**pod, **container.get("securityContext", {})}
        capabilities = own.get("capabilities", {})
        found = {
            "root is allowed": own.get("runAsNonRoot") is not True or not own.get("runAsUser"),
            "no seccomp profile": own.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"),
            "privileges can be gained": own.get("allowPrivilegeEscalation") is not False,
            "it is privileged": own.get("privileged", False),
            "capabilities are kept": "ALL" not in capabilities.get("drop", []) or capabilities.get("add"),
            "the root is writable": own.get("readOnlyRootFilesystem") is not True,
        }
        weak |= {what: weak.get(what) or there for what, there in found.items()}
    return [what for what, there in weak.items() if there]


def _mounts_a_token(spec: dict[str, Any]) -> bool:
    """Whether what is mounted opens the cluster's API; a token with an audience is for somebody else."""
    volumes = [volume.get("projected", {}).get("sources", []) for volume in spec.get("volumes", [])]
    tokens = [
        source["serviceAccountToken"] for sources in volumes for source in sources if "serviceAccountToken" in source
    ]
    return any("audience" not in token for token in tokens)
