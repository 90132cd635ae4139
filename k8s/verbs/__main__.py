"""`python -m k8s.verbs VERB`: what the Makefile's verbs do in a cluster."""

import argparse
import os
import sys
from pathlib import Path
from typing import Final, NoReturn

from k8s.cluster import Cluster, ClusterError
from k8s.names import ROOT, read_names
from k8s.verbs.credentials import read_token
from k8s.verbs.deploy import Deployment, deployed_overlay, of_kind, prepare
from k8s.verbs.kubeconfig import read_kubeconfig
from k8s.verbs.running import Running, read_running
from k8s.verbs.target import check_context, choose


def deploy(deployment: Deployment, options: argparse.Namespace) -> int:
    """From nothing, or from what is there, to validated."""
    deployment.deploy()
    return validate(deployment, options) or _print_next_steps(deployment, options)


def redeploy(deployment: Deployment, options: argparse.Namespace) -> int:
    """A new image and new pods, validated."""
    deployment.redeploy()
    return validate(deployment, options) or _print_next_steps(deployment, options)


def undeploy(deployment: Deployment, _: argparse.Namespace) -> int:
    """Remove all of it."""
    print(deployment.undeploy(), end="")
    return 0


def validate(deployment: Deployment, options: argparse.Namespace) -> int:
    """Run the validation script, with the token that is in the cluster; where there is none, as far as that goes."""
    from k8s.validate import main as run  # FastMCP's client takes its time to import

    running = _running(deployment)
    how = "--unauthenticated" if running.is_protected and not running.token else "--replicas"
    chosen = any(word.startswith(("--token", "--tool", "--unauthenticated")) for word in options.rest)
    return run([*_asking(deployment, running), *([] if chosen else [how]), *options.rest])


def rollout_test(deployment: Deployment, options: argparse.Namespace) -> int:
    """Call all the time, while the pods are replaced."""
    from k8s.rollout.__main__ import main as run

    return run([*_asking(deployment, _running(deployment)), *options.rest])


def logs(deployment: Deployment, options: argparse.Namespace) -> NoReturn:
    """Follow what all pods log."""
    pods = ("--selector", f"app={deployment.names.name}", "--max-log-requests", "20", "--ignore-errors", "--prefix")
    _exec_kubectl("logs", deployment.cluster, *pods, "--follow", "--tail", "100", *options.rest)


def port_forward(deployment: Deployment, options: argparse.Namespace) -> NoReturn:
    """Bring the Service to a port of this machine."""
    print(f"MCP on {_local_url(_running(deployment), options)}, until Ctrl-C", file=sys.stderr, flush=True)
    _exec_kubectl("port-forward", deployment.cluster, f"service/{deployment.names.name}", f"{options.port}:http")


def token(deployment: Deployment, _: argparse.Namespace) -> int:
    """Print a token that may call."""
    found = read_token(deployment.cluster)
    if not found:
        raise ClusterError(f"no static token in {deployment.target.context}: callers need none, or a JWT")
    print(found)
    return 0


VERBS: Final = {
    each.__name__.replace("_", "-"): each
    for each in (deploy, redeploy, undeploy, validate, rollout_test, logs, port_forward, token)
}


def main() -> int:
    """Run a verb; what does not work is one line on stderr and status 1."""
    parser = argparse.ArgumentParser(prog="python -m k8s.verbs", description=__doc__)
    parser.add_argument("verb", choices=VERBS)
    parser.add_argument("--context", default="", help="the kubeconfig's context; else the current one, if it is local")
    parser.add_argument("--cluster", default="", help="minikube or kind: a cluster on this machine, started if need be")
    parser.add_argument("--overlay", default="", help="a folder of k8s/overlays/; else the one that is deployed there")
    parser.add_argument("--registry", default="", help="where a cluster elsewhere fetches images, like ghcr.io/me")
    parser.add_argument("--port", default="8000", help="what port-forward opens here")
    parser.add_argument(
        "rest", nargs=argparse.REMAINDER, help="passed on to the validation, the rollout test or the logs"
    )
    options = parser.parse_args()
    options.rest = [word for word in options.rest if word != "--"]
    try:
        return VERBS[options.verb](_deployment(options), options)
    except ClusterError as error:
        print(f"{options.verb}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _deployment(options: argparse.Namespace) -> Deployment:
    names = read_names()
    kubeconfig = read_kubeconfig()
    target = choose(options.context, options.cluster, kubeconfig)
    if options.overlay:
        _overlay(options.overlay)
    if options.verb != "deploy" or not target.can_be_started:
        check_context(target, kubeconfig)
    if options.verb in ("deploy", "redeploy"):
        prepare(target)
    # What is there stays what it is: not every `make redeploy` repeats OVERLAY=.
    remembered = options.overlay or deployed_overlay(Cluster(target.context, names.namespace), names)
    return Deployment(target, names, _overlay(remembered or target.overlay), options.registry)


def _overlay(name: str) -> Path:
    overlay = ROOT / "k8s" / "overlays" / name
    if "/" in name or not (overlay / "kustomization.yaml").is_file():
        raise ClusterError(f"OVERLAY={name}: expected the name of a folder in k8s/overlays/")
    return overlay


def _running(deployment: Deployment) -> Running:
    return read_running(deployment.cluster, deployment.names.name)


def _asking(deployment: Deployment, running: Running) -> list[str]:
    """Build the arguments with which the deployment is asked something."""
    where = ["--context", deployment.target.context, "--namespace", deployment.namespace]
    # An empty token, too: MCP_TOKEN is not for a server that asks for none.
    return [*where, "--name", deployment.names.name, "--path", running.path, f"--token={running.token}"]


def _exec_kubectl(verb: str, cluster: Cluster, *arguments: str) -> NoReturn:
    command = cluster.command(verb, *arguments)
    os.execvp(command[0], command)  # noqa: S606


def _local_url(running: Running, options: argparse.Namespace) -> str:
    return f"http://127.0.0.1:{options.port}{running.path}"


def _print_next_steps(deployment: Deployment, options: argparse.Namespace) -> int:
    """Say where it answers, and what a client needs."""
    names, context, running = deployment.names, deployment.target.context, _running(deployment)
    url = _local_url(running, options)
    named = "" if context == read_kubeconfig().current else f" CONTEXT={context}"
    bearer = f"$(make token{named})" if running.secret_token else "$MCP_TOKEN"
    secret = f' --header "Authorization: Bearer {bearer}"' if running.token else ""
    lines = [
        f"\n{names.name} runs in {context}.",
        f"  in the cluster   http://{names.name}.{deployment.namespace}.svc{running.path}",
        f"  on this machine  make port-forward{named}, then {url}",
        f"  a client         claude mcp add --transport http {names.name} {url}{secret}",
    ]
    if of_kind(deployment.resources, "NetworkPolicy"):
        lines.insert(2, "                   for pods and namespaces that are labelled mcp-access=true")
    print("\n".join(lines), file=sys.stderr if "--json" in options.rest else sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
