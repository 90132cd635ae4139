"""`python -m k8s.rollout`: are calls lost while pods are replaced?

The caller runs as a pod beside the server: a forwarded port sticks to one pod, and would prove nothing.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from k8s.cluster import Cluster, ClusterError, has_ended, http_port, selector
from k8s.options import parse, parser_for
from k8s.rollout.caller_pod import caller_manifests
from k8s.terminal import clean_up_when_ended, say

SECONDS: Final = 300
"""How long the pods may take to be replaced."""


@dataclass
class Rollout:
    """One rollout and one deletion of the Deployment `name`, under constant calls to `path`.

    `environment` goes to the caller, but for its TOKEN, which goes by a Secret.
    """

    cluster: Cluster
    name: str
    path: str
    environment: dict[str, str]
    token: str = ""
    reasons: list[str] = field(default_factory=list)

    def run(self) -> dict[str, Any]:
        """Do it; return the caller's summary: `calls`, `failures`, `p50_ms`, `p99_ms` and `seconds`.

        Why the first of them failed is in `reasons` then.

        Raises:
            ClusterError: there are too few replicas, the cluster refuses something, or it takes too long.
        """
        deployment = self.cluster.get("deployment", self.name)
        if (replicas := deployment["spec"].get("replicas", 1)) < 2:
            raise ClusterError(f"{self.name} has {replicas} replica: expected 2, so that one answers meanwhile")
        with self._calling(deployment) as log:
            old = self._pods(deployment)
            say(f"calls are answered; replacing {len(old)} pods")
            self.cluster.kubectl("rollout", "restart", f"deployment/{self.name}")
            self._wait(deployment, old)
            victim = self._pods(deployment)[0]
            say(f"deleting {victim}")
            self.cluster.kubectl("delete", "pod", victim, "--wait=false")
            self._wait(deployment, [victim])
            # Not by deleting the pod: the end of its log would go with it.
            self.cluster.kubectl("exec", self._caller, "--", "python", "-c", "import os; os.kill(1, 15)")
            return dict(next(line["summary"] for line in log if "summary" in line))

    @property
    def _caller(self) -> str:
        return f"{self.name}-caller"

    @contextmanager
    def _calling(self, deployment: dict[str, Any]) -> Iterator[Iterator[dict[str, Any]]]:
        """Start the caller, and yield its log as soon as a call has been answered; remove it in the end."""
        self._remove()
        try:
            manifests = caller_manifests(self._caller, deployment, {"URL": self._url(), **self.environment}, self.token)
            self.cluster.kubectl("create", "--filename", "-", stdin=json.dumps(manifests))
            self.cluster.kubectl("wait", f"pod/{self._caller}", "--for=condition=Ready", "--timeout=60s", seconds=70)
            command = self.cluster.command("logs", "--follow", self._caller)
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
                try:
                    log = self._read(process)
                    next(line for line in log if line.get("calls"))
                    yield log
                finally:
                    process.kill()
        finally:
            self._remove()

    def _read(self, process: "subprocess.Popen[str]") -> Iterator[dict[str, Any]]:
        for text in process.stdout or ():
            try:
                line = json.loads(text)
            except ValueError:  # what Python says of a caller that cannot run
                raise ClusterError(f"the caller fails: {text.strip()}") from None
            if "failure" in line:
                self.reasons.append(f"{line['at']} {line['failure']}")
            if "unreachable" in line:
                raise ClusterError(f"the caller cannot reach {self.name} in the cluster: {line['unreachable']}")
            yield line
        raise ClusterError("the caller's log ends before its calls did")

    def _url(self) -> str:
        port = http_port(self.cluster.get("service", self.name)["spec"].get("ports", []), "port")
        return f"http://{self.name}.{self.cluster.namespace}.svc:{port}{self.path}"

    def _remove(self) -> None:
        what = (f"pod/{self._caller}", f"secret/{self._caller}")
        self.cluster.kubectl("delete", *what, "--ignore-not-found", "--grace-period=1")

    def _pods(self, deployment: dict[str, Any]) -> list[str]:
        pods = self.cluster.get("pods", "--selector", selector(deployment))["items"]
        if not (names := [pod["metadata"]["name"] for pod in pods if not has_ended(pod)]):
            raise ClusterError(f"{self.name} has no pods")
        return names

    def _wait(self, deployment: dict[str, Any], old: list[str]) -> None:
        """Wait until these pods are gone and others are there in their place."""
        timeout = f"--timeout={SECONDS}s"
        end = time.monotonic() + SECONDS
        self.cluster.kubectl("rollout", "status", f"deployment/{self.name}", timeout, seconds=SECONDS + 10)
        while left := set(old) & set(self._pods(deployment)):
            if time.monotonic() > end:
                raise ClusterError(f"{', '.join(sorted(left))} did not go within {SECONDS} s")
            time.sleep(0.5)
        self.cluster.kubectl("rollout", "status", f"deployment/{self.name}", timeout, seconds=SECONDS + 10)


def main(arguments: list[str] | None = None) -> int:
    """Run it from the command line: 0 when no call failed, 1 when one did or the cluster refuses, 2 for bad options."""
    tool = "what is called (default: echo if there is one, else tools/list)"
    parser = parser_for("python -m k8s.rollout", __doc__ or "", tool)
    parser.add_argument("--clients", type=int, default=8, help="that call at a time (default: %(default)s)")
    options = parse(parser, arguments)
    if not options.context:
        parser.error("--context is missing: expected the cluster in which pods are to be replaced")
    if options.clients < 1:
        parser.error(f"--clients {options.clients}: expected 1 or more")
    calling = {"CLIENTS": str(options.clients), "TOOL": options.tool, "ARGUMENTS": json.dumps(options.args)}
    cluster = Cluster(options.context, options.namespace)
    rollout = Rollout(cluster, options.name, options.path, calling, options.token)
    clean_up_when_ended()
    try:
        summary = rollout.run()
    except ClusterError as error:
        print(f"rollout-test: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    if options.json:
        print(json.dumps(summary | {"reasons": rollout.reasons}))
    else:
        print("{calls} calls in {seconds} s, {failures} failures; p50 {p50_ms} ms, p99 {p99_ms} ms".format(**summary))
        print("".join(f"  {reason}\n" for reason in rollout.reasons), end="")
    return 1 if summary["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
