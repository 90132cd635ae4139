"""The columns of the tables that say what works in which protocol era, for the tests of their cells."""

from dataclasses import dataclass

import pytest
from fastmcp import Client

from tests.support import Server


@dataclass(frozen=True)
class Era:
    """How a client speaks (`mode`), with a server that was started with these arguments."""

    name: str
    mode: str
    arguments: tuple[str, ...] = ()


@dataclass
class Column:
    """A running server, and how its clients speak."""

    era: Era
    server: Server

    def client(self, **options) -> Client:
        return Client(self.server.url, mode=self.era.mode, **options)


def only(*eras: Era):
    """Run a test, which takes `column`, in these eras."""
    return pytest.mark.parametrize("column", eras, indirect=True, ids=lambda era: era.name)
