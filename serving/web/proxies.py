"""Behind a proxy: who the client is and whether it came over TLS, from proxies that are believed and nobody else."""

from starlette.middleware import Middleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from serving.settings import Settings


def believe_proxies(settings: Settings) -> list[Middleware]:
    """Take the client's address from X-Forwarded-For and the scheme from X-Forwarded-Proto of `trusted_proxies`.

    Of several addresses the last one counts that no trusted proxy has: what stands before it, anybody can write.
    """
    if not settings.trusted_proxies:
        return []
    return [Middleware(ProxyHeadersMiddleware, trusted_hosts=list(settings.trusted_proxies))]
