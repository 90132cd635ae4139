"""The path of a request as our routes know it."""

from starlette.types import Scope


def route_path(scope: Scope) -> str:
    """Return the path that the routes are compared with, which an outer server or app may have prefixed."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path[len(root) :] if path.startswith(f"{root}/") else path
