"""`make server-json`: describe this server for the MCP registry, in a server.json of the schema 2025-12-11.

What the registry would refuse is refused here, because it looks only when image and release are out. Its rules are in
docs/modelcontextprotocol-io/package-types.mdx and in internal/validators of github.com/modelcontextprotocol/registry.
"""

import argparse
import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any, Final

import yaml

from serving.identity import ROOT, Identity, read_identity

SCHEMA: Final = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
LONGEST_DESCRIPTION: Final = 100
"""Characters."""

_NAME: Final = re.compile(r"(?=.{3,200}$)[a-zA-Z0-9][a-zA-Z0-9.-]*[a-zA-Z0-9]/[a-zA-Z0-9][a-zA-Z0-9._-]*[a-zA-Z0-9]")
_IMAGE: Final = re.compile(
    r"[a-zA-Z0-9.-]+(:[0-9]+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+"
    r"((:(?!latest(@|$))\w[\w.-]{0,127})(@sha256:[0-9a-f]{64})?|@sha256:[0-9a-f]{64})",
    re.ASCII,
)
_BUNDLE_URL: Final = re.compile(
    r"https://(www\.)?(github\.com/[\w-]+/[\w.-]+/releases/download/[^/\s?#{}]+/[^/\s?#{}]+"
    r"|gitlab\.com(/[\w.-]+)+/-/(releases/[^/\s?#{}]+/downloads/[^/\s?#{}]+|package_files/\d+/download))",
    re.ASCII,
)
_REPOSITORY: Final = re.compile(
    r"https://(www\.)?((?P<github>github)\.com/[\w.-]+|gitlab\.com(/[\w.-]+)+)/[\w.-]+/?", re.ASCII
)
_URL: Final = re.compile(
    r"https://(?!([\w.-]+\.)?localhost[:/]|127\.0\.0\.1[:/])[a-zA-Z0-9.-]+(:\d+)?(/[\w.~%-]+)+/?", re.ASCII
)


class RegistryError(Exception):
    """What the registry would refuse, in one line."""


def describe(identity: Identity, options: argparse.Namespace) -> dict[str, Any]:
    """Return the server.json of a server with this identity.

    Raises:
        RegistryError: the registry would not take it, or nothing says how the server is had.
    """
    packages = []
    if image := options.image or image_of_the_cluster():
        packages.append(_describe_image(image))
    if options.bundle or options.bundle_url:
        packages.append(_describe_bundle(options.bundle, options.bundle_url))
    remotes = [_describe_remote(options.url)] if options.url else []
    if not packages and not remotes:
        raise RegistryError(
            "nothing says how the server is had: expected REGISTRY=ghcr.io/me, BUNDLE= with BUNDLE_URL=, or "
            "URL=https://mcp.example.com/mcp"
        )
    found = {
        "$schema": SCHEMA,
        "name": _check_name(options.name, identity.name),
        "title": identity.name,
        "description": _check_description(identity.description),
        "repository": _describe_repository(options.repository) if options.repository else None,
        "version": _check_version(identity.version),
        "packages": packages,
        "remotes": remotes,
    }
    return {key: value for key, value in found.items() if value}


def image_of_the_cluster(root: Path = ROOT) -> str:
    """Return the image of k8s/identity; "" if that names no registry, or k8s/ has been deleted.

    Raises:
        RegistryError: the identity is not as it was.
    """
    file = root / "k8s" / "identity" / "kustomization.yaml"
    if not file.is_file():
        return ""
    try:
        image = yaml.safe_load(file.read_text(encoding="utf-8"))["images"][0]
        name, tag = str(image["newName"]), image["newTag"]
    except (yaml.YAMLError, LookupError, TypeError):
        raise RegistryError(f"{file}: expected images with newName and newTag") from None
    return f"{name}:{tag}" if _has_registry(name) else ""


def _has_registry(image: str) -> bool:
    first, slash, _ = image.partition("/")
    return bool(slash) and ("." in first or ":" in first)


