"""Programs for a PATH that write down how they are called, and answer as a cluster with one Deployment would.

`kubectl kustomize` is the real one. What the cluster holds are files in the folder RECORD, one a thing.

A test calls some thirty of them, so what only one of them needs is imported there.
"""

import base64
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
MINIKUBE = ROOT / "k8s" / "overlays" / "minikube"

PROGRAMS = ("docker", "kind", "kubectl", "make", "minikube")
PODS = ("server-a", "server-b")
MEASURED = dict.fromkeys(("root", "capabilities", "an API token"), False)
IMAGE_ID = "sha256:" + "0123456789abcdef" * 4


@dataclass
class Recorder:
    """The programs in `path`, and what they were asked."""

    folder: Path
    path: Path

    @property
    def environment(self) -> dict[str, str]:
        """What makes another program find these instead of the real ones."""
        return {
            "PATH": f"{self.path}{os.pathsep}{Path(sys.executable).parent}",
            "PYTHONPATH": str(ROOT),
            "RECORD": str(self.folder),
            "REAL_KUBECTL": shutil.which("kubectl") or "",
        }

    @property
    def calls(self) -> list[dict[str, Any]]:
        """Every call so far: `program`, `arguments` and `stdin`."""
        file = self.folder / "calls"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    @property
    def lines(self) -> list[str]:
        """The command lines so far."""
        return [" ".join((call["program"], *call["arguments"])) for call in self.calls]

    def forget(self) -> None:
        (self.folder / "calls").unlink(missing_ok=True)

    def read(self, thing: str) -> Any:
        file = self.folder / thing
        return json.loads(file.read_text()) if file.exists() else None

    def write(self, thing: str, content: Any) -> None:
        (self.folder / thing).write_text(json.dumps(content))


def record(folder: Path, programs: Sequence[str] = PROGRAMS) -> Recorder:
    """Put the programs into `folder`."""
    recorder = Recorder(folder / "record", folder / "bin")
    recorder.folder.mkdir()
    recorder.path.mkdir()
    for name in programs:
        program = recorder.path / name
        program.write_text(f"#!{sys.executable}\nfrom tests.k8s.recorder import main\nmain()\n")
        program.chmod(0o755)
    return recorder


def all_is_well(recorder: Recorder, pods: Sequence[str], overlay: Path = MINIKUBE) -> None:
    """Fill it with what an overlay becomes in a cluster where nothing is wrong."""
    from tests.k8s.kustomize import render

    found = {resource["kind"]: resource for resource in render(overlay)}
    deployment = found["Deployment"]
    deployment["metadata"]["generation"] = 3
    deployment["status"] = {"observedGeneration": 3, "updatedReplicas": len(pods), "availableReplicas": len(pods)}
    running = {"ready": True, "restartCount": 0, "state": {"running": {}}}
    pod = {
        "spec": deployment["spec"]["template"]["spec"],
        "status": {"phase": "Running", "containerStatuses": [running]},
    }
    recorder.write("pods", [pod | {"metadata": {"name": name}} for name in pods])
    deployment["spec"]["replicas"] = len(pods)
    recorder.write("deployment", deployment)
    recorder.write("configmap", found["ConfigMap"])
    recorder.write("service", found["Service"])
    recorder.write("namespace", found["Namespace"])
    ready = [{"conditions": {"ready": True}, "targetRef": {"name": name}} for name in pods]
    recorder.write("endpointslices", [{"endpoints": ready}, {"endpoints": ready}])  # for two IP families
    recorder.write("measured", MEASURED)


def main() -> None:
    """Be one of the programs."""
    program, arguments = Path(sys.argv[0]).name, sys.argv[1:]
    recorder = Recorder(Path(os.environ["RECORD"]), Path(sys.argv[0]).parent)
    stdin = sys.stdin.read() if "-" in arguments else ""
    with (recorder.folder / "calls").open("a") as calls:
        calls.write(json.dumps({"program": program, "arguments": arguments, "stdin": stdin}) + "\n")
    answer = ANSWERS[program.removeprefix("my-")](recorder, arguments, stdin)
    if isinstance(answer, int):
        sys.exit(answer)
    sys.stdout.write(f"{answer}\n")


def kubectl(recorder: Recorder, arguments: list[str], stdin: str) -> str | int:
    words = arguments
    while words[0] in ("--context", "--namespace"):
        words = words[2:]
    verb = VERBS.get(" ".join(words[:2])) or VERBS.get(words[0])
    return verb(recorder, words, stdin) if verb else ""


SERVERS = {"minikube": "https://192.168.49.2:8443", "prod": "https://prod.example.com"}
"""The contexts of the kubeconfig, and where they lead."""


def _view(recorder: Recorder, _: list[str], __: str) -> str:
    contexts = [{"name": name, "context": {"cluster": name}} for name in SERVERS]
    clusters = [{"name": name, "cluster": {"server": server}} for name, server in SERVERS.items()]
    current = recorder.read("current-context") or ""
    return json.dumps({"contexts": contexts, "clusters": clusters, "current-context": current})


def _kustomize(_: Recorder, words: list[str], __: str) -> int:
    return subprocess.run([os.environ["REAL_KUBECTL"], *words], check=False).returncode


def _get(recorder: Recorder, words: list[str], _: str) -> str | int:
    kind = words[1]
    if kind == "pods" and (rounds := recorder.read("replaced")) is not None:
        recorder.write("replaced", rounds + 1)  # each time others
        return json.dumps({"items": [{"metadata": {"name": f"server-{rounds}-{pod}"}} for pod in range(2)]})
    if "," in kind:
        return "\n".join(recorder.read("others") or [])
    found = recorder.read(kind)
    if kind.endswith("s"):
        return json.dumps({"items": found or []})
    if found is None and "--ignore-not-found" not in words:
        sys.stderr.write(f'Error from server (NotFound): {kind} "{words[2]}" not found\n')
        return 1
    return json.dumps(found) if found else ""


