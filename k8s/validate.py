"""The validation script: does a deployment in a cluster, or any MCP server at a URL, do what it should?

`python k8s/validate.py` asks the Deployment of k8s/identity through kubectl; with `--url` it asks what answers there.
Exit status: 0 when no check has failed, 1 when one has, 2 for options that do not fit.
"""

import argparse
import asyncio
import logging
import os
import re
import sys
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # so that this file can be run by its path

_LACKS = "validate.py: this Python has no %s: run `make validate`, or .venv/bin/python k8s/validate.py"

try:
    import httpx2

    from k8s.cluster import Cluster, ClusterError
    from k8s.options import parse, parser_for
    from k8s.terminal import clean_up_when_ended
    from k8s.validation.live import Live
    from k8s.validation.replicas import go_round
    from k8s.validation.report import Report, in_a_line
    from k8s.validation.routes import Routes
    from k8s.validation.server import Server
except ModuleNotFoundError as error:
    sys.exit(_LACKS % error.name)


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
        if options.replicas and len(live.pods) < 2:
            report.skip("any replica answers", "there is a single pod" if live.pods else "there are no pods")
        elif options.replicas:
            with ExitStack() as stack:
                servers = {}
                for name, port in live.addresses():
                    servers[name] = _server(options, stack.enter_context(cluster.forward(f"pod/{name}", port)))
                await go_round(report, servers)
    except ClusterError as error:
        report.fail("what the server answers", str(error))


async def _ask(report: Report, server: Server) -> None:
    async with httpx2.AsyncClient(timeout=server.timeout) as client:
        routes = Routes(server, client)
        if not await report.ask("MCP answers", routes.answers):
            report.skip("everything else", "nothing answers there")
            return
        if server.tool:
            report.skip("probes, page and REST", "with --tool only what every MCP server has is asked for")
        else:
            await report.ask_all(routes.questions())
    if server.unauthenticated:
        report.skip("lists and calls", "no token was given (--token or MCP_TOKEN)")
        return
    from k8s.validation.protocol import HANDSHAKE_ERA, MODERN_ERA, converse  # FastMCP takes a second or two

    for era in (MODERN_ERA, HANDSHAKE_ERA):
        await converse(report, server, era, routes.counts)


def _server(options: argparse.Namespace, url: str) -> Server:
    tool = (options.tool, options.args) if options.tool else None
    return Server.at(url, options.path, options.token, options.timeout, tool, options.unauthenticated)


def main(arguments: list[str] | None = None) -> int:
    """Run it from the command line."""
    options = _options(arguments)
    logging.disable()  # a library's remark on an error that is a check's finding
    clean_up_when_ended()
    for name in ("NO_PROXY", "no_proxy"):  # a forwarded port is on this machine, and the token stays there
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), "127.0.0.1", "localhost", "::1")))
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    target = " ".join(options.url) or f"{options.name} in {options.context or 'the current context'}"
    report = Report(None if options.json else sys.stdout, options.token, 3 * options.timeout)
    try:
        asyncio.run(validate(options, report))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except ModuleNotFoundError as error:
        sys.exit(_LACKS % error.name)
    except Exception as error:  # of this machine: a proxy, certificates
        report.fail("the validation itself", in_a_line(error))
    if options.json:
        print(report.as_json(target))
    else:
        report.close(target)
    return 1 if report.count("failed") else 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    tool = "call this one, and expect nothing but MCP: for any other server"
    parser = parser_for("validate.py", __doc__ or "", tool)
    parser.add_argument("--url", type=_url, action="append", default=[], help="ask this instead; may be repeated")
    parser.add_argument("--replicas", action="store_true", help="show that any replica, or URL, answers any request")
    parser.add_argument("--unauthenticated", action="store_true", help="expect that calls are refused")
    parser.add_argument("--timeout", type=_seconds, default=10, help="seconds for an answer (default: %(default)s)")
    options = parse(parser, arguments)
    if len(options.url) > 1 and not options.replicas:
        parser.error("--url was given several times: expected --replicas with it, or one URL")
    if options.unauthenticated and (options.token or options.tool or options.replicas):
        parser.error("--unauthenticated was given with --token, --tool or --replicas, which call: expected one of them")
    return options


def _url(text: str) -> str:
    try:
        httpx2.URL(text)
        if re.fullmatch(r"https?://[^/?#@\s]+(/[^?#\s]*)?", text):
            return text
    except httpx2.InvalidURL:
        pass
    raise argparse.ArgumentTypeError(f"{text!r}: expected http://HOST[:PORT][/PATH] or https://...")


def _seconds(text: str) -> float:
    try:
        if (found := float(text)) > 0:
            return found
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r}: expected seconds, more than 0")


if __name__ == "__main__":
    sys.exit(main())
