"""AWS's Lambda Runtime API on this machine, and AWS's own runtime client, which asks it for work.

What the API answers is described in the Lambda developer guide, "Using the Lambda runtime API for custom runtimes"
(docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html), and what surrounds a function in "Working with Lambda
environment variables". The client is awslambdaric, which is also in AWS's images: a function cannot tell where it is.
"""

import json
import os
import signal
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT, SECONDS

TOOLS = ROOT / "dist" / "aws"
"""What `make dist/aws/ready` installs: the runtime client, and what stands in for AWS."""
OF_THE_RUNTIME = ("awslambdaric", "runtime_client.*", "simplejson", "snapshot_restore_py.py")
"""What AWS's runtime brings of it. A function finds nothing else of ours: its zip must hold what it imports."""
API = "/2018-06-01/runtime"
LARGEST = 6 * 1024 * 1024 + 100
"""Bytes that an event may have, and so may what a function returns."""
REGION = "eu-central-1"
ACCOUNT = "123456789012"
NAME = "mcp"


def tools() -> Path:
    """The folder of the tools, or the test that needs them is skipped; in CI it fails."""
    if not (TOOLS / "ready").exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{TOOLS} is not there: make dist/aws/ready installs it")
    return TOOLS


@dataclass(frozen=True)
class Failure:
    """Why there is no payload: what the runtime said, or what Lambda says of a runtime that says nothing more."""

    kind: str
    message: str
    trace: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What came of an invocation; with the exit status of the runtime, if that is why."""

    payload: Any = None
    error: Failure | None = None
    exit_status: int | None = None


@dataclass(frozen=True)
class Work:
    """An event that waits for the runtime to fetch it."""

    request_id: str
    event: bytes
    deadline: float


def body_of(request: BaseHTTPRequestHandler) -> bytes:
    """Read the body of a request, whether its length is known or it comes in chunks."""
    if "chunked" not in request.headers.get("Transfer-Encoding", "").lower():
        return request.rfile.read(int(request.headers.get("Content-Length", 0)))
    body = b""
    while size := int(request.rfile.readline().partition(b";")[0], 16):
        body += request.rfile.read(size)
        request.rfile.readline()
    while request.rfile.readline().strip():  # trailers
        pass
    return body


class Answering(ThreadingHTTPServer):
    """An HTTP server in a thread, on a free port, until the block ends."""

    def __enter__(self):
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()
        self._thread.join()

    def handle_error(self, *_):
        """Say nothing of a client that hangs up: those that are killed do."""


class RuntimeApi:
    """The Runtime API as one process of a runtime sees it, from its start to its end."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._asked = False
        self._over = False
        self._status: int | None = None
        self._work: Work | None = None
        self._fetched: Work | None = None
        self._outcome: Outcome | None = None
        self._init_error: Failure | None = None
        self._server = Answering(("127.0.0.1", 0), type("Calls", (RuntimeCalls,), {"api": self}))
        self.address = f"127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        self._server.__enter__()
        return self

    def __exit__(self, *_):
        self.ended(self._status)
        self._server.__exit__()

    def ended(self, status: int | None) -> None:
        """Note that the runtime has ended."""
        with self._changed:
            self._over, self._status = True, status
            self._changed.notify_all()

    def idle(self, seconds: float) -> bool:
        """Wait until the runtime asks for work; return whether it does, and has not ended."""
        with self._changed:
            self._changed.wait_for(lambda: self._asked or self._over, seconds)
            return self._asked and not self._over

    def init_failure(self) -> Outcome:
        """Why the runtime has never asked for work."""
        with self._changed:
            late = Outcome(error=Failure("Sandbox.Timedout", "Init timed out"))
            return self._exited(self._init_error) if self._over else late

    def invoke(self, event: Any, seconds: float) -> Outcome:
        """Hand an event to the runtime; return what it makes of it, or that its time is up."""
        work = Work(str(uuid.uuid4()), json.dumps(event).encode(), time.time() + seconds)
        if len(work.event) > LARGEST:
            return Outcome(error=Failure("RequestTooLargeException", f"Request must be smaller than {LARGEST} bytes"))
        with self._changed:
            self._work, self._outcome = work, None
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._outcome or self._over, seconds)
            if self._outcome:
                return self._outcome
            if self._over:
                return self._exited()
        message = f"RequestId: {work.request_id} Error: Task timed out after {seconds:.2f} seconds"
        return Outcome(error=Failure("Sandbox.Timedout", message))

    def _exited(self, error: Failure | None = None) -> Outcome:
        status = self._status or 0
        how = f"signal: {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        unsaid = Failure("Runtime.ExitError", f"Runtime exited with error: {how}")
        return Outcome(error=error or unsaid, exit_status=self._status)

    def next(self) -> Work | None:
        """Wait until there is work for the runtime, which asks for it; there is none when it has ended."""
        with self._changed:
            self._asked = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._work or self._over)
            self._fetched, self._work, self._asked = self._work, None, False
            return None if self._over else self._fetched

    def said(self, request_id: str, outcome: Outcome) -> bool:
        """Take what came of an invocation, if it is the one that was fetched."""
        with self._changed:
            if not self._fetched or self._fetched.request_id != request_id:
                return False
            self._fetched, self._outcome = None, outcome
            self._changed.notify_all()
            return True

    def init_failed(self, error: Failure) -> None:
        """Take why the handler cannot be loaded; the runtime ends after that."""
        self._init_error = error


