"""Which bundles have an app, found out without running them; and the probes of those that have none."""

from functools import partial
from pathlib import Path

import pytest

from ship.mcpb.load.manifest import Bundle, Manifest
from ship.mcpb.serve.entry import module_of_app
from ship.mcpb.serve.launch import PROBES, Probed, _is_asgi
from tests.ship.mcpb.support import manifest
from tests.support import SERVER


def module(folder: Path, source: str | bytes, kind: str = "python", entry_point: str = "src/server.py") -> str | None:
    file = folder / entry_point
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(source.encode() if isinstance(source, str) else source)
    return module_of_app(Bundle(folder, Manifest.model_validate(manifest(kind, entry_point))))


@pytest.mark.parametrize(
    "source",
    [
        "app = mcp.http_app()",
        "mcp = app = FastMCP('x').http_app()",
        "app: ASGIApp = build()",
        "a, (app, b) = parts",
        "async def app(scope, receive, send): ...",
        "from elsewhere import app",
        "from elsewhere import application as app",
        "if True:\n    app = 1\nelse:\n    pass",
        "try:\n    import x\nexcept ImportError:\n    app = 1",
        "with x:\n    app = 1",
        SERVER.read_text(),
    ],
)
def test_a_module_that_binds_app_has_one(tmp_path, source):
    assert module(tmp_path, source) == "src.server"


@pytest.mark.parametrize(
    "source",
    [
        "",
        "def main():\n    app = 1",
        "class A:\n    app = 1",
        "app: ASGIApp",
        "print('app = 1')",
        "x.app = 1",
        "app.x = 1",
        "things[app] = 1",
        "apps = 1",
        "def __getattr__(name): ...",
        "app = (",
        "app = 1\0",
        b"\xff\xfeapp = 1",
        "app = " + "(" * 10_000 + ")" * 10_000,
        "if x:\n    pass\n" + "elif x:\n    pass\n" * 3000 + "else:\n    app = 1",
        "app = 1\n" + "x = 1\n" * 30_000,
    ],
)
def test_a_module_that_does_not_has_none(tmp_path, source):
    assert module(tmp_path, source) is None


def test_warnings_about_the_source_are_not_ours(tmp_path, recwarn):
    assert module(tmp_path, "app = '\\d'") == "src.server"
    assert not list(recwarn)


@pytest.mark.parametrize("entry_point", ["server.js", "my-server.py", "src.d/server.py", "server"])
def test_what_cannot_be_imported_by_its_name_has_none(tmp_path, entry_point):
    assert module(tmp_path, "app = 1", entry_point=entry_point) is None


@pytest.mark.parametrize("kind", ["uv", "node", "binary"])
def test_only_python_with_its_packages_has_one(tmp_path, kind):
    assert module(tmp_path, "app = 1", kind) is None


class App:
    """Answers with a status."""

    def __init__(self, status: int) -> None:
        self.status = status

    async def __call__(self, scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": b"the app's"})


async def asgi(scope, receive, send): ...


class CommandLine:
    def __call__(self, *args, **kwargs): ...


@pytest.mark.parametrize("app", [asgi, App(200), Probed(asgi), partial(asgi, 1)])
def test_an_asgi_app_is_one(app):
    assert _is_asgi(app)


@pytest.mark.parametrize("app", [None, print, "app", App, CommandLine(), lambda environ, start_response: []])
def test_a_command_line_a_wsgi_app_or_a_class_is_none(app):
    assert not _is_asgi(app)


async def asked(path: str, status: int, method: str = "GET") -> tuple[int, bytes]:
    sent: list[dict] = []

    async def send(message):
        sent.append(message)

    await Probed(App(status))({"type": "http", "path": path, "method": method}, None, send)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    return sent[0]["status"], sent[1]["body"]


@pytest.mark.parametrize("path", PROBES)
@pytest.mark.parametrize("status", [404, 405, 401, 403, 421])
async def test_an_app_without_the_probe_or_that_wants_a_token_or_a_name_for_it_gets_one(path, status):
    answered, body = await asked(path, status)
    assert answered == 200
    assert body == (b'{"status": "healthy"}' if path == "/health" else b'{"status": "ready"}')


@pytest.mark.parametrize("path", PROBES)
@pytest.mark.parametrize("status", [200, 204, 500, 503])
async def test_an_apps_own_probe_counts(path, status):
    assert await asked(path, status) == (status, b"the app's")


async def test_everything_else_is_the_apps():
    assert await asked("/else", 404) == (404, b"the app's")
    assert await asked("/health", 404, "POST") == (404, b"the app's")
