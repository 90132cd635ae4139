"""Start as the command line says, or as somebody else's runner does, and explain in one line what prevents it."""

import gc
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias, TypeVar

from serving.errors import SettingsError, StartError
from serving.first_import import import_fastmcp
from serving.logs import configure_logs
from serving.settings import Settings
from serving.sources import load_settings, near_misses
from serving.stop import leave

if TYPE_CHECKING:
    from fastmcp import FastMCP

log: Final = logging.getLogger("serving.run")

SELDOM: Final = (50_000, 50, 1_000)
"""When the start looks for garbage: of what is imported little is any, and to look as often as usual would take a
tenth of the start."""
RUNNING: Final = (5_000, 10, 10)
"""When a server looks for garbage; Python's 700 for the first of these would be once a call or two."""

S = TypeVar("S", bound=Settings)
CreateServer: TypeAlias = Callable[[Settings], "FastMCP"]


def run(
    create_server: Callable[[S], "FastMCP"],
    argv: Sequence[str] | None = None,
    settings: type[S] = Settings,  # type: ignore[assignment]  # what S is when nobody says
) -> None:
    """Run a server as the command line and the environment say, until it is stopped.

    Ends the process with 2 on a bad setting and 1 when the server cannot start, each with one line on stderr,
    and with 0 on SIGINT, on SIGTERM and, over stdio, at the end of input.
    """
    if sys.stderr is None:  # whoever started us has closed it; descriptor 2 must not become something else
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115  it stays open
    gc.set_threshold(*SELDOM)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)  # until uvicorn takes over, and when it raises again what stopped it
    with explain_errors():
        loaded = configure(settings, sys.argv[1:] if argv is None else argv)
        if loaded.transport == "stdio":
            from serving.stdio import serve
        else:
            from serving.web.server import serve

        def create() -> "FastMCP":
            mcp = create_server(loaded)
            _settle()
            return mcp

        serve(create, loaded)


def _settle() -> None:
    gc.freeze()  # what is here stays for good: no collection looks at it again
    gc.set_threshold(*RUNNING)


def build_on_demand(create_server: CreateServer) -> Callable[[str], Any]:
    """Return a module's `__getattr__` that builds its `mcp` and its ASGI `app` once, for somebody else's runner."""

    @cache
    def build(name: str) -> Any:
        with explain_errors():
            if name == "settings":
                return configure(Settings)
            if name == "mcp":
                return create_server(build("settings"))
            if name == "app":
                from serving.web.app import create_app

                app = create_app(build("mcp"), build("settings"))
                _settle()
                return app
        raise AttributeError(f"this module has no attribute {name!r}")

    return build


def configure(settings: type[S], argv: Sequence[str] = ()) -> S:
    """Read the settings, then set up the logs, then import FastMCP.

    Raises:
        SettingsError: a setting that cannot be used.
    """
    loaded = read_settings(settings, argv)
    import_fastmcp()
    return loaded


def read_settings(settings: type[S], argv: Sequence[str] = ()) -> S:
    """Read the settings, set up the logs, and mention what nearly is a setting.

    Raises:
        SettingsError: a setting that cannot be used.
    """
    loaded = load_settings(settings, argv)
    configure_logs(loaded)
    for hint in near_misses(settings):
        if "did you mean MCP_AUTH" in hint and loaded.auth == "none":
            raise SettingsError(hint)  # somebody believes this server protected
        log.warning(hint)
    return loaded


@contextmanager
def explain_errors() -> Iterator[None]:
    """End the process with one log line when something keeps it from running; a traceback takes log level debug."""
    try:
        yield
    except StartError as error:
        log.critical(error, exc_info=log.isEnabledFor(logging.DEBUG))
        sys.exit(error.exit_status)
    except Exception as error:
        log.critical("the server failed (MCP_LOG_LEVEL=debug says more)", exc_info=_only(error))
        sys.exit(StartError.exit_status)


def _only(error: Exception) -> Exception:
    """Return the one error that a task group has wrapped, or the error itself."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _leave(*_: object) -> NoReturn:
    leave()  # an exception could end up in a tool's import; and nothing may hold back a server that has stopped
