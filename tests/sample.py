"""The small server of the chassis' own tests: what the protocol can do, and nothing of `tools/`."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections import defaultdict
from typing import TYPE_CHECKING

import anyio

from serving.run import run
from serving.settings import Settings

if TYPE_CHECKING:
    from fastmcp import FastMCP

_FORM = {"type": "object", "properties": {"value": {"type": "string"}}, "required": ["value"]}
_LOUD = "import sys, os; print('from a child'); sys.stdout.flush(); os.write(1, b'raw from a child')"

hanging: defaultdict[str, list[str]] = defaultdict(list)
"""What happened inside each call of `hang`, for a test to see from outside."""


def create_server(settings: Settings) -> "FastMCP":
    print("printed while tools are imported")  # noqa: T201
    from fastmcp import Context, FastMCP
    from fastmcp.exceptions import PromptError, ToolError
    from fastmcp.server.auth import require_scopes
    from mcp_types import CompletionArgument, ElicitRequest, ElicitRequestFormParams, ElicitResult, InputRequiredResult

    from serving.chassis import chassis

    mcp = FastMCP("sample", version="1.2.3", **chassis(settings))

    @mcp.tool
    def echo(message: str) -> str:
        return f"Echo: {message}"

    @mcp.tool
    async def steps(count: int, ctx: Context) -> str:
        for step in range(1, count + 1):
            await ctx.report_progress(step, count)
            await ctx.info(f"step {step}")
        return "done"

    @mcp.tool
    async def hang(key: str) -> None:
        hanging[key].append("started")
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            hanging[key].append("cancelled")
            raise

    @mcp.tool
    def block(seconds: float) -> None:
        time.sleep(seconds)

    @mcp.tool
    async def pause(seconds: float) -> str:
        await anyio.sleep(seconds)
        return "done"

    @mcp.tool(timeout=20)
    async def patient(seconds: float) -> str:
        return await pause(seconds)

    @mcp.tool(timeout=0.1)
    async def impatient(seconds: float) -> str:
        return await pause(seconds)

    meeting = threading.Barrier(50, timeout=20)

    @mcp.tool
    def meet() -> str:
        """Wait in a thread until fifty calls do."""
        meeting.wait()
        return "all here"

    @mcp.tool
    async def relay(message: str, ctx: Context) -> str:
        result = await ctx.fastmcp.call_tool("echo", {"message": message})
        return result.content[0].text

    @mcp.tool
    def seen(key: str) -> list[str]:
        return hanging[key]

    @mcp.tool
    async def ask(ctx: Context) -> str:
        """Ask the user in the handshake era, where the server may call the client."""
        answer = await ctx.elicit("What is your name?", str)
        return f"{answer.action} {getattr(answer, 'data', '')}"

    @mcp.tool
    def ask_in_rounds(ctx: Context) -> str | InputRequiredResult:
        """Ask the user in 2026-07-28, where the client repeats the call with the answer."""
        if ctx.input_responses is None:
            form = ElicitRequestFormParams(message="What is your name?", requested_schema=_FORM)
            return InputRequiredResult(input_requests={"name": ElicitRequest(params=form)}, request_state="round 1")
        answer = ctx.input_responses["name"]
        assert isinstance(answer, ElicitResult)
        return f"{answer.action} {(answer.content or {}).get('value')} after {ctx.request_state}"

    @mcp.tool
    def heavy(size: int) -> str:
        return "x" * size

    @mcp.tool
    def odd_result() -> str:
        """Answer with the name of a file as Linux can have it."""
        return "caf\udce9"

    @mcp.tool
    def odd_error() -> None:
        raise ToolError("no file caf\udce9")

    @mcp.tool
    async def odd_notice(ctx: Context) -> str:
        await ctx.info("caf\udce9")
        return "done"

    @mcp.tool(auth=require_scopes("sample"))
    def guarded() -> str:
        return "let in"

    @mcp.prompt(auth=require_scopes("sample"))
    def guarded_prompt(name: str) -> str:
        return name

    @mcp.resource("guarded://{name}", auth=require_scopes("sample"))
    def guarded_resource(name: str) -> str:
        return name

    @mcp.tool
    def refuse() -> None:
        raise ToolError("not today") from ValueError("an upstream error")

    @mcp.tool
    def fail(secret: str) -> None:
        raise RuntimeError(f"broken by {secret}")

    @mcp.tool
    async def leave(how: str) -> None:
        raise {"exit": SystemExit("bye"), "interrupt": KeyboardInterrupt(), "cancel": asyncio.CancelledError()}[how]

    @mcp.prompt
    def broken_prompt(secret: str) -> str:
        raise RuntimeError(f"broken by {secret}")

    @mcp.prompt
    def refusing_prompt() -> str:
        raise PromptError("no such topic") from ValueError("an upstream error")

    @mcp.prompt
    def leaving_prompt() -> str:
        sys.exit(1)

    @mcp.resource("sample://leave")
    async def leaving_resource() -> str:
        raise asyncio.CancelledError

    @mcp.tool
    def be_loud() -> str:
        print("printed in a tool")  # noqa: T201
        os.write(1, b"raw in a tool\n")
        subprocess.run([sys.executable, "-c", _LOUD], check=True)
        return f"read {sys.stdin.read()!r}"

    @mcp.resource("sample://data")
    def data() -> str:
        return "data"

    @mcp.resource("sample://{name}/data")
    def named_data(name: str) -> str:
        return f"data of {name}"

    @mcp.resource("sample://odd")
    def odd_text() -> str:
        return "caf\udce9"

    @mcp.resource("sample://heavy")
    def heavy_bytes() -> bytes:
        return bytes(1000)

    @mcp.prompt
    def odd_prompt() -> str:
        return "caf\udce9"

    @mcp.resource("sample://slow")
    async def slow() -> str:
        return await pause(600)

    @mcp.prompt
    async def slow_prompt() -> str:
        return await pause(600)

    @mcp.prompt
    def describe(thing: str) -> str:
        return f"Describe {thing}"

    @mcp.completion
    def complete(_: object, argument: CompletionArgument, __: object) -> list[str]:
        return [thing for thing in ("apple", "pear") if thing.startswith(argument.value)]

    return mcp


if __name__ == "__main__":
    run(create_server)
