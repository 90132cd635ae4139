"""Programs for a PATH that write down how they are called, and answer as a cluster with one Deployment would.

`kubectl kustomize` is the real one. What the cluster holds are files in the folder RECORD, one a thing.
"""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]

PROGRAMS = ("docker", "kind", "kubectl", "make", "minikube")
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


def main() -> None:
    """Be one of the programs."""
    program, arguments = Path(sys.argv[0]).name, sys.argv[1:]
    recorder = Recorder(Path(os.environ["RECORD"]), Path(sys.argv[0]).parent)
    stdin = sys.stdin.read() if "-" in arguments else ""
    with (recorder.folder / "calls").open("a") as calls:
        calls.write(json.dumps({"program": program, "arguments": arguments, "stdin": stdin}) + "\n")
    answer = ANSWERS[program](recorder, arguments, stdin)
    if isinstance(answer, int):
        sys.exit(answer)
    sys.stdout.write(f"{answer}\n")


def kubectl(recorder: Recorder, arguments: list[str], stdin: str) -> str | int:
    words = " ".join(re.sub(r"--(context|namespace) \S* ?", "", " ".join(arguments)).split())
    if words.startswith("kustomize"):
        return subprocess.run([os.environ["REAL_KUBECTL"], *words.split()], check=False).returncode
    if words.startswith("get deployment"):
        return json.dumps(recorder.read("deployment") or "").strip('"')
    if words.startswith("get secret"):
        return json.dumps(recorder.read("secret") or "").strip('"')
    if words.startswith("get pods"):
        return json.dumps({"items": recorder.read("pods") or []})
    if words.startswith(("create", "replace")):
        secret = json.loads(stdin)
        made = {key: base64.b64encode(value.encode()).decode() for key, value in secret.pop("stringData").items()}
        recorder.write("secret", secret | {"data": secret.get("data", {}) | made})
    if words.startswith("apply"):
        return "\n".join(_apply(recorder, resource) for resource in yaml.safe_load_all(stdin))
    if words.startswith("scale"):
        _change(recorder, replicas=int(words.rpartition("=")[2]))
    if words.startswith("rollout restart"):
        _change(recorder, restarted=True)
    if words.startswith("config current-context"):
        return recorder.read("current-context") or 1
    if words.startswith("rollout status") and recorder.read("pods"):
        sys.stderr.write("error: timed out waiting for the condition\n")
        return 1
    return ""


def _apply(recorder: Recorder, resource: dict[str, Any]) -> str:
    name = f"{resource['kind'].lower()}/{resource['metadata']['name']}"
    if resource["kind"] != "Deployment":
        return f"{name} unchanged"
    old = recorder.read("deployment") or {"metadata": {"generation": 0}, "spec": {"replicas": 1}, "status": {}}
    changed = old.get("applied") != resource["spec"]
    recorder.write("deployment", old | {"applied": resource["spec"]})
    if changed:
        _change(recorder, **{key: resource["spec"][key] for key in ("replicas",) if key in resource["spec"]})
    return f"{name} {'configured' if changed else 'unchanged'}"


def _change(recorder: Recorder, **spec: Any) -> None:
    deployment = recorder.read("deployment")
    deployment["metadata"]["generation"] += 1
    recorder.write("deployment", deployment | {"spec": deployment["spec"] | spec})


def docker(recorder: Recorder, arguments: list[str], _: str) -> str | int:
    if arguments[0] == "version":
        return 1 if recorder.read("no-engine") else "27.0"
    if "{{.Id}}" in arguments:
        return str(recorder.read("image") or IMAGE_ID)
    if "{{json .RepoDigests}}" in arguments:
        repository = arguments[-1].rpartition(":")[0]
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
