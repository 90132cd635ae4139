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
        return [item["key"] for item in node.get("items", [])]
    if node.get("name") == SECRET and "key" in node:
        return [node["key"]]
    return _keys(list(node.values()))


def ensure(cluster: Cluster, keys: set[str]) -> list[str]:
    """Make what is missing in the Secret of what can be random; return the keys that were made. Nothing is replaced.

    Raises:
        ClusterError: something else is missing, or kubectl fails.
    """
    found = cluster.find("secret", SECRET)
    missing = sorted(keys - found.get("data", {}).keys())
    if not missing:
        return []
    if foreign := [key for key in missing if key not in _MADE]:
        command = _to_add(cluster, foreign, exists=bool(found))
        raise ClusterError(f"the Secret {SECRET} has no {', '.join(foreign)}: {command}")
    secret = found or {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": {"name": SECRET}}
    secret["stringData"] = {key: _MADE[key]() for key in missing}
    # On stdin, and not by `apply`, which would keep a copy in an annotation.
    cluster.kubectl("replace" if found else "create", "--filename", "-", stdin=json.dumps(secret))
    return missing


def _to_add(cluster: Cluster, keys: list[str], exists: bool) -> str:
    """Return the command that adds these keys."""
    if exists:
        values = json.dumps({"stringData": dict.fromkeys(keys, "...")})
        words = ["patch", "secret", SECRET, "--patch", f"'{values}'"]
    else:
        words = ["create", "secret", "generic", SECRET, *(f"--from-literal={key}=..." for key in keys)]
    return " ".join(cluster.command(*words))


def read_token(cluster: Cluster) -> str:
    """Return the first token of the Secret, as the server reads it (serving/auth/tokens.py); "" where there is none.

    Raises:
        ClusterError: kubectl fails.
    """
    content = base64.b64decode(cluster.find("secret", SECRET).get("data", {}).get("tokens", ""))
    for line in content.decode("utf-8-sig", "replace").split("\n"):
        for words in re.sub(r"(^|\s)#.*", "", line.strip()).split(","):
            if first := words.split()[:1]:
                _, _, token = first[0].partition("=")
                return token if token.strip("=") else first[0]
    return ""
