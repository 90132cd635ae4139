"""`python -m k8s VERB`: what the Makefile's verbs do in a cluster."""

import argparse
import os
import subprocess
import sys
from typing import Any, Final, NoReturn

from k8s.cluster import Cluster, ClusterError, current_context, read_names
from k8s.credentials import read_token
from k8s.deploy import Deployment
from k8s.image import ROOT
from k8s.target import choose


def deploy(deployment: Deployment, options: argparse.Namespace) -> int:
    """From nothing, or from what is there, to validated."""
    deployment.deploy()
    return validate(deployment, options) or _tell(deployment, options)


def redeploy(deployment: Deployment, options: argparse.Namespace) -> int:
    """A new image and new pods, validated."""
    deployment.redeploy()
    return validate(deployment, options) or _tell(deployment, options)


def undeploy(deployment: Deployment, _: argparse.Namespace) -> int:
    """Remove all of it."""
    print(deployment.undeploy(), end="")
    return 0


def validate(deployment: Deployment, options: argparse.Namespace) -> int:
    """Run the validation script, with the token that is in the cluster."""
    return _run("k8s.validate", deployment, "--replicas", "--path", _endpoint(deployment.resources()), *options.rest)


def rollout_test(deployment: Deployment, options: argparse.Namespace) -> int:
    """Call all the time, while the pods are replaced."""
    return _run("k8s.rollout", deployment, *options.rest)


def logs(deployment: Deployment, options: argparse.Namespace) -> NoReturn:
    """Follow what all pods log."""
    pods = ("--selector", f"app={deployment.names.name}", "--max-log-requests", "20", "--prefix")
    _become("logs", deployment.cluster, *pods, "--follow", "--tail", "100", *options.rest)


def port_forward(deployment: Deployment, options: argparse.Namespace) -> NoReturn:
    """Bring the Service to a port of this machine."""
    print(f"MCP on {_here(deployment, options)}, until Ctrl-C", file=sys.stderr, flush=True)
    _become("port-forward", deployment.cluster, f"service/{deployment.names.name}", f"{options.port}:http")


def token(deployment: Deployment, _: argparse.Namespace) -> int:
    """Print a token that may call."""
    found = read_token(deployment.cluster)
    if not found:
        raise ClusterError(f"there is no token in {deployment.target.context}: anybody may call, or has a JWT")
    print(found)
    return 0


VERBS: Final = {
    each.__name__.replace("_", "-"): each
    for each in (deploy, redeploy, undeploy, validate, rollout_test, logs, port_forward, token)
}


def main() -> int:
    """Run a verb; what does not work is one line on stderr and status 1."""
    parser = argparse.ArgumentParser(prog="python -m k8s", description=__doc__)
    parser.add_argument("verb", choices=VERBS)
    parser.add_argument("--context", default="", help="the kubeconfig's context; else the current one, if it is local")
    parser.add_argument("--cluster", default="", help="minikube or kind: a cluster on this machine, started if need be")
    parser.add_argument("--overlay", default="", help="a folder of k8s/overlays/; minikube here, production elsewhere")
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
    target = choose(options.context, options.cluster, current_context())
    overlay = ROOT / "k8s" / "overlays" / (options.overlay or target.overlay)
    if not (overlay / "kustomization.yaml").is_file():
        raise ClusterError(f"OVERLAY={options.overlay}: expected the name of a folder in k8s/overlays/")
    return Deployment(target, read_names(), overlay, options.registry)


def _run(module: str, deployment: Deployment, *arguments: str) -> int:
    """Run a program of this folder on the deployment; its token is not for everybody to see in a list of processes."""
    where = ("--context", deployment.target.context)
    environment = os.environ | {"MCP_TOKEN": os.environ.get("MCP_TOKEN") or read_token(deployment.cluster)}
    return subprocess.run([sys.executable, "-m", module, *where, *arguments], env=environment, check=False).returncode


def _become(verb: str, cluster: Cluster, *arguments: str) -> NoReturn:
    command = cluster.command(verb, *arguments)
    try:
        os.execvp(command[0], command)  # noqa: S606
    except FileNotFoundError:
        raise ClusterError(f"{command[0]} was not found: install it, or name it with KUBECTL=") from None


def _endpoint(resources: list[dict[str, Any]]) -> str:
    settings = [resource["data"] for resource in resources if resource["kind"] == "ConfigMap"]
    return next((each["MCP_PATH"] for each in settings if "MCP_PATH" in each), "/mcp")


def _here(deployment: Deployment, options: argparse.Namespace) -> str:
    return f"http://127.0.0.1:{options.port}{_endpoint(deployment.resources())}"


def _tell(deployment: Deployment, options: argparse.Namespace) -> int:
    """Say where it answers, and what a client needs."""
    names, url = deployment.names, _here(deployment, options)
    secret = ' --header "Authorization: Bearer $(make token)"' if read_token(deployment.cluster) else ""
    print(
        f"\n{names.name} runs in {deployment.target.context}.\n"
        f"  in the cluster   http://{names.name}.{names.namespace}.svc{_endpoint(deployment.resources())}\n"
        f"  on this machine  make port-forward, then {url}\n"
        f"  a client         claude mcp add --transport http {names.name} {url}{secret}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
