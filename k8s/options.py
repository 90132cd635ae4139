"""What the command lines of the validation and of the rollout test have in common."""

import argparse
import json
import os
from typing import Any

from k8s.cluster import ClusterError
from k8s.names import read_names


def parser_for(program: str, description: str, tool: str) -> argparse.ArgumentParser:
    """Build a parser with the options that say which deployment is asked, and how; `tool` says what --tool is for.

    An identity that cannot be read ends the program with status 2.
    """
    parser = argparse.ArgumentParser(prog=program, description=description.partition("\n")[0])
    try:
        names = read_names()
    except ClusterError as error:
        parser.error(str(error))
    parser.add_argument("--context", default="", help="the kubeconfig's context (default: the current one)")
    parser.add_argument("--namespace", default=names.namespace, help="(default: %(default)s)")
    parser.add_argument("--name", default=names.name, help="of Deployment and Service (default: %(default)s)")
    parser.add_argument("--path", type=_path, default="/mcp", help="where MCP answers (default: %(default)s)")
    token = os.environ.get("MCP_TOKEN", "")
    parser.add_argument("--token", type=_token, default=token, help="better given as MCP_TOKEN")
    parser.add_argument("--tool", default="", help=tool)
    parser.add_argument("--args", type=_json_object, default={}, help="the tool's arguments, as a JSON object")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser


def parse(parser: argparse.ArgumentParser, arguments: list[str] | None) -> argparse.Namespace:
    """Read the arguments, or those of the process; what does not fit ends the program with status 2."""
    options = parser.parse_args(arguments)
    if options.args and not options.tool:
        parser.error("--args was given without --tool: expected both")
    return options


def _json_object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError(f"{text!r}: expected a JSON object")
    return found


def _path(text: str) -> str:
    if not text.startswith("/"):
        raise argparse.ArgumentTypeError(f"{text!r}: expected a path that begins with /")
    return text


def _token(text: str) -> str:
    if not (text.isascii() and text.isprintable() and " " not in text):
        raise argparse.ArgumentTypeError("expected printable ASCII characters without blanks")
    return text
