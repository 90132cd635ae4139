"""Behind a proxy: who the client is and whether it came over TLS, from proxies that are believed and nobody else."""

from ipaddress import ip_network

from starlette.middleware import Middleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from serving.errors import SettingsError
from serving.settings import Settings


def believe_proxies(settings: Settings) -> list[Middleware]:
    """Take the client's address from X-Forwarded-For and the scheme from X-Forwarded-Proto of `trusted_proxies`.

    Of several addresses the last one counts that no trusted proxy has: what stands before it, anybody can write.

    Raises:
        SettingsError: an entry that is neither an address nor a network.
    """
    for proxy in settings.trusted_proxies:
        if proxy != "*" and not _is_network(proxy):
            raise SettingsError(f"MCP_TRUSTED_PROXIES={proxy}: expected addresses or networks like 10.0.0.0/8, or *")
    if not settings.trusted_proxies:
        return []
    return [Middleware(ProxyHeadersMiddleware, trusted_hosts=list(settings.trusted_proxies))]


def _is_network(text: str) -> bool:
    try:
        ip_network(text)
    except ValueError:
        return False
    return True