def _check_name(name: str, project: str) -> str:
    namespace, _, rest = name.partition("/")
    if not _NAME.fullmatch(name) or rest != project or "OWNER" in namespace.split("."):
        raise RegistryError(
            f"name {name!r}: expected NAMESPACE/{project} with a namespace of yours, such as io.github.me, in the "
            "README's line mcp-name or as MCP_NAME="
        )
    return name


def _check_description(text: str) -> str:
    if not 1 <= len(text) <= LONGEST_DESCRIPTION:
        raise RegistryError(
            f"description of pyproject.toml: expected 1 to {LONGEST_DESCRIPTION} characters, but it has {len(text)}"
        )
    return text


def _check_version(version: str) -> str:
    if not re.fullmatch(r"\d[\w.+!-]*", version) or "x" in re.split(r"[.+-]", version.lower()):
        raise RegistryError(f"version {version!r} of pyproject.toml: expected a specific one, such as 1.2.3")
    return version


def _describe_repository(url: str) -> dict[str, str]:
    if not (found := _REPOSITORY.fullmatch(url)):
        raise RegistryError(f"repository {url!r}: expected https://github.com/OWNER/REPOSITORY, or one at gitlab.com")
    return {"url": url, "source": found["github"] or "gitlab"}


def _describe_image(image: str) -> dict[str, Any]:
    # Which registries the official one looks into is its own list, and grows; others have a registry of their own.
    if not _has_registry(image) or not _IMAGE.fullmatch(image):
        raise RegistryError(
            f"image {image!r}: expected REGISTRY/NAME with a tag other than latest, or with a digest, in lower case"
        )
    over_stdio = {"type": "named", "name": "--transport", "value": "stdio"}  # the image serves HTTP if nobody asks
    return {
        "registryType": "oci",
        "identifier": image,
        "transport": {"type": "stdio"},
        "packageArguments": [over_stdio],
    }


def _describe_bundle(file: str, url: str) -> dict[str, Any]:
    if not (file and url):
        raise RegistryError(f"bundle {file!r} at {url!r}: expected both, or neither")
    if not _BUNDLE_URL.fullmatch(url) or "mcp" not in url.lower():
        raise RegistryError(
            f"bundle URL {url!r}: expected a file of a release, with mcp in its address, as in "
            "https://github.com/OWNER/REPOSITORY/releases/download/TAG/FILE.mcpb, or one at gitlab.com"
        )
    try:
        digest = hashlib.sha256(Path(file).read_bytes()).hexdigest()
    except OSError as error:
        raise RegistryError(f"bundle {file!r}: expected a file that can be read ({error.strerror})") from None
    return {"registryType": "mcpb", "identifier": url, "fileSha256": digest, "transport": {"type": "stdio"}}


def _describe_remote(url: str) -> dict[str, str]:
    if not _URL.fullmatch(url):
        raise RegistryError(f"URL {url!r}: expected where anybody reaches MCP, such as https://mcp.example.com/mcp")
    return {"type": "streamable-http", "url": url}


def main(arguments: list[str] | None = None) -> int:
    """Run it from the command line; return 2 for what the registry would refuse."""
    parser = argparse.ArgumentParser(prog="server-json", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--name", default="", help="NAMESPACE/NAME, such as io.github.me/weather")
    parser.add_argument("--repository", default="", help="the sources' URL")
    parser.add_argument(
        "--image", default="", help="REGISTRY/NAME:TAG (default: that of k8s/identity, with a registry)"
    )
    parser.add_argument("--bundle", default="", help="an .mcpb file")
    parser.add_argument("--bundle-url", default="", help="where that can be downloaded")
    parser.add_argument("--url", default="", help="where MCP answers, such as https://mcp.example.com/mcp")
    parser.add_argument("--output", type=Path, required=True, help="the file to write")
    options = parser.parse_args(arguments)
    try:
        document = describe(read_identity(), options)
    except RegistryError as error:
        print(f"server-json: {error}", file=sys.stderr)
        return 2
    options.output.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
