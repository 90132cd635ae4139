"""The image that ships, from this folder to where a cluster finds it."""

import json
import subprocess

from k8s.cluster import ClusterError
from k8s.names import ROOT, Names
from k8s.terminal import run, say
from k8s.verbs.target import DOCKER, Target


def check_engine() -> None:
    """See whether the container engine runs.

    Raises:
        ClusterError: it does not.
    """
    if subprocess.run([DOCKER, "version"], capture_output=True, check=False).returncode:
        raise ClusterError(f"{DOCKER} is installed but does not answer: is its engine running?")


def bring_image(target: Target, names: Names, registry: str) -> dict[str, str]:
    """Build the image and bring it to the cluster; return what kustomize is to put in the place of the identity's.

    Raises:
        ClusterError: a step fails, or a cluster that is not on this machine has no registry to fetch from.
    """
    built = f"{names.image.rpartition('/')[2]}:{names.tag}"
    return _load(target, names, built) if target.provider else _push(target, names, built, registry)


def _load(target: Target, names: Names, built: str) -> dict[str, str]:
    say(f"building {built}")
    run("make", "image-production", cwd=ROOT)
    # By its content: a node keeps what it has under a tag, and a pod with another tag is a new one.
    tag = f"{names.tag}-{_docker('image', 'inspect', '--format', '{{.Id}}', built).rpartition(':')[2][:12]}"
    image = f"{names.image}:{tag}"
    _docker("tag", built, image)
    if load := target.load(image):
        say(f"loading {image} into {target.context}")
        run(*load)
    return {"newTag": tag}


def _push(target: Target, names: Names, built: str, registry: str) -> dict[str, str]:
    registry = (registry or names.image.rpartition("/")[0]).removesuffix("/")
    if not registry:
        raise ClusterError(f"{target.context} needs a registry to pull from: add REGISTRY=ghcr.io/me")
    say(f"building {built} and pushing it to {registry}")
    run("make", "push", f"REGISTRY={registry}", cwd=ROOT)
    repository = f"{registry}/{built.rpartition(':')[0]}"
    known = json.loads(_docker("image", "inspect", "--format", "{{json .RepoDigests}}", f"{registry}/{built}"))
    for name, _, digest in (each.partition("@") for each in known):
        if name in (repository, repository.removeprefix("docker.io/")):  # which Docker leaves out
            return {"newName": repository, "digest": digest}
    raise ClusterError(f"{DOCKER} does not know the digest of {registry}/{built}, which it has just pushed")


def _docker(*arguments: str) -> str:
    done = subprocess.run([DOCKER, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterError(f"{DOCKER} {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.strip()
