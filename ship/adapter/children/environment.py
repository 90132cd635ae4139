"""What a child may see of our environment, and what nobody may."""

import ctypes
import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from serving.errors import StartError
from ship.adapter.settings import ChildSettings

log: Final = logging.getLogger("ship.adapter")

CHILD_ENV: Final = "MCP_CHILD_ENV_"
"""`MCP_CHILD_ENV_X=value` is `X=value` for the child."""
EVERYBODYS: Final = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TZ", "LANG", "LC_ALL", "LC_CTYPE", "TERM"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"),
)
"""What a child sees of our environment without further ado: no secrets, but for the password of a proxy."""
_PR_SET_DUMPABLE: Final = 4


def hide_environment() -> None:
    """Keep other processes of this user, children and installers, from reading our variables (prctl(2), Linux).

    Whoever runs as root can read them all the same.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def child_environment(settings: ChildSettings, environ: Mapping[str, str]) -> dict[str, str]:
    """Return what the child sees: what everybody may, what is allowed by name, and `MCP_CHILD_ENV_X` as `X`.

    Raises:
        StartError: a variable of ours is allowed by name.
    """
    for name in settings.child_env:
        if name.startswith(("MCP_", "FASTMCP_")):
            instead = f"{CHILD_ENV}{name}=value gives it one of that name"
            raise StartError(f"MCP_CHILD_ENV={name}: expected a variable that is not one of ours ({instead})")
        if name not in environ:
            log.warning("MCP_CHILD_ENV=%s: there is no such variable", name)
    allowed = {name: environ[name] for name in (*EVERYBODYS, *settings.child_env) if name in environ}
    given = {name.removeprefix(CHILD_ENV): value for name, value in environ.items() if name.startswith(CHILD_ENV)}
    return allowed | {name: value for name, value in given.items() if name}
