"""Installing with the real pip and npm what the tests make: wheels in a folder, an npm registry in a thread."""

import base64
import hashlib
import http.server
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import zipfile
from queue import Queue

import pytest

from serving.errors import StartError
from ship.adapter.packages import installer
from ship.adapter.packages.install import install
from ship.adapter.packages.names import parse
from ship.adapter.packages.npm import Npm
from ship.adapter.packages.pypi import PyPI
from tests.support import ROOT, SECONDS, environment

needs_npm = pytest.mark.skipif(not shutil.which("npm"), reason="there is no npm")

PRINT_ENVIRONMENT = "import json, os\ndef main(): print(json.dumps(dict(os.environ)))\n"
TELL = """
const http = require("http");
const body = JSON.stringify({ environ: process.env, cwd: process.cwd() });
const options = { method: "POST", headers: { "content-length": Buffer.byteLength(body) } };
http.request(process.env.npm_config_registry + "tell", options, (answer) => answer.resume()).end(body);
"""
"""Runs at an installation, and as long as the registry does not answer."""
FAIL = "console.error('cannot fetch https://joe:s3cret@example.com/x.zip\\u001b[0m'); process.exit(3)"
INSTALL = """
import json, logging, os, sys
from pathlib import Path
from ship.adapter.packages.install import install
logging.basicConfig(level="INFO")
print(json.dumps(install(sys.argv[1], sys.argv[2], [Path(sys.argv[3])], os.environ)))
"""


def wheel(folder, name, files, version="1.0", scripts=(), requires=()):
    """Put a wheel into a folder where pip looks for one."""
    folder.mkdir(exist_ok=True)
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    entries = "".join(f"{script} = {target}\n" for script, target in dict(scripts).items())
    needs = "".join(f"Requires-Dist: {each}\n" for each in requires)
    content = files | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{entries}",
    }
    record = "".join(f"{path},,\n" for path in [*content, f"{info}/RECORD"])
    with zipfile.ZipFile(folder / f"{name.replace('-', '_')}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in {**content, f"{info}/RECORD": record}.items():
            archive.writestr(path, text)


def tarball(folder, files):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for path, text in files.items():
            entry = tarfile.TarInfo(f"{folder}/{path}")
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()


class Registry:
    """An npm registry at a free port, for packages made here; `told` is what they say when they are installed.

    When `silent`, it does not answer them, and notes in `gone` that they have been killed.
    """

    def __init__(self):
        self.tarballs: dict[str, bytes] = {}
        self.manifests: dict[str, dict] = {}
        self.told: Queue[dict] = Queue()
        self.gone: Queue[None] = Queue()
        self.silent = False
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                registry.answer(self, self.path.replace("%2f", "/"))

            def do_POST(self):
                length = int(self.headers.get("content-length", 0))
                if self.path != "/tell":
                    return registry.answer(self, self.path)
                registry.told.put(json.loads(self.rfile.read(length)))
                if not registry.silent:
                    return registry.answer(self, "/-/ping")
                self.connection.recv(1)
                return registry.gone.put(None)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"

    def answer(self, handler, path):
        body = (
            self.tarballs.get(path) or json.dumps(self.manifests.get(path.strip("/"), {"error": "not here"})).encode()
        )
        handler.send_response(200 if path in self.tarballs or path.strip("/") in self.manifests else 404)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def put(self, name, files, version="1.0.0", **manifest):
        manifest = {"name": name, "version": version, **manifest}
        packed = tarball("package", {"package.json": json.dumps(manifest), **files})
        path = f"/tarballs/{name.replace('/', '-')}-{version}.tgz"
        self.tarballs[path] = packed
        digest = base64.b64encode(hashlib.sha512(packed).digest()).decode()
        manifest["dist"] = {"tarball": f"{self.url}{path[1:]}", "integrity": f"sha512-{digest}"}
        if "install" in manifest.get("scripts", {}):
            manifest["hasInstallScript"] = True
        document = self.manifests.setdefault(name, {"name": name, "versions": {}})
        document["versions"][version] = manifest
        document["dist-tags"] = {"latest": version}


@pytest.fixture
def registry():
    registry = Registry()
    thread = threading.Thread(target=registry.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield registry
    registry.server.shutdown()
    registry.server.server_close()
    thread.join()


@pytest.fixture
def npm(registry, tmp_path):
    """The environment in which npm asks that registry."""
    npmrc = tmp_path / "npmrc"
    npmrc.touch()
    return environment(npm_config_registry=registry.url, npm_config_userconfig=str(npmrc), npm_config_fetch_retries="0")


@pytest.fixture
def pip(tmp_path):
    """The environment in which pip knows nothing but a folder of wheels."""
    settings = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "wheels"), "PIP_CONFIG_FILE": os.devnull}
    (tmp_path / "wheels").mkdir()
    return {name: value for name, value in environment().items() if not name.startswith("PIP_")} | settings


