"""What a refused HTTP request gets: `{"error": {"code", "message", "request_id"}}`, whoever refuses it."""

from collections.abc import Mapping

from starlette.responses import JSONResponse

from serving.request_id import current_request_id


def refusal(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Build the answer; `code` is a word for programs, `message` a sentence for people, free of argument values."""
    error = {"code": code, "message": message, "request_id": current_request_id()}
    return JSONResponse({"error": error}, status_code=status, headers=headers)
