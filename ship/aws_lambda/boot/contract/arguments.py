"""The arguments that an event brings for the server as a whole: whose account it is, and the like."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

_CURRENT: Final[ContextVar[dict[str, Any] | None]] = ContextVar("args", default=None)


def get_args() -> dict[str, Any]:
    """Return the arguments of the event that is being answered; none when it brought none, or there is no event."""
    return dict(_CURRENT.get() or {})


@contextmanager
def using_args(args: Mapping[str, Any]) -> Iterator[None]:
    """Let `get_args` return these meanwhile, here and in what is started here."""
    token = _CURRENT.set(dict(args))
    try:
        yield
    finally:
        _CURRENT.reset(token)