class RuntimeCalls(BaseHTTPRequestHandler):
    """The four calls of the Runtime API."""

    protocol_version = "HTTP/1.1"
    api: RuntimeApi

    def do_GET(self):
        if self.path != f"{API}/invocation/next":
            return self._answer(404, {"errorType": "NotFound"})
        work = self.api.next()
        if work is None:
            self.close_connection = True
            return None
        headers = {
            "Lambda-Runtime-Aws-Request-Id": work.request_id,
            "Lambda-Runtime-Deadline-Ms": str(int(work.deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{NAME}",
            "Lambda-Runtime-Trace-Id": f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]};Sampled=0",
        }
        return self._answer(200, work.event, headers)

    def do_POST(self):
        body = body_of(self)
        place, _, what = self.path.removeprefix(f"{API}/").rpartition("/")
        scope, _, request_id = place.partition("/")
        if (scope, what) == ("init", "error"):
            self.api.init_failed(failure(body))
            return self._answer(202, {"status": "OK"})
        if scope != "invocation" or what not in ("response", "error"):
            return self._answer(404, {"errorType": "NotFound"})
        too_large = what == "response" and len(body) > LARGEST
        if too_large:
            message = f"Response payload size exceeded maximum allowed payload size ({LARGEST} bytes)."
            outcome = Outcome(error=Failure("Function.ResponseSizeTooLarge", message))
        elif what == "response":
            outcome = Outcome(payload=json.loads(body))
        else:
            outcome = Outcome(error=failure(body))
        if not self.api.said(request_id, outcome):
            return self._answer(400, {"errorType": "InvalidRequestID", "errorMessage": "Invalid request ID"})
        return self._answer(413, {"errorType": "RequestEntityTooLarge"}) if too_large else self._answer(202, {})

    def _answer(self, status, body, headers=None):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


def failure(body: bytes) -> Failure:
    """An error as a runtime posts it."""
    said = json.loads(body)
    return Failure(said.get("errorType", ""), said.get("errorMessage", ""), tuple(said.get("stackTrace") or ()))


