"""What k8s/identity calls things in the cluster."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from k8s.cluster import ClusterError

ROOT: Final = Path(__file__).resolve().parent.parent
_IDENTITY: Final = ROOT / "k8s" / "identity" / "kustomization.yaml"


@dataclass(frozen=True)
class Names:
    """Deployment, Service and the label `app` have the `name`."""

    name: str
    namespace: str
    image: str
    tag: str


def read_names() -> Names:
    """Read the identity.

    Raises:
        ClusterError: it is not as it was, in its first image, its first label or its namespace.
    """
    try:
        said = yaml.safe_load(_IDENTITY.read_text(encoding="utf-8"))
        name, image = said["labels"][0]["pairs"]["app"], said["images"][0]
        return Names(name, said["namespace"], image["newName"], str(image["newTag"]))
    except (OSError, yaml.YAMLError, LookupError, TypeError) as error:
        raise ClusterError(
            f"{_IDENTITY}: expected namespace, images with newName and newTag, and labels with app ({error})"
        ) from None
