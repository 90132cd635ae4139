"""The Secret mcp-secrets: who may call, and what seals the state of a call in several rounds."""

import base64
import json
import re
import secrets
from collections.abc import Callable
from typing import Any, Final

from k8s.cluster import Cluster, ClusterError

SECRET: Final = "mcp-secrets"  # noqa: S105 (its name)

_MADE: Final[dict[str, Callable[[], str]]] = {
    "tokens": lambda: f"deploy={secrets.token_hex(32)}\n",
    "request-state-keys": lambda: secrets.token_hex(32),
}
"""What is as good when it is random; the rest only its owner knows."""


def wanted(resources: list[dict[str, Any]]) -> set[str]:
    """Return the keys of the Secret that these resources refer to."""
    return set(_keys(resources))


def _keys(node: Any) -> list[str]:
    if isinstance(node, list):
        return [key for each in node for key in _keys(each)]
    if not isinstance(node, dict):
        return []
    if node.get("secretName") == SECRET:
        return [item["key"] for item in node["items"]]
    if node.get("name") == SECRET and "key" in node:
        return [node["key"]]
    return _keys(list(node.values()))


def ensure(cluster: Cluster, keys: set[str]) -> list[str]:
    """Make what is missing in the Secret of what can be random; return the keys that were made. Nothing is replaced.

    Raises:
        ClusterError: something else is missing, or kubectl fails.
    """
    found = _read(cluster)
    missing = sorted(keys - found.get("data", {}).keys())
    if not missing:
        return []
    if foreign := [key for key in missing if key not in _MADE]:
        literals = " ".join(f"--from-literal={key}=..." for key in foreign)
        command = " ".join(cluster.command("create", "secret", "generic", SECRET, literals))
        raise ClusterError(f"the Secret {SECRET} has no {', '.join(foreign)}: {command}")
    secret = found or {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": {"name": SECRET}}
    secret["stringData"] = {key: _MADE[key]() for key in missing}
    # On stdin, and not by `apply`, which would keep a copy in an annotation.
    cluster.kubectl("replace" if found else "create", "--filename", "-", stdin=json.dumps(secret))
    return missing


def read_token(cluster: Cluster) -> str:
    """Return the first token of the Secret; "" where there is none.

    Raises:
        ClusterError: kubectl fails.
    """
    text = base64.b64decode(_read(cluster).get("data", {}).get("tokens", "")).decode()
    for line in text.splitlines():
        if words := re.sub(r"(^|\s)#.*", "", line).split():
            name, _, token = words[0].rstrip(",").partition("=")
            return token or name
    return ""


def _read(cluster: Cluster) -> dict[str, Any]:
    answer = cluster.kubectl("get", "secret", SECRET, "--ignore-not-found", "--output", "json")
    return json.loads(answer) if answer.strip() else {}