def output(argv, **variables):
    return subprocess.run(argv, env=variables, capture_output=True, text=True, timeout=SECONDS, check=True).stdout


def installing(runtime, package, folder, environ):
    """Start a process that installs."""
    return subprocess.Popen(
        [sys.executable, "-c", INSTALL, runtime, package, folder],
        cwd=ROOT,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_pypi_package_is_installed_once_and_its_program_runs(tmp_path, pip):
    wheel(tmp_path / "wheels", "a-server", {"a_server.py": PRINT_ENVIRONMENT}, scripts={"serve": "a_server:main"})
    argv = install("python", "a-server", [tmp_path / "in"], pip)
    assert argv == [str(next((tmp_path / "in").glob("python-a-server-*/")) / "venv" / "bin" / "serve")]
    assert json.loads(output(argv, SAID="yes"))["SAID"] == "yes"
    shutil.rmtree(tmp_path / "wheels")
    assert install("python", "a-server", [tmp_path / "in"], {}) == argv


@needs_npm
def test_an_npm_package_is_installed_once_and_its_program_runs(tmp_path, registry, npm):
    registry.put("@of/a-server", {"bin.js": "console.log(process.env.SAID)"}, bin={"other-name": "bin.js"})
    argv = install("npm", "@of/a-server", [tmp_path / "in"], npm)
    folder = next((tmp_path / "in").glob("npm-of-a-server-*/"))
    assert argv == [shutil.which("node"), str(folder / "node_modules" / "@of" / "a-server" / "bin.js")]
    assert output(argv, SAID="yes") == "yes\n"
    assert not (folder / "tmp").exists()
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "node").symlink_to(argv[0])
    without = {"PATH": str(tmp_path / "path")}  # an npm, and a registry
    assert install("npm", "@of/a-server", [tmp_path / "in"], without) == argv


@needs_npm
def test_another_major_version_of_node_gets_an_installation_of_its_own(tmp_path, registry, npm):
    registry.put("a-server", {"bin.js": ""}, bin="bin.js")
    node, folders = tmp_path / "path" / "node", []
    node.parent.mkdir()
    for version in ("v98.0.0", "v98.7.6", "v99.0.0"):
        script = f'#!/bin/sh\ncase $1 in --version) echo {version};; *) exec {shutil.which("node")} "$@";; esac\n'
        node.write_text(script)
        node.chmod(0o755)
        argv = install("npm", "a-server", [tmp_path / "in"], npm | {"PATH": f"{node.parent}:{npm['PATH']}"})
        folders.append(argv[-1])
    assert folders[0] == folders[1] != folders[2]


@needs_npm
def test_each_version_has_a_folder_of_its_own(tmp_path, registry, npm):
    for version in ("1.0.0", "1.1.0", "2.0.0"):
        registry.put("versions", {"bin.js": f"console.log('{version}')"}, version, bin="bin.js")
    wanted = {"versions@1.0.0": "1.0.0", "versions@^1": "1.1.0", "versions@latest": "2.0.0"}
    started = {package: install("npm", package, [tmp_path], npm) for package in wanted}
    assert {package: output(argv).strip() for package, argv in started.items()} == wanted


