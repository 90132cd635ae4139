"""FastMCP's first import, which reads the environment and takes most of the start."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from threading import Lock
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

from serving.errors import SettingsError
from serving.sources import one_line

_ONE_AT_A_TIME: Final = Lock()
"""A second thread would take for pydantic's own what the first has put in its place, and put that back."""


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
        with _ONE_AT_A_TIME, _models_built_when_used():
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

    FastMCP and the SDK define some five hundred, of which a server needs a tenth: this is a seventh of its start. Their
    type adapters would still build what they are of; most are a client's, of all that a server could answer: 3.6 MB.
    Pydantic has its option for both (`defer_build`), but lets only those who make an adapter choose it.
    """
    build = TypeAdapter.__init__

    @wraps(build)
    def build_when_used(self: Any, *args: Any, config: Any = None, _parent_depth: int = 2, **given: Any) -> None:
        given["_parent_depth"] = _parent_depth + 1  # which frame names in the type are looked up in: not this one
        try:
            build(self, *args, config=ConfigDict(defer_build=True) if config is None else config, **given)
        except PydanticUserError:
            build(self, *args, config=config, **given)  # a single model, whose own option counts

    BaseModel.model_config["defer_build"] = True
    TypeAdapter.__init__ = build_when_used  # type: ignore[method-assign]
    try:
        yield
    finally:
        TypeAdapter.__init__ = build  # type: ignore[method-assign]
        del BaseModel.model_config["defer_build"]