class Function:
    """A folder, which is an unpacked zip, as a Lambda function: one process of AWS's runtime, started when needed.

    As in Lambda, the process handles one event at a time, stays for the next one, is killed when its time is up, and is
    replaced by a new one at the next event after it has ended. `layers` are folders as of layers: behind the zip on the
    path. What is left of the environment of who starts it is nothing.
    """

    def __init__(
        self,
        folder: Path,
        handler: str = "__boot__.handler.handler",
        *,
        timeout: float = SECONDS,
        memory: int = 1024,
        layers: Sequence[Path] = (),
        **variables: str,
    ) -> None:
        self.starts = 0
        self._folder = folder.resolve()
        self._handler = handler
        self._timeout = timeout
        self._memory = memory
        self._layers = layers
        self._variables = variables
        self._one_at_a_time = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self):
        packages = next((tools() / "lib").glob("python*/site-packages"))
        self._python = packages.parent.name
        self._scratch = tempfile.TemporaryDirectory(prefix="function-")
        scratch = Path(self._scratch.name)
        self._runtime, self._interpreter = scratch / "runtime", scratch / "python" / "bin" / "python"
        self._log = scratch / "log"
        self._log.touch()
        self._runtime.mkdir()
        for pattern in OF_THE_RUNTIME:
            (found,) = packages.glob(pattern)
            (self._runtime / found.name).symlink_to(found)
        # The interpreter of the tools without the packages of the tools.
        bare: list[str | Path] = [TOOLS / "bin" / "python", "-m", "venv", "--without-pip", scratch / "python"]
        subprocess.run(bare, check=True, capture_output=True)
        return self

    def __exit__(self, *_):
        self._stop()
        self._scratch.cleanup()

    def invoke(self, event: Any, seconds: float | None = None) -> Outcome:
        """Invoke the function, when it is free; give it `seconds` instead of its timeout."""
        with self._one_at_a_time:
            if self._process is None or not self._api.idle(SECONDS):
                self._stop()
                self._start()
                if not self._api.idle(SECONDS):
                    failed = self._api.init_failure()
                    self._stop()
                    return failed
            outcome = self._api.invoke(event, self._timeout if seconds is None else seconds)
            if outcome.error and outcome.error.kind == "Sandbox.Timedout":
                self._stop()
            return outcome

    @property
    def log(self) -> str:
        """What it has written to stdout and stderr, all of its processes."""
        return self._log.read_text()

    @property
    def pid(self) -> int | None:
        """The process that runs it, if any does."""
        return self._process.pid if self._process else None

    def _start(self) -> None:
        self.starts += 1
        self._api = RuntimeApi().__enter__()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._interpreter, "-m", "awslambdaric", self._handler],
                cwd=self._folder,  # with -m it is the first on the path, as the task root is in Lambda
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        api, process = self._api, self._process
        self._watcher = threading.Thread(target=lambda: api.ended(process.wait()))
        self._watcher.start()

    def _stop(self) -> None:
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # its children, too
        self._watcher.join()
        self._api.__exit__()
        self._process = None

    def _environment(self) -> dict[str, str]:
        path = os.pathsep.join(map(str, [*self._layers, self._runtime]))
        changeable = {
            "LANG": "en_US.UTF-8",
            "LD_LIBRARY_PATH": "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib",
            "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
            "PYTHONPATH": path,
            "TZ": ":UTC",
        }
        reserved = {
            "_HANDLER": self._handler,
            "AWS_ACCESS_KEY_ID": "ASIAEXAMPLE",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{self._python}",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self._memory),
            "AWS_LAMBDA_FUNCTION_NAME": NAME,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{NAME}",
            "AWS_LAMBDA_LOG_STREAM_NAME": "2026/07/28/[$LATEST]0123456789abcdef0123456789abcdef",
            "AWS_LAMBDA_RUNTIME_API": self._api.address,
            "AWS_REGION": REGION,
            "AWS_SECRET_ACCESS_KEY": "example",
            "AWS_SESSION_TOKEN": "example",
            "LAMBDA_RUNTIME_DIR": str(self._runtime),
            "LAMBDA_TASK_ROOT": str(self._folder),
        }
        return changeable | self._variables | reserved