@pytest.mark.parametrize(
    ("package", "told"),
    [
        *(
            ("v", "v"),
            ("v@1.0", "v==1.0"),
            ("v@latest", "v"),
            ("V.x>=1,<2", "V.x<2,>=1"),
            ("v[a,b]@1!2.0+c", "v[a,b]==1!2.0+c"),
        ),
        *((each, each) for each in ("v==1.*", "v[a]~=1.0", "v!=1.0.dev1")),
    ],
)
def test_pip_is_told_what_uvx_would_understand(package, told):
    assert PyPI(parse(package, "python"), {}).spec == told


def test_what_any_of_the_folders_has_is_used_and_the_last_is_left_alone(tmp_path, pip):
    wheel(tmp_path / "wheels", "a-server", {"a_server.py": PRINT_ENVIRONMENT}, scripts={"serve": "a_server:main"})
    argv = install("python", "a-server", [tmp_path / "image"], pip)
    assert install("python", "a-server", [tmp_path / "none", tmp_path / "image", tmp_path / "cache"], {}) == argv
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("broken", ["installed.json", "venv/bin/serve"])
def test_half_an_installation_is_thrown_away(tmp_path, pip, broken):
    wheel(tmp_path / "wheels", "a-server", {"a_server.py": PRINT_ENVIRONMENT}, scripts={"serve": "a_server:main"})
    argv = install("python", "a-server", [tmp_path / "in"], pip)
    folder = next((tmp_path / "in").glob("python-*/"))
    (folder / broken).unlink()
    (folder / "left over").touch()
    assert install("python", "a-server", [tmp_path / "in"], pip) == argv
    assert ((folder / broken).exists(), (folder / "left over").exists()) == (True, False)


def test_two_that_install_at_once_wait_for_each_other(tmp_path, pip):
    wheel(tmp_path / "wheels", "a-server", {"a_server.py": PRINT_ENVIRONMENT}, scripts={"serve": "a_server:main"})
    both = [installing("python", "a-server", tmp_path / "in", pip) for _ in range(2)]
    ended = [process.communicate(timeout=SECONDS) for process in both]
    assert [process.returncode for process in both] == [0, 0], ended
    assert ended[0][0] == ended[1][0]
    assert "".join(errors for _, errors in ended).count("Installing a-server") == 1


@needs_npm
def test_a_signal_ends_the_installer_and_all_that_it_has_started(tmp_path, registry, npm):
    registry.put("hangs", {"tell.js": TELL}, scripts={"install": "node tell.js"})
    registry.silent = True
    process = installing("npm", "hangs", tmp_path / "in", npm)
    registry.told.get(timeout=SECONDS)
    process.terminate()
    registry.gone.get(timeout=SECONDS)
    process.communicate(timeout=SECONDS)
    assert process.returncode == -signal.SIGTERM


@needs_npm
def test_an_installer_that_takes_too_long_is_an_error(tmp_path, registry, npm, monkeypatch):
    registry.put("hangs", {"tell.js": TELL}, scripts={"install": "node tell.js"})
    registry.silent = True
    monkeypatch.setattr(installer, "INSTALL_SECONDS", 0.2)
    expected = "MCP_PACKAGE=hangs: expected a package that npm can install within 0.2 seconds"
    with pytest.raises(StartError, match=rf"^{expected}$"):
        install("npm", "hangs", [tmp_path / "in"], npm)
    assert [path.suffix for path in (tmp_path / "in").iterdir()] == [".lock"]


OURS = dict.fromkeys(("MCP_AUTH_TOKENS", "MCP_CHILD_ENV_KEY", "API_KEY", "OTEL_EXPORTER_OTLP_HEADERS"), "s3cret")


