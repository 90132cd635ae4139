"""`make image-report`: size, start and memory of our image beside the one that most guides show, in one run.

A machine's noise hits both alike, because they take turns; what counts is the ratio of the medians.
"""

import http.client
import os
import socket
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from ship.image.engine import docker

GUIDE: Final = Path(__file__).with_name("guide.Dockerfile")
ROUNDS: Final = int(os.environ.get("ROUNDS", "11"))
SETTLE_SECONDS: Final = 1.0
"""How long a server is left alone before its memory is read."""
PATIENCE_SECONDS: Final = 60


@dataclass
class Measured:
    """One image: its size in bytes, seconds from `docker run` to the first 200, bytes of memory at rest."""

    image: str
    size: int
    start: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)


def measure(images: list[str]) -> list[Measured]:
    """Start each image `ROUNDS` times, in turns."""
    found = [Measured(image, int(docker("image", "inspect", "--format", "{{.Size}}", image))) for image in images]
    for number in range(ROUNDS):
        for one in found:
            _progress(f"round {number + 1} of {ROUNDS}: {one.image}")
            seconds, memory = _run(one.image)
            one.start.append(seconds)
            one.memory.append(memory)
    _progress("")
    return found


def _run(image: str) -> tuple[float, float]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    began = time.perf_counter()
    container = docker("run", "--detach", "--publish", f"127.0.0.1:{port}:8000", image)
    try:
        while not _is_well(port):
            if time.perf_counter() - began > PATIENCE_SECONDS:
                raise TimeoutError(f"{image}: no 200 from /health within {PATIENCE_SECONDS} s")
            time.sleep(0.005)
        seconds = time.perf_counter() - began
        time.sleep(SETTLE_SECONDS)
        used = docker("stats", "--no-stream", "--format", "{{.MemUsage}}", container).split()[0]
        return seconds, _bytes(used)
    finally:
        docker("rm", "--force", container)


def _is_well(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _bytes(text: str) -> float:
    number = text.rstrip("KMGiB")
    return float(number) * 1024.0 ** ("BKMG".index(text[len(number)]))


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def _table(guide: Measured, ours: Measured) -> str:
    def row(name: str, *cells: str) -> str:
        return f"{name:<28}" + "".join(f"{cell:>10}" for cell in cells)

    pairs = [
        ("size, MB", guide.size / 1e6, ours.size / 1e6, "{:.0f}"),
        ("start to first 200, s", median(guide.start), median(ours.start), "{:.2f}"),
        ("memory at rest, MB", median(guide.memory) / 1e6, median(ours.memory) / 1e6, "{:.0f}"),
    ]
    lines = [row(name, form.format(a), form.format(b), f"{b / a:.2f}") for name, a, b, form in pairs]
    return "\n".join([row(f"medians of {len(ours.start)}", "guide's", "ours", "ratio"), *lines])


def main(image: str) -> None:
    """Build the guide's image as `image`-guide, measure both, print the table."""
    guide = f"{image}-guide"
    docker("build", "--quiet", "--file", str(GUIDE), "--tag", guide, ".")
    print(_table(*measure([guide, image])))


if __name__ == "__main__":
    main(sys.argv[1])
