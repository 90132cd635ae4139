"""OAuth for the guest's server: its own functions, or a provider that is declared, and the platform's questions."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Final, overload

from ship.aws_lambda.boot.contract.calls import Handler, call_for_json, checked
from ship.aws_lambda.boot.contract.errors import PublicError
from ship.aws_lambda.boot.contract.fields import read_choice, read_object
from ship.aws_lambda.boot.contract.provider import ClientAuth, Provider
from ship.aws_lambda.boot.contract.registry import OAuthHandlers, registry


def set_oauth_handler(
    get_authorization_url: Handler,
    handle_callback: Handler,
    get_auth_form: Handler | None = None,
    refresh_access_token: Handler | None = None,
) -> None:
    """Take the functions that lead to tokens; each gets the event's `oauthInput`.

    Raises:
        TypeError: one of them is no function.
    """
    registry.oauth = OAuthHandlers(
        checked(get_authorization_url, "get_authorization_url"),
        checked(handle_callback, "handle_callback"),
        get_auth_form and checked(get_auth_form, "get_auth_form"),
        refresh_access_token and checked(refresh_access_token, "refresh_access_token"),
    )


@overload
def oauth(
    *,
    get_authorization_url: Handler,
    handle_callback: Handler,
    get_auth_form: Handler | None = None,
    refresh_access_token: Handler | None = None,
) -> None: ...
@overload
def oauth(
    *,
    authorization_url: str,
    token_url: str,
    client_id: str | None = None,
    client_id_env: str | None = None,
    client_secret_env: str | None = None,
    scopes: Sequence[str] = (),
    parameters: Mapping[str, str] | None = None,
    client_auth: ClientAuth = "basic",
    get_auth_form: Handler | None = None,
) -> None: ...
def oauth(**options: Any) -> None:
    """Say how users of this server get their tokens: by functions of its own, or by the two URLs of a provider.

    With URLs, the authorization code comes with PKCE (S256, RFC 7636), is exchanged at `token_url` (RFC 6749 4.1.3)
    and refreshed there (section 6). The secret is the value of the environment variable `client_secret_env`; a client
    without one is public. What is not configured here comes from the event (`clientId`, `clientSecret`).

    Raises:
        TypeError: arguments are missing, or of both kinds; or a handler is no function.
        ValueError: a URL is not https (or http of a loopback host), or a parameter is one that is set here.
    """
    if "authorization_url" not in options and "token_url" not in options:
        set_oauth_handler(**options)
        return
    form = options.pop("get_auth_form", None)
    provider = Provider(**options)
    set_oauth_handler(provider.authorization, provider.exchange, form, provider.refresh)


async def answer_oauth(event: Mapping[str, Any], _ask: object) -> dict[str, Any]:
    """Answer what the platform wants to know of OAuth, or have done.

    Raises:
        PublicError: the event does not fit, or the server does not do that.
        Exception: whatever a function of the guest's raises.
    """
    return {"oauth": await read_choice(event, "oauthAction", _ACTIONS)(event)}


async def _get(_: Mapping[str, Any]) -> dict[str, Any]:
    return {"enabled": bool(registry.oauth), "hasForm": bool(registry.oauth and registry.oauth.get_auth_form)}


async def _authorization_url(event: Mapping[str, Any]) -> dict[str, Any]:
    found = await call_for_json(_handlers().get_authorization_url, _input(event))
    if isinstance(found, str):
        return {"authorizationUrl": found, "codeVerifier": ""}
    if not isinstance(found, dict) or not isinstance(found.get("authorizationUrl"), str):
        raise PublicError("get_authorization_url: expected it to return a string, or a dict with authorizationUrl")
    verifier = found.get("codeVerifier")
    return {"authorizationUrl": found["authorizationUrl"], "codeVerifier": verifier if verifier is not None else ""}


async def _form(event: Mapping[str, Any]) -> dict[str, Any]:
    handler = _handlers().get_auth_form
    if not handler:
        return {"authForm": None}
    wanted = [event.get("oauthInput") or {}] if inspect.signature(handler).parameters else []
    return {"authForm": await call_for_json(handler, *wanted)}


async def _callback(event: Mapping[str, Any]) -> dict[str, Any]:
    return {"authData": await call_for_json(_handlers().handle_callback, _input(event))}


async def _refresh(event: Mapping[str, Any]) -> dict[str, Any]:
    handler = _handlers().refresh_access_token
    if not handler:
        raise PublicError("this server does not refresh tokens")
    return {"authData": await call_for_json(handler, _input(event))}


def _handlers() -> OAuthHandlers:
    if not registry.oauth:
        raise PublicError("this server has no OAuth")
    return registry.oauth


def _input(event: Mapping[str, Any]) -> dict[str, Any]:
    return read_object(event, "oauthInput")


_ACTIONS: Final = {
    "get": _get,
    "authorization-url": _authorization_url,
    "authorization-form": _form,
    "callback": _callback,
    "refresh": _refresh,
}