@needs_npm
def test_what_runs_in_an_npm_package_at_its_installation_sees_no_secrets_of_ours(tmp_path, registry, npm):
    registry.put("curious", {"tell.js": TELL}, bin="tell.js", scripts={"install": "node tell.js"})
    passed = {"HTTPS_PROXY": "http://proxy.invalid", "NO_PROXY": "127.0.0.1", "NODE_OPTIONS": "--no-deprecation"}
    others = {"npm_config_location": "global", "npm_config_global": "true", "PIP_INDEX_URL": "s3cret"}
    install("npm", "curious", [tmp_path / "in"], npm | passed | OURS | others)
    told = registry.told.get(timeout=SECONDS)
    assert "s3cret" not in json.dumps(told)
    assert {name: told["environ"][name] for name in passed} == passed
    for name in ("TMPDIR", "npm_config_cache"):
        assert told["environ"][name].startswith(f"{tmp_path}/in/npm-curious-")


def test_what_runs_in_a_pypi_package_at_its_installation_sees_no_secrets_of_ours(tmp_path, pip):
    wheel(tmp_path, "built", {"built.py": PRINT_ENVIRONMENT}, scripts={"built": "built:main"})
    seen = tmp_path / "seen"
    backend = f"""
import json, os, pathlib, shutil
def build_wheel(folder, *_):
    pathlib.Path({str(seen)!r}).write_text(json.dumps(dict(os.environ)))
    return pathlib.Path(shutil.copy({str(tmp_path / "built-1.0-py3-none-any.whl")!r}, folder)).name
"""
    source = {
        "PKG-INFO": "Metadata-Version: 2.1\nName: built\nVersion: 1.0\n",
        "backend.py": backend,
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
    }
    (tmp_path / "wheels" / "built-1.0.tar.gz").write_bytes(tarball("built-1.0", source))
    passed = {"https_proxy": "http://proxy.invalid", "REQUESTS_CA_BUNDLE": "", "PIP_RETRIES": "0"}
    others = {"npm_config_registry": "s3cret", "NPM_TOKEN": "s3cret"}
    install("python", "built", [tmp_path / "in"], pip | passed | OURS | others)
    assert "s3cret" not in seen.read_text()
    environ = json.loads(seen.read_text())
    assert {name: environ[name] for name in passed} == passed
    assert environ["TMPDIR"].startswith(f"{tmp_path}/in/python-built-")


def test_no_variable_puts_a_pypi_package_elsewhere(tmp_path, pip):
    wheel(tmp_path / "wheels", "a-server", {"a_server.py": PRINT_ENVIRONMENT}, scripts={"serve": "a_server:main"})
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "sitecustomize.py").write_text("raise SystemExit('PYTHONPATH was read')")
    elsewhere = str(tmp_path / "elsewhere")
    others = {"PIP_USER": "1", "PIP_TARGET": elsewhere, "PIP_PREFIX": elsewhere, "PIP_REQUIRE_VIRTUALENV": "1"}
    others |= {"PYTHONPATH": str(tmp_path / "path"), "PYTHONHOME": elsewhere, "VIRTUAL_ENV": elsewhere}
    argv = install("python", "a-server", [tmp_path / "in"], pip | others)
    assert output(argv)
    assert not (tmp_path / "elsewhere").exists()


FORMS = {"npm": "an npm package: name, @scope/name", "python": "a PyPI package: name, name==1.2.3"}


@pytest.mark.parametrize("runtime", FORMS)
@pytest.mark.parametrize(
    "package",
    [
        *(
            "",
            " ",
            "a b",
            " a",
            "a\n",
            "a\0",
            "a\x1b[0m",
            "ü",
            "-a",
            "--prefix=/",
            ".",
            "..",
            ".a",
            "../a",
            "/a",
            "./a",
            "a/../b",
        ),
        *(
            "a/b",
            "@a",
            "@a/",
            "@/a",
            "@a/../b",
            "@../a",
            "file:a",
            "npm:a",
            "a@npm:b",
            "a@file:b",
            "a@../b",
            "a@.",
            "a@/b",
        ),
        *(
            "git+ssh://h/a",
            "git+a",
            "https://h/a.tgz",
            "a @ https://h/a.whl",
            "a@https://h/a",
            "a@",
            "a@-1",
            "a==",
            "a===1",
        ),
        *("a;b", "a$b", "a`b`", "a|b", "a&b", "a\\b", "a'b", 'a"b', "a==1;python_version>'3'", "a" * 400, "a.tar.gz"),
    ],
)
def test_what_is_no_name_is_refused(tmp_path, runtime, package):
    with pytest.raises(StartError) as refused:
        install(runtime, package, [tmp_path / "in"], {})
    assert f": expected {FORMS[runtime]}" in str(refused.value)
    assert str(refused.value).isprintable()
    assert not (tmp_path / "in").exists()


