"""The cluster of the cluster tests: `make deploy` first, then `KUBECONFIG=... make test-cluster`."""

import os

import pytest

from k8s.cluster import Cluster
from k8s.names import read_names
from k8s.verbs.kubeconfig import read_kubeconfig
from k8s.verbs.target import choose


def pytest_collection_modifyitems(items):
    for item in items:
        if "cluster" in item.path.parts[:-1]:
            item.add_marker("cluster")


@pytest.fixture(scope="session")
def cluster():
    """A cluster that is on this machine, or was named."""
    if not os.environ.get("KUBECONFIG"):
        pytest.skip("KUBECONFIG is not set")
    target = choose(os.environ.get("CONTEXT", ""), os.environ.get("CLUSTER", ""), read_kubeconfig())
    return Cluster(target.context, read_names().namespace)
