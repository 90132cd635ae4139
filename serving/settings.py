"""Every knob of the chassis, once: its type, its default and what it means."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


@dataclass(frozen=True)
class AlsoRead:
    """Environment variables that people already use for a setting, after its own `MCP_` name."""

    names: tuple[str, ...]


def _split(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _transport(value: Any) -> Any:
    return {"streamable-http": "http"}.get(_lower(value), _lower(value)) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_split)]


class Settings(BaseModel):
    """One attribute a setting: `port` is `--port`, `MCP_PORT`, and a line in `.env`.

    Another server on this chassis that needs more of them extends the class.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    transport: Annotated[
        Literal["http", "sse", "stdio"], BeforeValidator(_transport), AlsoRead(("FASTMCP_TRANSPORT",))
    ] = Field("http", description="how clients connect (sse is deprecated by the protocol)")
    host: Annotated[str, AlsoRead(("FASTMCP_HOST",))] = Field(
        "127.0.0.1",
        min_length=1,
        description="address to listen on; 0.0.0.0 is every interface (then name the hosts in allowed_hosts)",
    )
    port: Annotated[int, AlsoRead(("FASTMCP_PORT", "PORT"))] = Field(
        8000, ge=0, le=65535, description="port to listen on; 0 picks a free one"
    )
    path: str = Field("/mcp", pattern=r"^(/[\w.~-]+)+$", description="where streamable HTTP answers")
    stateless: bool = Field(
        True, description="handshake-era clients get no session, so that any replica answers any request"
    )
    json_response: bool = Field(
        False,
        description="answer with plain JSON, never a stream: faster for the handshake era, but no progress or logging",
    )
    log_level: Annotated[
        Literal["debug", "info", "warning", "error", "critical"],
        BeforeValidator(_lower),
        AlsoRead(("FASTMCP_LOG_LEVEL", "LOG_LEVEL")),
    ] = Field("info", description="least severe level that is logged")
    log_format: Annotated[Literal["auto", "text", "json"], BeforeValidator(_lower)] = Field(
        "auto", description="auto is text on a terminal and JSON lines elsewhere"
    )
    allowed_hosts: Names = Field(
        (), description="Host names to accept besides loopback, comma-separated; * accepts any"
    )
    allowed_origins: Names = Field(
        (), description="browser origins to accept besides our own, comma-separated; * accepts any"
    )

    @property
    def endpoint(self) -> str:
        """The path at which MCP answers over HTTP."""
        return "/sse" if self.transport == "sse" else self.path
