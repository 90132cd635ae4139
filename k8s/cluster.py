"""kubectl, told at every call which cluster and namespace are meant."""

import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, cast

import yaml

KUBECTL: Final = os.environ.get("KUBECTL", "kubectl")
_IDENTITY: Final = Path(__file__).with_name("identity") / "kustomization.yaml"


class ClusterError(Exception):
    """Something that the cluster or kubectl refused, in one line."""


@dataclass(frozen=True)
class Names:
    """What k8s/identity calls things: Deployment, Service and `app` label have the `name`."""

    name: str
    namespace: str
    image: str
    tag: str


def read_names() -> Names:
    """Read the identity.

    Raises:
        ClusterError: it is not as it was, in its first image, its first label or its namespace.
    """
    try:
        said = yaml.safe_load(_IDENTITY.read_text(encoding="utf-8"))
        name, image = said["labels"][0]["pairs"]["app"], said["images"][0]
        return Names(name, said["namespace"], image["newName"], str(image["newTag"]))
    except (OSError, yaml.YAMLError, LookupError, TypeError) as error:
        raise ClusterError(
            f"{_IDENTITY}: expected namespace, images with newName and newTag, and labels with app ({error})"
        ) from None


def current_context() -> str:
    """Return the kubeconfig's current context; "" if nobody has chosen one, or there is no kubectl yet."""
    try:
        return subprocess.run(
            [KUBECTL, "config", "current-context"], capture_output=True, text=True, check=False
        ).stdout.strip()
    except FileNotFoundError:
        return ""


@dataclass(frozen=True)
class Cluster:
    """One namespace of the cluster that a context of the kubeconfig leads to; an empty context is the current one."""

    context: str
    namespace: str

    def command(self, *arguments: str) -> list[str]:
        """Build the command line of a kubectl that works here."""
        context = ["--context", self.context] if self.context else []
        return [KUBECTL, *context, "--namespace", self.namespace, *arguments]

    def kubectl(self, *arguments: str, stdin: str = "", seconds: float = 60) -> str:
        """Run kubectl; return what it prints.

        Raises:
            ClusterError: there is none, it takes longer than `seconds`, or fails; with the last line that it said.
        """
        command = self.command(*arguments)
        try:
            done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=seconds, check=False)
        except FileNotFoundError:
            raise ClusterError(f"{KUBECTL} was not found: install it, or name it with KUBECTL=") from None
        except subprocess.TimeoutExpired:
            raise ClusterError(f"kubectl {arguments[0]} took longer than {seconds:g} s") from None
        if done.returncode:
            said = done.stderr.strip().splitlines() or [f"kubectl {arguments[0]} failed"]
            raise ClusterError(said[-1])
        return done.stdout

    def get(self, *arguments: str) -> Any:
        """Return what `kubectl get` answers, as JSON.

        Raises:
            ClusterError: as kubectl().
        """
        return json.loads(self.kubectl("get", *arguments, "--output", "json"))

    @contextmanager
    def forward(self, target: str, port: int | str) -> Iterator[str]:
        """Forward a free port of this machine to a port of `target` (pod/NAME, service/NAME); yield its URL.

        Raises:
            ClusterError: kubectl does not forward; with what it said.
        """
        command = self.command("port-forward", "--address", "127.0.0.1", target, f":{port}")
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            try:
                output = cast("IO[str]", process.stdout)
                said = output.readline().strip() or "it says nothing"
                if not (found := re.search(r"127\.0\.0\.1:(\d+)", said)):
                    raise ClusterError(f"kubectl cannot forward a port of {target}: {said}")
                # It writes a line for each connection, and would stop at a full pipe.
                threading.Thread(target=output.read, daemon=True).start()
                yield f"http://127.0.0.1:{found[1]}"
            finally:
                process.kill()
