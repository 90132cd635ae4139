"""The chassis' settings, and those of whoever runs a bundle."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr, StringConstraints

from serving.settings import AlsoRead
from ship.adapter.settings import ChildSettings


class BundleSettings(ChildSettings):
    """What to run, and how far it is trusted; each is also read without the prefix `MCP_`: `BUNDLE_URL`."""

    bundle_url: Annotated[SecretStr, AlsoRead(("BUNDLE_URL",))] = Field(
        SecretStr(""), description="where the bundle is: https://, file:///, or http:// if that is allowed"
    )
    bundle_sha256: Annotated[str, StringConstraints(to_lower=True), AlsoRead(("BUNDLE_SHA256",))] = Field(
        "", pattern=r"^([0-9a-fA-F]{64})?$", examples=["64 hexadecimal digits"], description="the SHA-256 it must have"
    )
    bundle_require_sha256: Annotated[bool, AlsoRead(("BUNDLE_REQUIRE_SHA256",))] = Field(
        False, description="refuse to run a bundle of which no SHA-256 is given"
    )
    bundle_allow_http: Annotated[bool, AlsoRead(("BUNDLE_ALLOW_HTTP",))] = Field(
        False, description="download over http, too, where anybody on the way can put something else in its place"
    )
    bundle_max_bytes: Annotated[int, AlsoRead(("BUNDLE_MAX_BYTES",))] = Field(
        512 * 1024**2, ge=1, le=4 * 1024**3, description="longest bundle that is downloaded"
    )
    bundle_max_unpacked_bytes: Annotated[int, AlsoRead(("BUNDLE_MAX_UNPACKED_BYTES",))] = Field(
        2 * 1024**3, ge=1, le=64 * 1024**3, description="what all its files may take"
    )
    bundle_seconds: Annotated[float, AlsoRead(("BUNDLE_SECONDS",))] = Field(
        300, gt=0, le=86_400, description="how long the download may take, with all that is tried again"
    )
    bundle_start_seconds: Annotated[float, AlsoRead(("BUNDLE_START_SECONDS",))] = Field(
        300, gt=0, le=86_400, description="how long its server may then take to start"
    )
    bundle_dir: Annotated[str, AlsoRead(("BUNDLE_DIR",))] = Field(
        "/tmp/bundle",  # noqa: S108  it must not be there, or be ours
        min_length=1,
        description="folder that it is unpacked to, and that must not be there",
    )
    bundle_serve: Annotated[Literal["auto", "app", "stdio"], AlsoRead(("BUNDLE_SERVE",))] = Field(
        "auto",
        description="app: the ASGI app that it exports; stdio: behind this chassis; auto: its app, if it has one",
    )
