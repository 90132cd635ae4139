"""What a refused HTTP request gets: `{"error": {"code", "message", "request_id"}}`, whoever refuses it."""

import logging
import time
from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import JSONResponse

from serving.metrics import record_refusal
from serving.request_id import current_request_id

log: Final = logging.getLogger("serving.answers")

SILENT_SECONDS: Final = 1.0
"""How long a code is only counted, once it was logged: nobody shall fill the log from outside."""
_logged: Final[dict[str, float]] = {}


def refusal(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Build the answer; `code` is a word for programs, `message` a sentence for people, free of argument values."""
    body = {"error": {"code": code, "message": message, "request_id": current_request_id()}}
    return refuse_with(status, code, body, headers)


def refuse_with(status: int, code: str, body: Any, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Build an answer of another shape; like every refusal it is counted, and logged unless it comes in floods."""
    record_refusal(code)
    now = time.monotonic()
    if now - _logged.get(code, -SILENT_SECONDS) >= SILENT_SECONDS:
        _logged[code] = now
        log.info("a request is refused", extra={"status": status, "code": code})
    return JSONResponse(body, status_code=status, headers=headers)
