"""A cluster of real server processes behind a balancer that learns late, as kube-proxy does, of pods that leave."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from typing import Any

from k8s.cluster import Cluster
from tests.k8s.forwarding import pipe
from tests.k8s.kustomize import K8S, only, render
from tests.support import Server, serving

LAG = 0.5
"""Seconds for which a pod that leaves still gets new connections."""


class Balancer:
    """Takes connections on `port` and gives them to `ports` in turn."""

    def __init__(self) -> None:
        self.ports: list[int] = []
        self.port = 0
        self._turn = count()
        self._loop = asyncio.new_event_loop()
        self._listens = threading.Event()
        threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),), daemon=True).start()
        self._listens.wait()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._listens.set()
        await server.serve_forever()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, to = await asyncio.open_connection("127.0.0.1", self.ports[next(self._turn) % len(self.ports)])
        except OSError:
            writer.transport.abort()
            return
        await asyncio.gather(pipe(reader, to), pipe(there, writer))


class ToyCluster(Cluster):
    """Understands what the rollout test asks of kubectl; every pod is a process."""

    def __init__(self, stack: ExitStack, folder: Any, replicas: int, settings: dict[str, Any]) -> None:
        super().__init__("toy", "toy")
        manifests = render(K8S / "overlays" / "minikube")
        self.deployment = only(manifests, "Deployment")
        self.deployment["spec"]["replicas"] = replicas
        self.service = only(manifests, "Service")
        self.applied: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.pods: dict[str, Server] = {}
        self.caller: subprocess.Popen[bytes] | None = None
        self._log = folder / "log"
        self._stack = stack
        self._settings = settings
        self._balancer = Balancer()
        self._names = (f"pod-{number}" for number in count())
        for _ in range(replicas):
            self._start()

    def command(self, *arguments: str) -> list[str]:
        assert arguments[0] == "logs"
        assert self.caller
        return ["tail", "--lines=+1", "--follow", f"--pid={self.caller.pid}", "--sleep-interval=0.1", str(self._log)]

    def kubectl(self, *arguments: str, stdin: str = "", seconds: float = 60) -> str:
        self.asked.append(" ".join(arguments))
        match arguments:
            case ("get", "deployment", *_):
                return json.dumps(self.deployment)
            case ("get", "service", *_):
                return json.dumps(self.service)
            case ("get", "pods", *_):
                return json.dumps({"items": [{"metadata": {"name": name}} for name in self.pods]})
            case ("create", *_):
                self._create(json.loads(stdin)["items"])
            case ("rollout", "restart", _):
                for name in list(self.pods):
                    self._start()
                    self._leave(name)
            case ("delete", "pod", name, _):
                self._leave(name)
                self._start()
            case ("exec", *_):
                assert self.caller
                self.caller.send_signal(signal.SIGTERM)
            case ("delete", *_):
                self._end_caller()
        return ""

    def _start(self) -> None:
        """A pod gets connections when it is ready."""
        server = self._stack.enter_context(serving(**self._settings))
        self.pods[next(self._names)] = server
        self._balancer.ports.append(_port(server))

    def _leave(self, name: str) -> None:
        """It is told to end at once, and the balancer learns of it later."""
        server = self.pods.pop(name)
        server.process.send_signal(signal.SIGTERM)
        late = threading.Timer(LAG, self._balancer.ports.remove, (_port(server),))
        self._stack.callback(late.join)
        late.start()

    def _create(self, items: list[dict[str, Any]]) -> None:
        self.applied = items
        secrets = {item["metadata"]["name"]: item["stringData"] for item in items if item["kind"] == "Secret"}
        [container] = next(item for item in items if item["kind"] == "Pod")["spec"]["containers"]
        variables = {}
        for variable in container["env"]:
            reference = variable.get("valueFrom", {}).get("secretKeyRef")
            value = secrets[reference["name"]][reference["key"]] if reference else variable["value"]
            variables[variable["name"]] = value
        _, _, path = variables["URL"].partition(".svc:80")
        variables["URL"] = f"http://127.0.0.1:{self._balancer.port}{path}"
        command = [sys.executable, *container["command"][1:]]
        with self._log.open("wb") as log:
            self.caller = subprocess.Popen(command, env=os.environ | variables, stdout=log)

    def _end_caller(self) -> None:
        if self.caller:
            self.caller.kill()
            self.caller.wait()


def _port(server: Server) -> int:
    return int(server.base.rpartition(":")[2])


@contextmanager
def toy_cluster(folder: Any, *, replicas: int = 2, **settings: Any) -> Iterator[ToyCluster]:
    """Run one, with these settings of the servers; stop all of it in the end."""
    with ExitStack() as stack:
        yield ToyCluster(stack, folder, replicas, settings)
