"""From the zip to an app that answers: what both the handler and the HTTP server start with."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ship.aws_lambda.boot.guest import load_guest
from ship.aws_lambda.boot.place import HERE, arrange_path, find_place

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from serving.settings import Settings

NAMES_OF_HOSTS: Final = ("MCP_ALLOWED_HOSTS", "MCP_PUBLIC_URL")
_DEFAULTS: Final = {
    "MCP_HOST": "0.0.0.0",  # noqa: S104  beyond this machine, so that whoever forgets MCP_AUTH is warned
    "FASTMCP_STATELESS_HTTP": "true",  # a guest's own app, too, has no sessions: the next call may be another process's
    "FASTMCP_MASK_ERROR_DETAILS": "true",  # a guest's FastMCP, too, keeps to itself what a bug says
}


@dataclass(frozen=True)
class Served:
    """A guest's app, and the settings of the chassis around it."""

    app: "ASGIApp"
    settings: "Settings"
    named_hosts: bool
    """Whether it is configured which hosts are answered."""


def start(root: Path = HERE.parent) -> Served:
    """Import the guest that is in a folder, and build its app.

    Raises:
        StartError: there is nothing that can be served, or a setting cannot be used.
    """
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    named_hosts = any(map(os.environ.get, NAMES_OF_HOSTS))
    named_in_file = not named_hosts and _named_in(Path(os.environ.get("MCP_ENV_FILE") or root / ".env"))
    if not (named_hosts or named_in_file):
        _answer_any_host()
    place = find_place(root)
    arrange_path(place)
    guest = load_guest(place)
    if guest.kind == "chassis":
        return Served(guest.offers, guest.offers.state.chassis, named_hosts or named_in_file)
    if named_in_file:  # which only a server of this template reads
        _answer_any_host()
    from serving.run import configure  # a server of this template has a chassis of its own, and needs no second one
    from serving.settings import Settings

    settings = configure(Settings)
    from ship.aws_lambda.boot.chassis import app_of

    return Served(app_of(guest, settings), settings, named_hosts)


def _answer_any_host() -> None:
    """AWS answers for the name of a function URL or an API, and brings no other to the function."""
    os.environ["MCP_ALLOWED_HOSTS"] = "*"


def _named_in(file: Path) -> bool:
    """Say whether hosts are named in the file that a server of this template reads, if there is one."""
    if not file.is_file():
        return False
    from dotenv import dotenv_values

    return any(map(dotenv_values(file, interpolate=False).get, NAMES_OF_HOSTS))
