"""Docker, as the container tests use it."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ship.image.engine import DOCKER
from tests.support import SECONDS

PROBE = Path(__file__).with_name("probe.py")

RESTRICTED = (
    *("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
    *("--memory", "256m", "--cpus", "0.5"),
)
"""What a pod with Pod Security `restricted` gives a container."""
ANY_USER = ("--user", "54321:54321")


def docker(*arguments: str, stdin: str = "", seconds: float = SECONDS) -> str:
    """Run a Docker command; return what it prints. Where it fails, so does the test, with what it said."""
    result = subprocess.run(
        [DOCKER, *arguments],
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    return result.stdout.strip()


@dataclass
class Container:
    """A container that runs."""

    name: str

    @property
    def url(self) -> str:
        return f"http://{docker('port', self.name, '8000').splitlines()[0]}"

    @property
    def log(self) -> str:
        return docker("logs", self.name)

    def python(self, code: str) -> str:
        """Run Python in it, beside the server."""
        return docker("exec", self.name, "python", "-c", code)

    def inspect(self, template: str) -> str:
        return docker("inspect", "--format", template, self.name)

    def wait_until(self, template: str, expected: str) -> None:
        """Ask Docker until it says what is expected."""
        end = time.monotonic() + SECONDS
        while (said := self.inspect(template)) != expected:
            assert time.monotonic() < end, f"{template}: {said}, expected {expected}\n{self.log}"
            time.sleep(0.05)

    def stop(self) -> int:
        """Stop it as Kubernetes would; return its exit status."""
        docker("stop", "--time", str(SECONDS), self.name, seconds=2 * SECONDS)
        return int(self.inspect("{{.State.ExitCode}}"))


@contextmanager
def container(image: str, *options: str, arguments: tuple[str, ...] = (), healthy: bool = True) -> Iterator[Container]:
    """Run a container; yield it as soon as Docker calls it healthy."""
    often = ("--health-interval", "200ms")
    name = docker("run", "--detach", *often, *options, image, *arguments).splitlines()[-1]
    running = Container(name)
    try:
        if healthy:
            running.wait_until("{{.State.Health.Status}}", "healthy")
        yield running
    except Exception as error:
        error.add_note(running.log)  # which is gone with it
        raise
    finally:
        docker("rm", "--force", "--volumes", name)


def tools_of_a_test(folder: Path) -> tuple[str, str]:
    """Return the option that puts `probe.py` in the place of `tools/`, readable for every user."""
    tools = folder / "tools"
    tools.mkdir()
    (tools / "__init__.py").touch()
    shutil.copyfile(PROBE, tools / "probe.py")
    for path in (tools, *tools.iterdir()):
        path.chmod(0o755)
    return ("--volume", f"{tools}:/app/tools:ro")
