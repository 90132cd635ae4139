"""The guest's functions, called: sync ones in a thread, so that a slow one stops nobody else."""

import inspect
import json
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import anyio.to_thread

Handler: TypeAlias = Callable[..., Any]
"""A function of the guest's, sync or async."""


async def call(handler: Handler, *arguments: Any) -> Any:
    """Return what the guest's function returns, or what it is awaited for.

    Raises:
        Exception: whatever the function raises.
    """
    try:
        if inspect.iscoroutinefunction(handler):
            return await handler(*arguments)
        answer = await anyio.to_thread.run_sync(partial(handler, *arguments), abandon_on_cancel=True)
        return await answer if inspect.isawaitable(answer) else answer
    except (SystemExit, KeyboardInterrupt) as error:  # else it would take the function along
        raise RuntimeError("a handler has ended the process") from error


async def call_for_json(handler: Handler, *arguments: Any) -> Any:
    """Return what the guest's function answers, as JSON has it.

    Raises:
        TypeError: it is not of JSON.
        ValueError: a number in it is not of JSON.
        Exception: whatever the function raises.
    """
    return json.loads(json.dumps(await call(handler, *arguments), allow_nan=False))


def checked(handler: Any, name: str) -> Handler:
    """Return a handler that is a function.

    Raises:
        TypeError: it is something else; the message has its name.
    """
    if not callable(handler):
        raise TypeError(f"{name}: expected a function")
    return handler  # type: ignore[no-any-return]
