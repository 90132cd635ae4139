"""The sample server as an ASGI app, for `uvicorn tests.app:app`."""

from serving.run import build_on_demand
from tests.sample import create_server

__getattr__ = build_on_demand(create_server)
