"""What packages are called: the names and versions that npm and pip may be handed, and what a misspelt one may mean."""

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Final, Literal, TypeAlias

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from serving.errors import StartError

Runtime: TypeAlias = Literal["npm", "python"]

RUNTIMES: Final[tuple[Runtime, ...]] = ("npm", "python")
REGISTRY: Final = {"npm": "npm", "python": "PyPI"}
MISSES: Final = 3
"""How many names or versions are offered instead of one that is not there."""
ALIKE: Final = 0.66
"""From which ratio two names are alike; git and gitlab just are."""
SDKS: Final = {
    "npm": {"@modelcontextprotocol/sdk", "@modelcontextprotocol/server", "fastmcp", "mcp-framework", "tmcp"},
    "python": {"mcp", "fastmcp", "fastmcp-slim"},
}
"""What an MCP server depends on."""
_OFFICIAL: Final = (
    "brave-search everything filesystem gdrive github gitlab google-maps memory postgres puppeteer redis "
    "sequential-thinking slack"
)
WELL_KNOWN: Final = {
    "npm": (
        *(f"@modelcontextprotocol/server-{name}" for name in _OFFICIAL.split()),
        *("@playwright/mcp", "chrome-devtools-mcp", "@upstash/context7-mcp", "@supabase/mcp-server-supabase"),
        *("@notionhq/notion-mcp-server", "@azure/mcp", "@azure-devops/mcp", "mongodb-mcp-server", "@stripe/mcp"),
        *("tavily-mcp", "firecrawl-mcp", "@sentry/mcp-server", "figma-developer-mcp", "mcp-remote", "n8n-mcp"),
        *("@eslint/mcp", "@hubspot/mcp-server", "@apify/actors-mcp-server", "@brave/brave-search-mcp-server"),
    ),
    "python": (
        *("mcp-server-fetch", "mcp-server-git", "mcp-server-time", "mcp-server-sqlite", "mcp-server-sentry"),
        *("mcp-server-qdrant", "mcp-server-duckdb", "mcp-server-motherduck", "mcp-atlassian", "mcp-proxy"),
        *("awslabs-aws-documentation-mcp-server", "awslabs-aws-api-mcp-server", "excel-mcp-server", "chroma-mcp"),
        *("arxiv-mcp-server", "mcp-clickhouse", "mcp-grafana", "markitdown-mcp", "duckduckgo-mcp-server"),
        *("postgres-mcp", "mysql-mcp-server", "opensearch-mcp-server-py", "workspace-mcp", "dbt-mcp"),
    ),
}
"""What a misspelt name may have meant. Only these are offered: a guess that exists may be a squatter's."""

_FORMS: Final = {
    "": "a name on npm or PyPI, with a version if you like (NAME@1.2.3, NAME==1.2.3)",
    "npm": "an npm package: name, @scope/name, name@1.2.3, name@^1.2 or name@latest",
    "python": "a PyPI package: name, name==1.2.3, name[extra]>=1, name@1.2.3 or name@latest",
}
_LONGEST: Final = 250
_LONGEST_ON_NPM: Final = 214
_NPM: Final = re.compile(
    r"(?P<name>(@[a-z0-9][a-z0-9._-]*/)?[a-z0-9]([a-z0-9._-]*[a-z0-9])?)"
    r"(@(?P<version>([~^]|[<>]=?)?[A-Za-z0-9*][\w.+*-]*))?",
    re.ASCII,
)
_PART: Final = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_BOUND: Final = r"(?:~=|[=!<>]=|[<>])[\w.*+!-]+"
_PYPI: Final = re.compile(
    rf"(?P<name>{_PART})(?P<extras>\[{_PART}(?:,{_PART})*\])?"
    rf"(?:@(?P<at>latest|[0-9][\w.+!-]*)|(?P<bounds>{_BOUND}(?:,{_BOUND})*))?",
    re.ASCII,
)
_ARCHIVE: Final = re.compile(r".*\.(tgz|tar|tar\.\w+|whl|zip|tbz|txz)", re.IGNORECASE)
"""What npm and pip take for a file, even where there is none."""


@dataclass(frozen=True)
class Package:
    """A package as somebody typed it; `runtime` is where its syntax belongs, None if to either.

    npm is told the `text`, and pip the `requirement`, which is empty if PyPI has no names or versions of that form.
    """

    text: str
    name: str
    version: str | None
    runtime: Runtime | None
    requirement: str