@pytest.mark.parametrize(
    ("runtime", "package"),
    [
        *(("npm", each) for each in ("a==1", "a>=1", "A", "_a", "a[b]", "a.tgz", "a@b.tgz", "a@1||2", "a@~/b")),
        *(
            ("python", each)
            for each in ("@a/b", "a@^1", "a@next", "a~1", "a.whl", "a.zip", "a_", "a>=x", "a[b", "a@1.0.whl")
        ),
    ],
)
def test_what_is_no_name_for_this_installer_is_refused(tmp_path, runtime, package):
    with pytest.raises(StartError, match=rf"^MCP_PACKAGE={re.escape(package)}: expected {FORMS[runtime]}"):
        install(runtime, package, [tmp_path / "in"], {})


@pytest.mark.parametrize(
    ("runtime", "package"),
    [
        *((None, each) for each in ("a", "a.b", "a_b-c", "a@1.2.3", "a@latest", "a@2.0.0-rc.1")),
        *(("npm", each) for each in ("@a/b", "@a/b@1", "a@^1.2", "a@>=1", "a@1.x", "a@*", "a@next", "a@1.0.0-x.y")),
        *(("python", each) for each in ("A", "a==1", "a>=1,<2", "a[b]", "a[b]@1.2", "a@1!2.0+c", "a" * 215)),
    ],
)
def test_a_name_that_only_one_registry_can_have_is_of_that_runtime(runtime, package):
    found = parse(package)
    assert (found.text, found.runtime, bool(found.requirement)) == (package, runtime, runtime != "npm")
    for asked in ("npm", "python"):
        if runtime in (None, asked):
            assert parse(package, asked) == found
        else:
            with pytest.raises(StartError, match=rf": expected {FORMS[asked]}.*, as MCP_RUNTIME={asked} says$"):
                parse(package, asked)


def test_a_password_is_not_repeated(tmp_path):
    with pytest.raises(StartError, match=r"^MCP_PACKAGE=https://example\.com/a\.tgz: expected"):
        install("npm", "https://joe:s3cret@example.com/a.tgz", [tmp_path], {})


@needs_npm
def test_an_error_says_in_one_line_what_npm_says(tmp_path, registry, npm):
    registry.put("versions", {}, "1.0.0")
    registry.put("fails", {"fail.js": FAIL}, scripts={"install": "node fail.js"})
    expected = r"^MCP_PACKAGE={}: expected a package that npm can install \(status \d: code {}[^\n\x1b]*\)$"
    for package, reason in {
        "missing": "E404 Not Found - GET",
        "versions@2": "ETARGET No matching version found for versions@2",
        "fails": r"3 path .* command sh -c node fail.js cannot fetch https://example.com/x.zip",
    }.items():
        with pytest.raises(StartError, match=expected.format(package, reason)) as failed:
            install("npm", package, [tmp_path / "in"], npm)
        assert not any(noise in str(failed.value) for noise in ("A complete log", "s3cret", "tarball"))
        assert len(str(failed.value)) < 600
    assert {path.suffix for path in (tmp_path / "in").iterdir()} == {".lock"}


def test_an_error_says_in_one_line_what_pip_says(tmp_path, pip):
    expected = r"^MCP_PACKAGE=missing==2: expected a package that pip can install \(status 1: Could not find [^\n]+\)$"
    with pytest.raises(StartError, match=expected):
        install("python", "missing==2", [tmp_path / "in"], pip)
    assert {path.suffix for path in (tmp_path / "in").iterdir()} == {".lock"}


