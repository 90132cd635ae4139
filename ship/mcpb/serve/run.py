"""BUNDLE_URL -> archive -> folder -> server: from an address to something that answers."""

import difflib
import logging
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final, NoReturn

from serving.errors import SettingsError
from serving.first_import import import_fastmcp
from serving.run import explain_errors, read_settings
from serving.stop import leave
from serving.web.listener import base_url, listen
from ship.adapter.children.environment import hide_environment
from ship.adapter.settings import refuse_unused_children
from ship.archive.address import check
from ship.mcpb.errors import BundleError
from ship.mcpb.load.config import fill_in
from ship.mcpb.load.loaded import loaded, source_of
from ship.mcpb.load.manifest import CHASSIS, Bundle
from ship.mcpb.serve.app import AppProcess
from ship.mcpb.serve.entry import module_of_app
from ship.mcpb.serve.environment import base_python, environment_of_app
from ship.mcpb.serve.front import Front
from ship.mcpb.serve.stdio import program_of, start_of
from ship.mcpb.settings import BundleSettings

log: Final = logging.getLogger("ship.mcpb")

_STOPPING: Final = (signal.SIGINT, signal.SIGTERM)


def run(argv: Sequence[str], environ: Mapping[str, str] = os.environ) -> None:
    """Run the bundle that the settings name until it is stopped.

    Ends the process with 2 on a value that does not fit its setting and with 1 on all else that keeps the bundle from
    running, each with one line on stderr; with 0 on SIGINT and SIGTERM.
    """
    for number in _STOPPING:
        signal.signal(number, _leave)
    status: int | str | None = 0
    try:
        with explain_errors():
            settings = read_settings(BundleSettings, argv)
            _check_names(environ)
            _check(settings)
            hide_environment()
            listener = listen(settings.host, settings.port)
            with Front(listener) as front, loaded(settings, front.say) as bundle:
                front.say("the bundle's server starts")
                if not _run_app(bundle, settings, listener, front, environ):
                    _run_stdio(bundle, settings, listener, front, environ)
    except SystemExit as ended:
        status = ended.code
    with suppress(OSError):  # nobody reads it any more
        sys.stdout.flush()
    leave(status if isinstance(status, int) else 0)  # a thread that asks for a name would hold us back


def _leave(*_: object) -> NoReturn:
    for number in _STOPPING:
        signal.signal(number, signal.SIG_IGN)  # what is cleaned up now is cleaned up to its end
    raise SystemExit(0)


def _check_names(environ: Mapping[str, str]) -> None:
    """Refuse what nearly is a setting: somebody believes the bundle verified. Others have `BUNDLE_` names, too."""
    known = [name.upper() for name in BundleSettings.model_fields if name.startswith("bundle_")]
    for variable in environ:
        name = variable.removeprefix("MCP_")
        if name.startswith("BUNDLE_") and name not in known:
            for meant in difflib.get_close_matches(name, known, n=1, cutoff=0.85):
                raise SettingsError(f"{variable} is not a setting: did you mean {meant}?")


def _check(settings: BundleSettings) -> None:
    source = source_of(settings)
    if not source.url:
        raise BundleError("BUNDLE_URL is not set: expected where the bundle is, https://... or file:///...")
    check(source)
    if settings.bundle_require_sha256 and not settings.bundle_sha256:
        raise BundleError("BUNDLE_SHA256 is not set: expected one, because of BUNDLE_REQUIRE_SHA256=true")
    if settings.transport == "stdio":
        raise SettingsError("MCP_TRANSPORT=stdio: expected http or sse; over stdio, a client starts a bundle itself")
    refuse_unused_children(settings)


def _run_app(
    bundle: Bundle, settings: BundleSettings, listener: socket.socket, front: Front, environ: Mapping[str, str]
) -> bool:
    """Run the bundle's own app, until it is stopped; False if it has none, or none that may be used."""
    module = _module(bundle, settings)
    if not module:
        return False
    log.info("Starting the bundle's app: %s (%s)", bundle.called, module)
    env = environment_of_app(bundle, fill_in(bundle, start_of(bundle), environ).env, environ)
    process = AppProcess(bundle, settings)

    def announce() -> None:
        front.stop()
        base, path = base_url(listener), settings.path
        listener.close()
        log.info("MCP on %s%s, or the bundle's own path, probes on %s/health and %s/ready", base, path, base, base)

    try:
        if process.start([base_python(), "-S", "-P", "-B"], module, env, listener):
            process.serve(delay=0 if CHASSIS in bundle.manifest.meta else settings.drain_delay, announce=announce)
            return True
    finally:
        process.end()
    _see_that_it_need_not(settings)
    return False


def _module(bundle: Bundle, settings: BundleSettings) -> str | None:
    if settings.bundle_serve == "stdio":
        return None
    module = module_of_app(bundle)
    if module and settings.auth != "none" and CHASSIS not in bundle.manifest.meta:
        log.info("MCP_AUTH=%s: the bundle's own app would not ask for it, so it is not used", settings.auth)
        module = None
    if not module:
        _see_that_it_need_not(settings)
    return module


def _see_that_it_need_not(settings: BundleSettings) -> None:
    if settings.bundle_serve == "app":
        raise BundleError("BUNDLE_SERVE=app: expected a bundle with an ASGI app that fits the other settings")


def _run_stdio(
    bundle: Bundle, settings: BundleSettings, listener: socket.socket, front: Front, environ: Mapping[str, str]
) -> None:
    """Run the bundle's stdio server behind this chassis, until it is stopped."""
    program = program_of(bundle, settings, environ)
    log.info("Starting the bundle's stdio server: %s (%s)", bundle.called, bundle.manifest.server.type)
    import_fastmcp()
    from serving.web.server import serve
    from ship.adapter.server import create_adapter

    serve(lambda: create_adapter(settings, program), settings, listener, front.stop)