def parse(package: str, runtime: str = "") -> Package:
    """Take apart `NAME`, `@scope/NAME`, `NAME@1.2.3`, `NAME==1.2.3`, `NAME[extra]>=1`; never what names a place.

    Sources: npm's rules for names of new packages, PEP 508 without URLs and markers, and uvx's `NAME@VERSION`.

    Raises:
        StartError: it is something else, or no name of that runtime.
    """
    if runtime not in ("", *RUNTIMES):
        raise StartError(f"MCP_RUNTIME={shown(runtime)}: expected npm or python")
    fitting = [one for one in (_on_npm(package), _on_pypi(package)) if one] if len(package) <= _LONGEST else []
    if not fitting:
        raise StartError(f"MCP_PACKAGE={shown(package)}: expected {_FORMS[runtime]}{_or_rather(package)}")
    if runtime and all(one.runtime != runtime for one in fitting):
        raise StartError(f"MCP_PACKAGE={shown(package)}: expected {_FORMS[runtime]}, as MCP_RUNTIME={runtime} says")
    return fitting[0] if len(fitting) == 1 else replace(fitting[-1], runtime=None)  # the last has the requirement


def _on_npm(text: str) -> Package | None:
    found = _NPM.fullmatch(text)
    if not found or _is_file(text, found["name"]) or len(found["name"]) > _LONGEST_ON_NPM:
        return None
    return Package(text, found["name"], found["version"], "npm", "")


def _on_pypi(text: str) -> Package | None:
    found = _PYPI.fullmatch(text)
    if not found or _is_file(text, found["name"]):
        return None
    at = found["at"] if found["at"] != "latest" else None
    bounds = f"=={at}" if at else found["bounds"] or ""
    with suppress(InvalidRequirement):  # a version that is none in PEP 440
        requirement = Requirement(f"{found['name']}{found['extras'] or ''}{bounds}")
        version = found["at"] or (bounds if "," in bounds else bounds.removeprefix("==")) or None
        return Package(text, found["name"], version, "python", str(requirement))
    return None


def _is_file(text: str, name: str) -> bool:
    return any(map(_ARCHIVE.fullmatch, (text, name)))


def resembling(name: str) -> list[tuple[Runtime, str]]:
    """Return the well-known servers with nearly that name, the nearest first."""
    core, full = _core(name), name.lower()
    scored = [
        (SequenceMatcher(None, core, _core(known)).ratio(), SequenceMatcher(None, full, known).ratio(), place, known)
        for place in RUNTIMES
        for known in WELL_KNOWN[place]
        if known != name
    ]
    alike = [(place, known) for ratio, _, place, known in sorted(scored, reverse=True) if ratio >= ALIKE]
    return alike[:MISSES]


def registry_command(package: str, runtime: Runtime) -> list[str]:
    """Return what a person types to start a package of a registry over stdio."""
    if runtime == "npm":
        return ["npx", "-y", package]
    asked = parse(package, runtime)
    if re.fullmatch(r"[\w.-]+(@[\w.-]+)?", package):
        return ["uvx", package]
    if package == f"{asked.name}=={asked.version}" and re.fullmatch(r"[\w.+!]+", asked.version or ""):
        return ["uvx", f"{asked.name}@{asked.version}"]
    return ["uvx", "--from", asked.requirement if "@" in package else package, asked.name]


def requirement_names(requirements: Iterable[str]) -> set[str]:
    """Return what PEP 508 requirements name, normalised; what is none, and what only an extra needs, is left out."""
    names = set()
    for text in requirements:
        with suppress(InvalidRequirement):
            found = Requirement(text)
            if not (found.marker and "extra ==" in str(found.marker)):
                names.add(str(canonicalize_name(found.name)))
    return names


def shown(text: str) -> str:
    """Return what somebody typed as one short line without credentials."""
    line = one_line(text)
    return line if len(line) <= 100 else f"{line[:100]}..."


def one_line(text: str) -> str:
    """Take user and password out of the URLs in a text, and replace what does not print."""
    printable = "".join(character if character.isprintable() else "?" for character in text)
    return re.sub(r"//[^/\s]*@", "//", printable)


def _or_rather(package: str) -> str:
    if "/" not in package or ":" in package or len(package) > _LONGEST:
        return ""
    return "".join(f"; did you mean {name}?" for _, name in resembling(package)[:1])


def _core(name: str) -> str:
    """Return what tells servers apart: `memory` of @modelcontextprotocol/server-memory, memory_mcp and so on."""
    scope, _, own = name.lower().rpartition("/")
    words = re.split(r"[-_.]+", own)
    return "-".join(word for word in words if word not in ("mcp", "server")) or scope.strip("@") or own