def _create(recorder: Recorder, _: list[str], stdin: str) -> str:
    secret = json.loads(stdin)
    if secret.get("kind") == "List":
        return "created"
    made = {key: base64.b64encode(value.encode()).decode() for key, value in secret.pop("stringData").items()}
    recorder.write("secret", secret | {"data": secret.get("data", {}) | made})
    return "secret/mcp-secrets"


def _apply(recorder: Recorder, _: list[str], stdin: str) -> str:
    import yaml

    return "\n".join(_apply_one(recorder, resource) for resource in yaml.safe_load_all(stdin))


def _apply_one(recorder: Recorder, resource: dict[str, Any]) -> str:
    name = f"{resource['kind'].lower()}/{resource['metadata']['name']}"
    if resource["kind"] == "ConfigMap":
        recorder.write("configmap", resource)
    if resource["kind"] != "Deployment":
        return f"{name} unchanged"
    old = recorder.read("deployment") or {"metadata": {"generation": 0}, "spec": {"replicas": 1}, "status": {}}
    status = old["status"] | {"conditions": recorder.read("conditions") or []}
    recorder.write("deployment", old | {"metadata": old["metadata"] | resource["metadata"], "status": status})
    if old["spec"] == old["spec"] | resource["spec"]:
        return f"{name} unchanged"
    _change(recorder, **resource["spec"])
    return f"{name} configured"


def _change(recorder: Recorder, **spec: Any) -> str:
    deployment = recorder.read("deployment")
    deployment["metadata"]["generation"] += 1
    deployment["status"]["observedGeneration"] = deployment["metadata"]["generation"]
    recorder.write("deployment", deployment | {"spec": deployment["spec"] | spec})
    return "deployment changed"


def _status(recorder: Recorder, _: list[str], __: str) -> str | int:
    if recorder.read("stuck"):
        sys.stderr.write("error: timed out waiting for the condition\n")
        return 1
    return "deployment successfully rolled out"


def _exec(recorder: Recorder, _: list[str], __: str) -> str | int:
    found = recorder.read("measured")
    if found is None:
        sys.stderr.write('exec: "python": executable file not found in $PATH\n')
        return 1
    return json.dumps(found)


def _logs(recorder: Recorder, words: list[str], _: str) -> str | int:
    if words[-1].endswith("-caller"):
        sys.stdout.write(f"{recorder.read('log') or json.dumps({'calls': 1})}\n")
        sys.stdout.flush()
        time.sleep(60)
    if log := recorder.read(f"log of {words[1]}"):
        return str(log)
    if "--follow" in words:
        return ""
    sys.stderr.write("Error from server (BadRequest): the container is waiting to start\n")
    return 1


def _forward(recorder: Recorder, words: list[str], _: str) -> int:
    """Forward for real, to the port that the test has written down for this target."""
    target, ports = words[-2], recorder.read("ports")
    if ports is None:
        return 0
    if (upstream := ports.get(target)) is None:
        sys.stderr.write(f'Error from server (NotFound): {target} "x" not found\n')
        return 1
    from tests.k8s.forwarding import forward

    forward(upstream, words[-1].rpartition(":")[2])
    return 0


VERBS: dict[str, Callable[[Recorder, list[str], str], str | int]] = {
    "apply": _apply,
    "config view": _view,
    "create": _create,
    "exec": _exec,
    "get": _get,
    "kustomize": _kustomize,
    "logs": _logs,
    "port-forward": _forward,
    "replace": _create,
    "rollout restart": lambda recorder, *_: _change(recorder, template={"restarted": True}),
    "rollout status": _status,
    "version": lambda recorder, *_: _refuse("connection refused") if recorder.read("unreachable") else "v1.34",
    "scale": lambda recorder, words, _: _change(recorder, replicas=int(words[-1].rpartition("=")[2])),
}


def _refuse(why: str) -> int:
    sys.stderr.write(f"{why}\n")
    return 1


def docker(recorder: Recorder, arguments: list[str], _: str) -> str | int:
    if arguments[0] == "version":
        return 1 if recorder.read("no-engine") else "27.0"
    if arguments[0] == "tag" and recorder.read("no-tag"):
        return _refuse("no such image")
    if "{{.Id}}" in arguments:
        return str(recorder.read("image") or IMAGE_ID)
    if "{{json .RepoDigests}}" in arguments:
        repository = arguments[-1].rpartition(":")[0].removeprefix("docker.io/")
        return json.dumps([f"{repository}@{IMAGE_ID}", f"elsewhere/x@{IMAGE_ID[:-1]}0"])
    return ""


def minikube(recorder: Recorder, arguments: list[str], _: str) -> str | int:
    if arguments[0] == "status":
        return "" if recorder.read("running") else 1
    if arguments[0] == "start":
        recorder.write("running", True)
    return ""


def kind(recorder: Recorder, arguments: list[str], _: str) -> str | int:
    if arguments[0] == "create":
        recorder.write("running", True)
    return "kind" if arguments[0] == "get" and recorder.read("running") else ""


ANSWERS: dict[str, Callable[[Recorder, list[str], str], str | int]] = {
    "docker": docker,
    "kind": kind,
    "kubectl": kubectl,
    "make": lambda *_: "",
    "minikube": minikube,
}
