"""No token, no answer: every path of the app is closed but the few that are named."""

from collections.abc import Collection
from typing import Final, cast

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser, BearerAuthBackend
from starlette.authentication import AuthCredentials, BaseUser, UnauthenticatedUser
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from serving.answers import refusal
from serving.auth.protected_resource import metadata_url
from serving.route_path import route_path
from serving.settings import Settings

RETRY_SECONDS: Final = 30
"""When to come back while tokens cannot be verified."""


class CannotVerifyError(Exception):
    """Whether a token is good cannot be said now; that is our trouble, not the token's."""


class UnverifiedUser(UnauthenticatedUser):
    """Somebody whose token could not be verified, neither for good nor for bad."""


class Bearer(BearerAuthBackend):
    """The SDK's backend, which knows good and bad tokens only, for verifiers that raise CannotVerifyError."""

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        """Return who is calling, or None when the token is missing or bad."""
        try:
            return cast("tuple[AuthCredentials, BaseUser] | None", await super().authenticate(conn))
        except CannotVerifyError:
            return AuthCredentials(), UnverifiedUser()


class RequireToken:
    """ASGI middleware: refuse what comes without a good token that has all of `settings.auth_scopes`.

    It stands inside of FastMCP's authentication, which has verified the token. `open_paths` answer without one, to
    GET and HEAD and when spelled exactly so; a path that nobody has thought of is closed.

    Refused are requests as RFC 6750 wants it: 401 without `error` when no token was sent, 401 `invalid_token`, 403
    `insufficient_scope`. While the keys that verify tokens are out of reach it is 503: on a 401 clients throw their
    good token away and send the user to log in again.
    """

    def __init__(self, app: ASGIApp, settings: Settings, open_paths: Collection[str]) -> None:
        self.app = app
        self.settings = settings
        self.open_paths = frozenset(open_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it; a websocket is refused by closing it."""
        answer: ASGIApp = self.app if self._is_open(scope) else self._refuse(scope) or self.app
        if isinstance(answer, Response) and scope["type"] == "websocket":
            answer = WebSocketClose(1008)
        await answer(scope, receive, send)

    def _is_open(self, scope: Scope) -> bool:
        if scope["type"] == "lifespan":
            return True
        return scope.get("method") in ("GET", "HEAD") and route_path(scope) in self.open_paths

    def _refuse(self, scope: Scope) -> Response | None:
        user = scope.get("user")
        sent = Headers(scope=scope).getlist("authorization")
        if len(sent) > 1:  # the next server down the line might believe another one than we do
            return self._unauthorized(scope, "expected one Authorization header", "invalid_token")
        if isinstance(user, UnverifiedUser):
            message = "tokens cannot be verified at the moment: try again later"
            return refusal(503, "keys_unavailable", message, {"Retry-After": str(RETRY_SECONDS)})
        if not isinstance(user, AuthenticatedUser):
            if any(value.lower().startswith("bearer ") for value in sent):
                return self._unauthorized(scope, "the token is wrong or has expired", "invalid_token")
            return self._unauthorized(scope, "expected a token: Authorization: Bearer ...")
        if not set(self.settings.auth_scopes) <= set(user.scopes):
            message = f"expected a token with the scopes {' '.join(self.settings.auth_scopes)}"
            return refusal(403, "insufficient_scope", message, self._challenge(scope, "insufficient_scope"))
        return None

    def _unauthorized(self, scope: Scope, message: str, error: str = "") -> Response:
        return refusal(401, error or "unauthorized", message, self._challenge(scope, error))

    def _challenge(self, scope: Scope, error: str) -> dict[str, str]:
        parameters = {
            "realm": "mcp",  # RFC 6750 wants at least one parameter
            "error": error,
            "scope": " ".join(self.settings.auth_scopes),
            "resource_metadata": metadata_url(scope, self.settings),
        }
        given = ", ".join(f'{name}="{value}"' for name, value in parameters.items() if value)
        return {"WWW-Authenticate": f"Bearer {given}"}
