"""kubectl, told at every call which cluster and namespace are meant."""

import json
import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Any, Final, cast

KUBECTL: Final = os.environ.get("KUBECTL", "kubectl")
_FORWARD_SECONDS: Final = 15
"""How long kubectl may take until it forwards a port."""


class ClusterError(Exception):
    """Something that the cluster or kubectl refused, in one line."""


@dataclass(frozen=True)
class Cluster:
    """One namespace of the cluster that a context of the kubeconfig leads to; an empty context is the current one."""

    context: str
    namespace: str

    def command(self, *arguments: str) -> list[str]:
        """Build the command line of a kubectl that works here."""
        return [KUBECTL, *self._where, *arguments]

    @property
    def _where(self) -> list[str]:
        context = ["--context", self.context] if self.context else []
        return [*context, "--namespace", self.namespace]

    def kubectl(self, *arguments: str, stdin: str = "", seconds: float = 60) -> str:
        """Run kubectl; return what it prints.

        Raises:
            ClusterError: there is none, it takes longer than `seconds`, or fails; with the last line that it said.
        """
        return run_kubectl(*arguments, where=self._where, stdin=stdin, seconds=seconds)

    def get(self, *arguments: str) -> Any:
        """Return what `kubectl get` answers, as JSON.

        Raises:
            ClusterError: as kubectl().
        """
        return read_json(self.kubectl("get", *arguments, "--output", "json"))

    def find(self, kind: str, name: str) -> dict[str, Any]:
        """Return one resource; {} if it is not there.

        Raises:
            ClusterError: as kubectl().
        """
        found = self.kubectl("get", kind, name, "--ignore-not-found", "--output", "json")
        return dict(read_json(found)) if found.strip() else {}

    @contextmanager
    def forward(self, target: str, port: int | str) -> Iterator[str]:
        """Forward a free port of this machine to a port of `target` (pod/NAME, service/NAME); yield its URL.

        Raises:
            ClusterError: kubectl does not forward; with what it said.
        """
        command = self.command("port-forward", "--address", "127.0.0.1", target, f":{port}")
        # In a group of its own: kubectl may be a script that starts another one.
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        ) as process:
            patience = threading.Timer(_FORWARD_SECONDS, _end, [process])
            patience.start()
            try:
                output = cast("IO[str]", process.stdout)
                local = _local_port(output, target)
                patience.cancel()
                # It writes a line for each connection, and would stop at a full pipe.
                threading.Thread(target=_drain, args=[output], daemon=True).start()
                yield f"http://127.0.0.1:{local}"
            finally:
                patience.cancel()
                _end(process)


def _end(process: "subprocess.Popen[str]") -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _drain(output: "IO[str]") -> None:
    with suppress(ValueError):  # closed in between
        output.read()


def _local_port(output: "IO[str]", target: str) -> str:
    said = f"it said nothing within {_FORWARD_SECONDS:g} s"
    for line in output:  # which may begin with warnings
        if found := re.search(r"Forwarding from 127\.0\.0\.1:(\d+)", line):
            return found[1]
        said = line.strip() or said
    raise ClusterError(f"kubectl cannot forward a port of {target}: {said}")


def run_kubectl(*arguments: str, where: Sequence[str] = (), stdin: str = "", seconds: float = 60) -> str:
    """Run kubectl, with options that say `where`; return what it prints.

    Raises:
        ClusterError: there is none, it takes longer than `seconds`, or fails; with the last line that it said.
    """
    try:
        command = [KUBECTL, *where, *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=seconds, check=False)
    except OSError as error:
        raise ClusterError(f"{KUBECTL}: {error.strerror}; install it, or name it with KUBECTL=") from None
    except subprocess.TimeoutExpired:
        raise ClusterError(f"kubectl {arguments[0]} took longer than {seconds:g} s") from None
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"kubectl {arguments[0]} failed"]
        raise ClusterError(said[-1])
    return done.stdout


def read_json(text: str) -> Any:
    """Read what kubectl has printed.

    Raises:
        ClusterError: it is no JSON.
    """
    try:
        return json.loads(text)
    except ValueError:
        raise ClusterError(f"expected JSON of kubectl, got {text[:80]!r}") from None


def selector(deployment: dict[str, Any]) -> str:
    """Return what `kubectl get --selector` wants, to find the pods of a Deployment."""
    labels: dict[str, str] = deployment["spec"]["selector"]["matchLabels"]
    return ",".join(f"{key}={value}" for key, value in labels.items())


def has_ended(pod: dict[str, Any]) -> bool:
    """Whether a pod is listed that no longer runs, such as one that was evicted."""
    return pod.get("status", {}).get("phase") in ("Failed", "Succeeded")


def http_port(ports: list[dict[str, Any]], key: str) -> int:
    """Return the `key` (port, containerPort) of the port called http, else of the first.

    Raises:
        ClusterError: there are no ports.
    """
    if not ports:
        raise ClusterError(f"there is no {key} to call")
    return int(next((port for port in ports if port.get("name") == "http"), ports[0])[key])