def test_the_begin_and_the_end_of_a_long_explanation_are_kept(tmp_path, pip):
    (tmp_path / "wheels" / "bad-1.0.tar.gz").write_bytes(
        tarball(
            "bad-1.0",
            {
                "PKG-INFO": "Metadata-Version: 2.1\nName: bad\nVersion: 1.0\n",
                "backend.py": f"raise ValueError({'first ' + 'x' * 900 + ' last'!r})",
                "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
            },
        )
    )
    with pytest.raises(StartError, match=r"did not run successfully. ValueError: first x+ \.\.\. x+ last") as failed:
        install("python", "bad", [tmp_path / "in"], pip)
    assert len(str(failed.value)) < 600


def test_without_npm_the_error_says_so(tmp_path):
    with pytest.raises(StartError, match=r"^MCP_RUNTIME=npm: expected Node.js and npm on the PATH; there is no npm$"):
        install("npm", "a", [tmp_path / "in"], {"PATH": str(tmp_path)})


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    expected = rf"^MCP_INSTALL_DIR={tmp_path}/file/in: expected a folder .* \(Not a directory\)$"
    with pytest.raises(StartError, match=expected):
        install("python", "a", [tmp_path / "file" / "in"], {})


@pytest.fixture
def unpacked(tmp_path):
    """Unpack an npm package where npm would, and return the argv that starts it, from the folder on."""
    (tmp_path / "node").touch(0o755)

    def entry(name="@of/a", *, programs=None, **files):
        package = tmp_path / "node_modules" / name
        package.mkdir(parents=True)
        for path, text in {"package.json": json.dumps({"bin": programs}), **files}.items():
            (package / path).write_text(text)
        argv = Npm(parse(name, "npm"), {"PATH": str(tmp_path)}).entry(tmp_path)
        return [part.removeprefix(f"{tmp_path}/").removeprefix(f"node_modules/{name}/") for part in argv]

    return entry


@pytest.mark.parametrize("programs", ["b", "./b", {"x": "b"}, {"x": "b", "y": "b"}, {"x": "c", "a": "b"}])
def test_an_npm_package_starts_with_what_npx_would_run(unpacked, programs):
    assert unpacked(programs=programs, b="#!/usr/bin/env node\n", c="") == ["node", "b"]


@pytest.mark.parametrize(
    ("file", "text", "argv"),
    [
        *((name, "", ["node", name]) for name in ("b.js", "b.mjs", "b.cjs")),
        ("b", "#!/usr/bin/node\n", ["node", "b"]),
        ("b", "#!/usr/bin/env -S node --no-warnings\r\n", ["node", "--no-warnings", "b"]),
        *(("b", "#!/usr/bin/env bash\n", ["b"]), ("b.js", "#!/usr/bin/env bun\n", ["b.js"]), ("b", "\x7fELF", ["b"])),
    ],
)
def test_a_script_of_node_is_started_with_node_and_everything_else_as_it_is(unpacked, file, text, argv):
    assert unpacked(programs=file, **{file: text}) == argv


@pytest.mark.parametrize(
    ("programs", "there"), [({"y": "b", "x": "c"}, "x, y"), ({}, "none"), (None, "none"), (["b"], "none")]
)
def test_an_npm_package_without_a_program_to_choose_says_what_it_has(unpacked, programs, there):
    expected = rf"^MCP_PACKAGE=@of/a: expected a single program, or one named a; it has {there}$"
    with pytest.raises(StartError, match=expected):
        unpacked(programs=programs, b="", c="")


@pytest.mark.parametrize("programs", ["missing.js", "../../../outside.js", "/etc/passwd", "."])
def test_a_program_that_is_not_in_its_npm_package_is_an_error(unpacked, tmp_path, programs):
    (tmp_path / "outside.js").touch()
    with pytest.raises(
        StartError, match=r"^MCP_PACKAGE=@of/a: expected the program of its package.json, .*, to be there"
    ):
        unpacked(programs=programs)


