"""What a caller is told when something fails: what was meant for him, and of a bug only its kind."""

import logging
from typing import Final

log: Final = logging.getLogger("ship.aws_lambda")


class PublicError(Exception):
    """Raised by a handler to refuse: its message goes to the caller, where that of any other exception does not."""


class InputError(PublicError):
    """An event that does not fit; the message names the field and what was expected there."""


def public_message(error: Exception, what: str) -> str:
    """Return what the caller is told of an exception; log it, as a failure of `what`, if it was not meant for him."""
    if isinstance(error, PublicError):
        return str(error)
    log.error("%s failed", what, exc_info=error)
    return f"the handler failed ({type(error).__name__})"
