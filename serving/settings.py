"""Every knob of the chassis, once: its type, its default and what it means."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr


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


def _without_slash(value: Any) -> Any:
    return value.removesuffix("/") if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_split)]


class Settings(BaseModel):
    """One attribute a setting: `port` is `--port`, `MCP_PORT`, and a line in `.env`.

    Another server on this chassis that needs more of them extends the class.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    transport: Annotated[
        Literal["http", "sse", "stdio"], BeforeValidator(_transport), AlsoRead(("FASTMCP_TRANSPORT",))
    ] = Field("http", description="http, sse (deprecated by the protocol) or stdio")
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
        description="answer with JSON always, never with a stream: no progress or logging, no signs of life",
    )
    log_level: Annotated[
        Literal["debug", "info", "warning", "error", "critical"],
        BeforeValidator(_lower),
        AlsoRead(("FASTMCP_LOG_LEVEL", "LOG_LEVEL")),
    ] = Field("info", description="debug, info, warning, error or critical: what is logged, and worse")
    log_format: Annotated[Literal["auto", "text", "json"], BeforeValidator(_lower)] = Field(
        "auto", description="text, json, or auto: text on a terminal and JSON lines elsewhere"
    )
    public_url: Annotated[str, BeforeValidator(_without_slash)] = Field(
        "",
        pattern=r"^(https?://[^\s/?#@]+)?$",
        examples=["https://mcp.example.com"],
        description="where clients reach this server, when that is not where it listens; its host is then allowed",
    )
    allowed_hosts: Names = Field(
        (), description="Host names to accept besides loopback, comma-separated; * accepts any"
    )
    allowed_origins: Names = Field(
        (), description="browser origins to accept besides our own, comma-separated; * accepts any"
    )
    trusted_proxies: Names = Field(
        (), description="addresses or networks whose X-Forwarded-For and X-Forwarded-Proto are believed; * believes any"
    )
    auth: Annotated[Literal["none", "token", "jwt"], BeforeValidator(_lower)] = Field(
        "none",
        description="who may call; none: anybody; token: who has one of auth_tokens; jwt: of auth_issuer",
    )
    auth_tokens: SecretStr = Field(
        SecretStr(""), description="comma-separated: TOKEN or NAME=TOKEN, then its scopes after blanks"
    )
    auth_tokens_file: str = Field(
        "", description="file with the same, one a line (a mounted Secret); read again when it changes"
    )
    auth_key: str = Field("", description="what JWTs are verified with: a JWKS URL, or a PEM public key or its file")
    auth_algorithm: Literal[
        "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA"
    ] = Field("RS256", description="the one that is accepted: RS, PS or ES with 256, 384 or 512, Ed25519 or EdDSA")
    auth_issuer: str = Field("", description="the iss that a JWT must have: the URL of the authorization server")
    auth_audience: str = Field("", description="the aud that a JWT must have: what this server is called there")
    auth_scopes: Names = Field((), description="scopes that every token must have, comma-separated")
    max_body_bytes: int = Field(1024**2, ge=1, le=1024**3, description="longest message that is read; above: 413")
    max_result_bytes: int = Field(4 * 1024**2, ge=1, le=1024**3, description="heaviest answer that a tool may give")
    max_concurrency: int = Field(
        256, ge=1, le=10_000, description="calls at a time, in each process; above: 503 or an error"
    )
    call_seconds: float = Field(30, gt=0, le=86_400, description="how long a call may take; a tool's own timeout wins")
    rate_limit: int = Field(
        0, ge=0, le=1_000_000, description="calls a minute for each client in each process; 0 is no limit"
    )
    strict_input: bool = Field(False, description='refuse arguments that only fit after conversion, like "1" for 1')
    drain_delay: float = Field(0, ge=0, le=3600, description="seconds between unready and closing, still serving")
    drain_seconds: float = Field(30, ge=0, le=3600, description="seconds that running calls then get to finish")
    rest: bool = Field(True, description="the REST API and /openapi.json")
    page: bool = Field(True, description="the page at /")
    metrics_port: int = Field(
        0, ge=0, le=65535, description="another port for /metrics, without authentication; 0 is the same port, with it"
    )
    request_state_keys: SecretStr = Field(
        SecretStr(""),
        description="keys that seal multi-round state, comma-separated, the first seals; replicas must share them",
    )

    @property
    def endpoint(self) -> str:
        """The path at which MCP answers over HTTP."""
        return "/sse" if self.transport == "sse" else self.path
