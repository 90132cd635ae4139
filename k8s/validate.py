"""The validation script: does a deployment in a cluster, or any MCP server at a URL, do what it should?

`python k8s/validate.py` asks the Deployment of k8s/identity through kubectl; with `--url` it asks what answers there.
Exit status: 0 when no check has failed, 1 when one has, 2 for options that do not fit.
"""

import argparse
import asyncio
import json
import logging
import os
import re
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # so that this file can be run by its path

import httpx2

from k8s.cluster import Cluster, ClusterError, read_names
from k8s.validation.live import Live
from k8s.validation.protocol import HANDSHAKE, MODERN, converse
from k8s.validation.replicas import go_round
from k8s.validation.report import Report
from k8s.validation.routes import Routes
from k8s.validation.server import Server, endpoint


async def validate(options: argparse.Namespace, report: Report) -> None:
    """Make all checks that the options ask for."""
    if options.url:
        servers = {url: _server(options, url) for url in options.url}
        await _ask(report, next(iter(servers.values())))
        if options.replicas:
            await go_round(report, servers)
    else:
        await _ask_cluster(report, options)


async def _ask_cluster(report: Report, options: argparse.Namespace) -> None:
    cluster = Cluster(options.context, options.namespace)
    live = Live(cluster, options.name)
    await report.ask_all(live.questions())
    try:
        with cluster.forward(f"service/{options.name}", live.port()) as url:
            await _ask(report, _server(options, url))
        if options.replicas:
            with ExitStack() as stack:
                urls = {
                    pod["metadata"]["name"]: stack.enter_context(
                        cluster.forward(f"pod/{pod['metadata']['name']}", live.container_port(pod))
                    )
                    for pod in live.pods
                }
                await go_round(report, {name: _server(options, url) for name, url in urls.items()})
    except ClusterError as error:
        report.fail("what the server answers", str(error))


async def _ask(report: Report, server: Server) -> None:
    async with httpx2.AsyncClient(timeout=server.timeout) as client:
        routes = Routes(server, client)
        if not await report.ask(f"{server.url} answers", routes.answers):
            report.skip("everything else", "nothing answers")
            return
        if server.tool:
            report.skip("probes, page and REST", "with --tool only what every MCP server has is asked for")
        else:
            await report.ask_all(routes.questions())
    for era in (MODERN, HANDSHAKE):
        await converse(report, server, era, routes.counts)


def _server(options: argparse.Namespace, url: str) -> Server:
    tool = (options.tool, options.args) if options.tool else None
    return Server(endpoint(url, options.path), options.token, options.timeout, tool)


def main() -> int:
    """Run it from the command line."""
    options = _options()
    logging.disable()  # a library's remark on an error that is a check's finding
    target = " ".join(options.url) or f"{options.name} in {options.context or 'the current context'}"
    report = Report(None if options.json else sys.stdout)
    try:
        asyncio.run(validate(options, report))
    except KeyboardInterrupt:
        return 130
    if options.json:
        print(report.as_json(target))
    else:
        report.close(target)
    return 1 if report.count("failed") else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="validate.py", description=(__doc__ or "").partition("\n")[0])
    try:
        names = read_names()
    except ClusterError as error:
        parser.error(str(error))
    parser.add_argument("--url", type=_url, action="append", default=[], help="ask this and no cluster; once a replica")
    parser.add_argument("--context", default="", help="the kubeconfig's context (default: the current one)")
    parser.add_argument("--namespace", default=names.namespace, help="(default: %(default)s)")
    parser.add_argument("--name", default=names.name, help="of Deployment and Service (default: %(default)s)")
    parser.add_argument("--path", default="/mcp", help="where MCP answers (default: %(default)s)")
    parser.add_argument("--token", default=os.environ.get("MCP_TOKEN", ""), help="better given as MCP_TOKEN")
    parser.add_argument("--tool", default="", help="call this one, and expect nothing but MCP: for any other server")
    parser.add_argument("--args", type=_object, default={}, help="its arguments, as a JSON object")
    parser.add_argument("--replicas", action="store_true", help="show that any replica answers any request")
    parser.add_argument("--timeout", type=_seconds, default=10, help="seconds for an answer (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    options = parser.parse_args()
    if len(options.url) > 1 and not options.replicas:
        parser.error("--url was given several times: expected --replicas with it, or one URL")
    if options.args and not options.tool:
        parser.error("--args was given without --tool: expected both")
    return options


def _url(text: str) -> str:
    if not re.fullmatch(r"https?://[^/?#\s]+(/[^?#\s]*)?", text):
        raise argparse.ArgumentTypeError(f"{text!r}: expected http://HOST[:PORT][/PATH] or https://...")
    return text


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError(f"{text!r}: expected a JSON object")
    return found


def _seconds(text: str) -> float:
    try:
        if (found := float(text)) > 0:
            return found
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r}: expected seconds, more than 0")


if __name__ == "__main__":
    sys.exit(main())
