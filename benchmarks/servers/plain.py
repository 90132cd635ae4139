"""FastMCP without our chassis under our uvicorn: what the chassis costs a call is the difference."""

from benchmarks.servers.bare import create_server
from benchmarks.servers.told import port
from serving.settings import Settings
from serving.web.listener import listen
from serving.web.server import serve_app


def main() -> None:
    """Run it."""
    settings = Settings(port=port() or 0)
    app = create_server().http_app(stateless_http=True)
    serve_app(app, settings, listen(settings.host, settings.port))


if __name__ == "__main__":
    main()
