"""FastMCP middleware that is asked about calls only, and costs nothing else anything."""

from typing import Any, ClassVar, Final, TypeAlias

from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext

Call: TypeAlias = MiddlewareContext[Any]
Next: TypeAlias = CallNext[Any, Any]

_HOOKS: Final = {
    "tools/call": "on_call_tool",
    "resources/read": "on_read_resource",
    "prompts/get": "on_get_prompt",
    "completion/complete": "on_complete",
}


class CallMiddleware(Middleware):
    """Runs the hooks that a subclass has, for calls that are well-formed.

    FastMCP's own dispatch asks every middleware three times about each message, and in 2026-07-28 there are two
    messages a call: that took a fifth of a call's time. `on_complete` is a hook that FastMCP has not.
    """

    _hooks: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls) -> None:
        cls._hooks = {
            method: getattr(cls, name)
            for method, name in _HOOKS.items()
            if getattr(cls, name, None) is not getattr(Middleware, name, None)
        }

    async def __call__(self, context: Call, call_next: Next) -> Any:
        """Run the hook for this call, if there is one."""
        method = context.method or ""
        hook = self._hooks.get(method)
        # What FastMCP hands on as a dict has been refused before, but for completions, which are never anything else.
        if hook is None or (isinstance(context.message, dict) and method != "completion/complete"):
            return await call_next(context)
        return await hook(self, context, call_next)
