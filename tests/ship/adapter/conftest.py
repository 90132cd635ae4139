"""A registry of npm's kind and of PyPI's, in this process; npm and pip are the real ones."""

import io
import json
import os
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Registry(BaseHTTPRequestHandler):
    """`npm` has what a package.json says beside name and version, `pypi` what the package requires."""

    npm: dict[str, dict] = {}  # noqa: RUF012  each test has a class of its own
    pypi: dict[str, str] = {}  # noqa: RUF012
    status = 404

    def do_GET(self):
        kind, _, rest = self.path.strip("/").partition("/")
        name = rest.rpartition("/")[2].replace("%2f", "/")
        if kind == "npm" and name in self.npm:
            version = {"name": name, "dist": {"tarball": "", "shasum": ""}, **self.npm[name]}
            numbers = ("0.9.0", "1.0.0", "1.1.0", "2.0.0-rc.1")
            versions = {number: version | {"version": number} for number in numbers}
            self.answer(json.dumps({"name": name, "dist-tags": {"latest": "1.1.0"}, "versions": versions}).encode())
        elif kind == "pypi" and name in self.pypi:
            wheels = [f"{name.replace('-', '_')}-{version}-py3-none-any.whl" for version in ("1.0", "1.1", "2.0rc1")]
            self.answer("".join(f'<a href="/wheel/{wheel}">{wheel}</a>' for wheel in wheels).encode(), "text/html")
        elif kind == "wheel":
            self.answer(self.wheel(*name.split("-")[:2]), "application/octet-stream")
        else:
            self.send_error(self.status)

    def wheel(self, name, version):
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as file:
            info = f"{name}-{version}.dist-info"
            requires = self.pypi[name.replace("_", "-")]
            metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Dist: {requires}\n"
            file.writestr(f"{info}/METADATA", metadata)
            file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            file.writestr(f"{info}/RECORD", "")
        return content.getvalue()

    def answer(self, content, kind="application/json"):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def registry(monkeypatch, tmp_path):
    """A registry of both kinds that npm and pip are configured for."""

    class Ours(Registry):
        npm, pypi = {}, {}

    for name in [name for name in os.environ if name.lower().startswith(("pip_", "npm_config_"))]:
        monkeypatch.delenv(name)
    with ThreadingHTTPServer(("127.0.0.1", 0), Ours) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        base = f"http://me:secret@127.0.0.1:{server.server_port}"
        monkeypatch.setenv("PIP_INDEX_URL", f"{base}/pypi")
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
        monkeypatch.setenv("npm_config_registry", f"{base}/npm/")
        monkeypatch.setenv("npm_config_userconfig", str(tmp_path / "npmrc"))
        monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
        for name in ("NO_PROXY", "no_proxy", "npm_config_noproxy"):
            monkeypatch.setenv(name, "127.0.0.1")
        yield Ours
        server.shutdown()
        thread.join()