def unpack(folder):
    """Unpack the wheels that are in a folder where pip would."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for file in (folder / "wheels").iterdir():
        with zipfile.ZipFile(file) as archive:
            for member in archive.namelist():
                archive.extract(member, folder / "venv" / "lib" / version / "site-packages")


@pytest.fixture
def environment_with(tmp_path):
    """Unpack a wheel where pip would, and return the argv that starts it, from the folder on."""

    def entry(name, files=(), scripts=()):
        wheel(tmp_path / "wheels", name, dict.fromkeys(files, ""), scripts=dict.fromkeys(scripts, "m:f"))
        unpack(tmp_path)
        return [part.removeprefix(f"{tmp_path}/venv/bin/") for part in PyPI(parse(name, "python"), {}).entry(tmp_path)]

    return entry


@pytest.mark.parametrize(
    ("files", "scripts", "argv"),
    [
        ([], ["other"], ["other"]),
        ([], ["other", "A-Server"], ["A-Server"]),
        ([], ["a_server", "other"], ["a_server"]),
        (["a_server/__main__.py"], ["x", "y"], ["python", "-P", "-m", "a_server"]),
        (["A_Server/__main__.py", "other/__main__.py"], [], ["python", "-P", "-m", "A_Server"]),
        (["other/__main__.py", "more/x.py", "other/deep/__main__.py"], [], ["python", "-P", "-m", "other"]),
    ],
)
def test_a_pypi_package_starts_with_its_script_or_else_its_module(environment_with, files, scripts, argv):
    assert environment_with("a.server", files, scripts) == argv


@pytest.mark.parametrize(
    ("files", "scripts", "there"),
    [
        (["other/__main__.py"], ["x", "y"], "x, y, -m other"),
        (["one/__main__.py", "two/__main__.py"], [], "-m one, -m two"),
        (["a_server/__init__.py"], [], "none"),
    ],
)
def test_a_pypi_package_without_a_program_to_choose_says_what_it_has(environment_with, files, scripts, there):
    expected = rf"^MCP_PACKAGE=a-server: expected a single program, or one named a-server; it has {there}$"
    with pytest.raises(StartError, match=expected):
        environment_with("a-server", files, scripts)


def test_a_pypi_package_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(StartError, match=r"^MCP_PACKAGE=a: expected pip to install it; it has not"):
        PyPI(parse("a", "python"), {}).entry(tmp_path)


def test_a_pypi_package_that_was_written_for_an_older_sdk_gets_that_one(tmp_path, pip):
    code = "from importlib.metadata import version\ndef main(): print(version('mcp'))\n"
    scripts = {"serve": "a_server:main"}
    wheel(tmp_path / "wheels", "a-server", {"a_server.py": code}, scripts=scripts, requires=["mcp>=1.6"])
    for version in ("1.5", "1.9", "2.1"):
        wheel(tmp_path / "wheels", "mcp", {}, version)
    assert output(install("python", "a-server", [tmp_path / "in"], pip)) == "1.9\n"


@pytest.mark.parametrize(
    ("requires", "installed", "older"),
    [
        (["mcp>=1.6"], "2.1", ["mcp<2"]),
        (["mcp>1.6,!=1.8"], "2.1", ["mcp<2"]),
        (["MCP[cli]>=1.6", "other>=1"], "3.0", ["MCP<2"]),
        *((requires, "2.1", []) for requires in (["mcp>=1.6,<3"], ["mcp"], ["mcp!=1.5"], ["mcp>=2"], ["other>=1"], [])),
        (["mcp>=1.6"], "1.9", []),
        (["mcp~=2.0"], "2.1", []),
    ],
)
def test_only_an_sdk_that_is_newer_than_any_the_package_knew_is_replaced(tmp_path, requires, installed, older):
    wheel(tmp_path / "wheels", "a-server", {}, requires=requires)
    wheel(tmp_path / "wheels", "mcp", {}, installed)
    wheel(tmp_path / "wheels", "other", {}, "9.0")
    unpack(tmp_path)
    *_, (*_, last) = PyPI(parse("a-server", "python"), {}).steps(tmp_path)
    assert last == (older[0] if older else "a-server")
