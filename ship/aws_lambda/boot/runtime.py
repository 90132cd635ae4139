"""An ASGI app as a Lambda function: an event comes in, is a request, and its answer goes out in one piece."""

import asyncio
import gc
import json
import logging
from typing import TYPE_CHECKING, Any, Final, cast

from mangum import Mangum
from mangum.protocols import LifespanCycle

from ship.aws_lambda.boot.ask import ask
from ship.aws_lambda.boot.contract.actions import act, is_action
from ship.aws_lambda.boot.contract.registry import registry
from ship.aws_lambda.boot.events import Context, Event, Scope, complete, is_alb, is_http, without_stage
from ship.aws_lambda.boot.exchange import Exchange
from ship.aws_lambda.boot.last_words import WriteLogsFirst, write_logs
from ship.aws_lambda.boot.start import Served

if TYPE_CHECKING:
    from mangum.types import ASGI, LambdaContext

log: Final = logging.getLogger("ship.aws_lambda")

MOST_BYTES: Final = 6 * 1024**2
"""The longest answer that Lambda passes on, in bytes of its JSON."""
MOST_BYTES_OF_ALB: Final = 1024**2
"""The longest one that a load balancer takes."""
RESERVE_SECONDS: Final = 0.5
"""What is kept of a function's time, to say that it has run out."""
FAILED: Final = "the app failed (MCP_LOG_LEVEL=debug says more)"
HOSTS_ARE_NOT_NAMED: Final = "behind a load balancer, MCP_ALLOWED_HOSTS has to name the hosts that are answered"
_ENDS: Final = (SystemExit, KeyboardInterrupt, asyncio.CancelledError)
"""What an app may raise to end more than the answer to one event, and does not."""
TIME_IS_OVER: Final = "the answer takes longer than the function may"
_UNREADABLE: Final = (KeyError, TypeError, ValueError, AttributeError, RuntimeError)


class _TimeIsOverError(Exception):
    """The function may take no longer."""


class Function:
    """An app that starts once, when this is made, and answers one event after the other."""

    def __init__(self, served: Served) -> None:
        self._served, self._app = served, cast("ASGI", WriteLogsFirst(served.app))
        self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)
        self._kinds = Mangum(self._app, lifespan="off")
        self._lifespan = LifespanCycle(self._app, "auto")
        self._lifespan.__enter__()  # and never out of it: Lambda says nothing when it ends a process
        gc.freeze()  # what the start has made stays

    def __call__(self, event: Event, context: Context) -> dict[str, Any]:
        """Return the answer to an event of a function URL, an API gateway or a load balancer.

        It is always one: what goes wrong is logged, and answered as the chassis answers, without what went wrong.
        """
        if is_action(event) and registry.in_use:
            return self._loop.run_until_complete(self._act(event, context))
        if not is_http(event):
            return _refused(400, "bad_request", "expected an event that is an HTTP request", event, context)
        if is_alb(event) and not self._served.named_hosts:
            # Whatever Host a client sends gets through a load balancer, also through one in a private network.
            return _refused(421, "misdirected_request", HOSTS_ARE_NOT_NAMED, event, context)
        try:
            kind = self._kinds.infer(without_stage(event), cast("LambdaContext", context))
            scope, body = complete(dict(kind.scope), event, context), kind.body
        except _UNREADABLE:
            log.warning("an event is refused that is no HTTP request of a kind that is known")
            return _refused(400, "bad_request", "expected a request that can be read", event, context)
        try:
            result = kind(self._loop.run_until_complete(self._answer(scope, body, context)).response())
        except _TimeIsOverError:
            log.warning(TIME_IS_OVER)
            return _refused(504, "timeout", TIME_IS_OVER, event, context)
        except (Exception, *_ENDS):
            log.exception(FAILED)
            return _refused(500, "internal_error", "the server failed", event, context)
        most = MOST_BYTES_OF_ALB if is_alb(event) else MOST_BYTES
        if len(result["body"]) > most // 8 and len(json.dumps(result)) > most:
            log.error("an answer is longer than what is passed on", extra={"most_bytes": most})
            return _refused(500, "answer_too_long", f"the answer is longer than {most} bytes", event, context)
        return result

    async def _answer(self, scope: Scope, body: bytes, context: Context) -> Exchange:
        answer = Exchange(body)
        try:
            async with _time_of(context) as time:
                await self._app(scope, answer.receive, answer.send)
        except (Exception, *_ENDS):
            if time.expired() and not answer.is_there:
                raise _TimeIsOverError from None
            if not answer.is_there:
                raise
        if not answer.is_there:
            raise RuntimeError("the app has not answered")
        return answer

    async def _act(self, event: Event, context: Context) -> dict[str, Any]:
        served = self._served

        async def asked(message: dict[str, Any]) -> dict[str, Any] | None:
            return await ask(served.app, served.settings.endpoint, served.settings.auth_scopes, message)

        try:
            async with _time_of(context):
                answer = await act(event, asked)
                write_logs()
                return answer
        except TimeoutError:
            log.warning(TIME_IS_OVER)
            return {"success": False, "error": {"code": "timeout", "message": TIME_IS_OVER}}


def _time_of(context: Context) -> asyncio.Timeout:
    return asyncio.timeout(max(context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS, 0))


def _refused(status: int, code: str, message: str, event: Event, context: Context) -> dict[str, Any]:
    """Build an answer that the sender of an event takes, whatever it is."""
    error = {"error": {"code": code, "message": message, "request_id": context.aws_request_id}}
    answer = {"statusCode": status, "body": json.dumps(error), "isBase64Encoded": False}
    if isinstance(event, dict) and "multiValueHeaders" in event:  # then a load balancer looks nowhere else
        return {**answer, "multiValueHeaders": {"content-type": ["application/json"]}}
    return {**answer, "headers": {"content-type": "application/json"}}
