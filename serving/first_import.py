"""FastMCP's first import, which reads the environment and takes most of the start."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import BaseModel, ValidationError

from serving.errors import SettingsError
from serving.sources import one_line


def import_fastmcp() -> None:
    """Import FastMCP for the first time, with what it reads at import under control.

    It would take `.env` from the working directory, which a desktop client sets to somebody else's project,
    set up logs of its own, and answer a bad `FASTMCP_` variable with a traceback.

    Raises:
        SettingsError: a `FASTMCP_` variable that FastMCP does not understand.
    """
    os.environ.setdefault("FASTMCP_ENV_FILE", os.devnull)
    os.environ["FASTMCP_LOG_ENABLED"] = "false"
    try:
        with _models_built_when_used():
            import fastmcp
            import fastmcp.server.server

        fastmcp.settings.http_host_origin_protection = True  # also for `fastmcp run --transport http`
    except ValidationError as error:
        fault = error.errors()[0]
        key = f"FASTMCP_{fault['loc'][0]}".upper()
        given = one_line(os.environ.get(key, str(fault["input"])))
        expected = fault["msg"].removeprefix("Input should be ")
        raise SettingsError(f"{key}={given}: expected {expected}") from None


@contextmanager
def _models_built_when_used() -> Iterator[None]:
    """Have pydantic build validators for the models that are defined meanwhile when they are first needed.

    FastMCP and the SDK define some five hundred, of which a server needs a tenth: this is a seventh of its start.
    """
    BaseModel.model_config["defer_build"] = True
    try:
        yield
    finally:
        del BaseModel.model_config["defer_build"]
