"""What the guest has declared. A function of AWS Lambda is one server, so there is one of each."""

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ship.aws_lambda.boot.contract.calls import Handler

if TYPE_CHECKING:
    from ship.aws_lambda.boot.contract.server import SimpleServer

log: Final = logging.getLogger("ship.aws_lambda")


@dataclass(frozen=True)
class OAuthHandlers:
    """The guest's way to tokens: each function gets the event's `oauthInput`."""

    get_authorization_url: Handler
    handle_callback: Handler
    get_auth_form: Handler | None = None
    refresh_access_token: Handler | None = None


@dataclass(frozen=True)
class CallbackHandlers:
    """What handles the events of a callback, and how they come: by themselves, to an installed hook, or by polling."""

    handle: Handler
    install: Handler | None = None
    poll: Handler | None = None


@dataclass
class Registry:
    """What has been declared so far."""

    server: "SimpleServer | None" = None
    oauth: OAuthHandlers | None = None
    callbacks: CallbackHandlers | None = None
    named: dict[str, Handler] = field(default_factory=dict)

    @property
    def in_use(self) -> bool:
        """Whether the guest has declared anything: else nothing of its is for the platform to invoke."""
        return bool(self.server or self.oauth or self.callbacks or self.named)

    def take_server(self, server: "SimpleServer") -> None:
        """Make it the current one: the last one wins."""
        if self.server:
            log.warning("a second server was created: %r takes the place of %r", server.name, self.server.name)
        self.server = server

    def clear(self) -> None:
        """Forget everything."""
        self.server = self.oauth = self.callbacks = None
        self.named.clear()


registry: Final = Registry()


def current_server() -> "SimpleServer | None":
    """Return the server that was created last, or None when the guest has created none."""
    return registry.server
