"""The chassis' settings, those of whatever has children, and those of an adapter."""

from pydantic import Field, SecretStr

from serving.errors import StartError
from serving.settings import Names, Settings


class ChildSettings(Settings):
    """How many children run, and what they may see."""

    child_env: Names = Field(
        (), description="variables that it may see, comma-separated, besides MCP_CHILD_ENV_X=value, which it sees as X"
    )
    children: int = Field(
        1, ge=1, le=64, description="how many of it run; more than one only if it keeps nothing between calls"
    )
    session_children: int = Field(
        0, ge=0, le=1000, description="how many sessions may have one of their own (needs stateless=false)"
    )


class AdapterSettings(ChildSettings):
    """What to run; `ship.adapter.contract` reads and checks the first five together."""

    runtime: str = Field("", description="npm, python or custom: what package or command is; found out when not set")
    package: str = Field(
        "", description="npm or PyPI package to run, with a version if you like: NAME@1.2.3, NAME==1.2.3"
    )
    command: str = Field("", description="command to run instead of a package (custom)")
    args: SecretStr = Field(SecretStr(""), description="arguments for it, quoted as for a shell")
    cwd: str = Field("", description="folder to run it in")
    install_dir: str = Field("~/.cache/mcp-adapter", description="where packages are installed")


def refuse_unused_children(settings: ChildSettings) -> None:
    """See that who wants children for sessions has sessions.

    Raises:
        StartError: there are none.
    """
    if settings.session_children and settings.stateless:
        count = settings.session_children
        raise StartError(
            f"MCP_SESSION_CHILDREN={count}: expected MCP_STATELESS=false, without which there are no sessions"
        )
