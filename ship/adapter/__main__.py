"""`python -m ship.adapter` serves a package or a command; `install`, `detect`, `check` and `fly` help with that."""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from serving.errors import StartError
from serving.logs import configure_logs
from serving.run import run
from serving.sources import load_settings, read_env_file
from ship.adapter.contract import read_program
from ship.adapter.settings import AdapterSettings

if TYPE_CHECKING:
    from fastmcp import FastMCP


def main(argv: Sequence[str] | None = None) -> None:
    """Do what the first word says, or serve; options are those of server.py, and those of `AdapterSettings`."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] not in _VERBS:
        return run(create_server, words, AdapterSettings)
    try:
        return _VERBS[words[0]](words[1:])
    except StartError as error:
        print(f"adapter: {error}", file=sys.stderr)
        sys.exit(error.exit_status)


def create_server(settings: AdapterSettings) -> "FastMCP":
    """Install what the settings say, if that has to be, and put it on a FastMCP server."""
    from ship.adapter.server import create_adapter  # here, because FastMCP reads its environment on import

    return create_adapter(settings, read_program(settings, environment()))


def environment() -> Mapping[str, str]:
    """Return the variables of the environment, and for those that are not set the lines of the env file."""
    return {**read_env_file(os.environ), **os.environ}


def _install(argv: Sequence[str]) -> None:
    settings = load_settings(AdapterSettings, argv)
    configure_logs(settings)
    read_program(settings, environment())


def _detect(argv: Sequence[str]) -> None:
    from ship.adapter.packages.detect import detect

    parser = argparse.ArgumentParser(prog="detect", description="Say how something is run, as JSON.")
    parser.add_argument("target", help="a package, the folder of a repository, or a file in one")
    _print(detect(parser.parse_args(argv).target))


def _check(argv: Sequence[str]) -> None:
    from ship.adapter.packages.registries import check

    parser = argparse.ArgumentParser(prog="check", description="Ask the registry for a package and version, as JSON.")
    parser.add_argument("package", help="NAME, NAME@1.2.3 or NAME==1.2.3")
    parser.add_argument("--runtime", choices=("npm", "python"), default="", help="ask only this one's registry")
    given = parser.parse_args(argv)
    report = check(given.package, given.runtime)
    _print(report)
    sys.exit(0 if report.exists else 1)


def _fly(argv: Sequence[str]) -> None:
    from ship.adapter.fly import fly

    argparse.ArgumentParser(prog="fly", description="Print a fly.toml for these settings, without secrets.").parse_args(
        argv
    )
    print(fly(environment()), end="")


def _print(found: Any) -> None:
    print(json.dumps(asdict(found), indent=2))


_VERBS = {"install": _install, "detect": _detect, "check": _check, "fly": _fly}

if __name__ == "__main__":
    main()
