"""What things are run with; npm and pip are real, and ask a small registry in this process."""

import json
import os

import pytest

from serving.errors import StartError
from ship.adapter.packages import folder as folders
from ship.adapter.packages.detect import detect, detect_package

SDK = {"@modelcontextprotocol/sdk": "^1"}
JSONS = ("package.json", "manifest.json", "server.json")
PACKAGE_JSON = {"name": "@me/weather", "bin": {"weather": "dist/index.js"}, "dependencies": SDK}
PYPROJECT = '[project]\nname = "weather"\ndependencies = ["mcp>=1"]\n[project.scripts]\nweather = "weather.cli:main"\n'
SERVER_JSON = {"packages": [{"registryType": "npm", "identifier": "@me/weather", "version": "1.2.3"}]}


def write(root, files):
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    return detect(str(root))


def bundle(kind, command, *args):
    return {"server": {"type": kind, "entry_point": "x", "mcp_config": {"command": command, "args": list(args)}}}


@pytest.mark.parametrize(
    ("target", "runtime", "command"),
    [
        ("@scope/x", "npm", ["npx", "-y", "@scope/x"]),
        ("@scope/x@1.2.3", "npm", ["npx", "-y", "@scope/x@1.2.3"]),
        ("x@^1.2", "npm", ["npx", "-y", "x@^1.2"]),
        ("x==1.2", "python", ["uvx", "x@1.2"]),
        ("x~=1.2", "python", ["uvx", "--from", "x~=1.2", "x"]),
        ("x[cli]>=1,<2", "python", ["uvx", "--from", "x[cli]>=1,<2", "x"]),
        ("x[cli]@1.2", "python", ["uvx", "--from", "x[cli]==1.2", "x"]),
    ],
)
def test_syntax_decides_without_asking_anybody(monkeypatch, target, runtime, command):
    monkeypatch.setenv("PATH", "")
    found = detect(target)
    assert (found.runtime, found.package, found.command, found.confidence) == (runtime, target, command, "high")


@pytest.mark.parametrize(
    "target",
    [
        *("", " ", "\t", "-x", "--help", "x y", " x", "x\n", "x\0", "\x1b[31mx", "a;b", "$(x)", "ü"),
        *("https://me:secret@h/x.tgz", "git+https://h/x", "git+ssh://git@h/x", "git@h:me/x", "file:../x", "npm:x"),
        *("me/x", "x@npm:y", "x@file:y", "x@https://h", "x @ https://h", "x; python_version>'3'", "x==", "x==b c"),
        *("@/x", "@a/", "@a/../b", "@a/b/c", "x[", "x[]", "x@", ".x", "x.", "x.tgz", "x-1.0.tar.gz", "x-1.whl"),
        *("x" * 251, "x" * 100_000, "./nothing", "/nothing/here", "server.py", "nothing.json"),
    ],
)
def test_what_is_no_package_and_no_file_is_refused_in_one_short_line(monkeypatch, tmp_path, target):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(StartError, match=r"^(TARGET|MCP_PACKAGE)=.*: expected ") as refused:
        detect(target)
    message = str(refused.value)
    assert len(message) < 300
    assert message.isprintable()
    assert "secret" not in message


def test_a_folder_with_the_name_of_a_package_is_not_taken_for_it(monkeypatch, tmp_path):
    (tmp_path / "@me").mkdir()
    write(tmp_path / "@me" / "weather", {"pyproject.toml": PYPROJECT})
    monkeypatch.chdir(tmp_path)
    assert detect("@me/weather").runtime == "npm"
    assert detect("./@me/weather").runtime == "python"
    with pytest.raises(StartError, match=r"^MCP_PACKAGE=\./@me/weather: expected a name"):
        detect_package("./@me/weather")


@pytest.mark.parametrize(
    ("files", "runtime", "package", "command", "confidence"),
    [
        ({"package.json": PACKAGE_JSON, "dist/index.js": ""}, "npm", "@me/weather", "node dist/index.js", "high"),
        ({"package.json": PACKAGE_JSON}, "npm", "@me/weather", "node dist/index.js", "medium"),
        ({"package.json": PACKAGE_JSON | {"private": True}}, "npm", None, "node dist/index.js", "medium"),
        ({"package.json": {"name": "x", "bin": "./x.mjs"}, "x.mjs": ""}, "npm", "x", "node x.mjs", "medium"),
        ({"package.json": {"bin": {"x": "x.ts"}}}, "npm", None, "npx -y tsx x.ts", "medium"),
        ({"package.json": {"bin": {"x": "x"}}, "x": "#!/bin/sh\n"}, "npm", None, "./x", "medium"),
        ({"package.json": {"bin": {"x": "x"}}, "x": "#!/usr/bin/env node\n"}, "npm", None, "node x", "medium"),
        ({"package.json": {"scripts": {"start": "node a.js"}}, "a.js": ""}, "npm", None, "node a.js", "medium"),
        ({"package.json": {"main": "a.js"}, "a.js": ""}, "npm", None, "node a.js", "low"),
        ({"package.json": {"name": "@m/b", "bin": {"a": "a", "b": "b"}}, "b": ""}, "npm", "@m/b", "node b", "medium"),
        ({"pyproject.toml": PYPROJECT}, "python", "weather", "uv run weather", "high"),
        ({"pyproject.toml": PYPROJECT, "weather/__main__.py": ""}, *("python", "weather", "python -m weather", "high")),
        ({"pyproject.toml": '[project]\nname = "a"\n', "main.py": ""}, "python", "a", "python main.py", "low"),
        (
            {"pyproject.toml": '[project]\nname = "a-b"\n', "src/a_b/__main__.py": ""},
            *("python", "a-b", "uv run python -m a_b", "medium"),
        ),
        (
            {"pyproject.toml": '[project]\nname = "a"\nclassifiers = ["Private :: No"]\n', "main.py": ""},
            *("python", None, "python main.py", "low"),
        ),
        (
            {"pyproject.toml": '[tool.poetry]\nname = "a"\nscripts = {a = "a:b"}\ndependencies = {FastMCP = "*"}\n'},
            *("python", "a", "uv run a", "high"),
        ),
        (
            {"setup.py": 'import setuptools\nsetuptools.setup(name="a", version=v(),'
             ' install_requires=["mcp [cli]"], entry_points={"console_scripts": ["a = a:main"]})'},
            *("python", "a", "uv run a", "high"),
        ),
        (
            {"setup.cfg": "[metadata]\nname = a\n[options]\ninstall_requires =\n  mcp\n"
             "[options.entry_points]\nconsole_scripts =\n  a = a:main\n"},
            *("python", "a", "uv run a", "high"),
        ),
        ({"server.json": SERVER_JSON}, "npm", "@me/weather@1.2.3", "npx -y @me/weather@1.2.3", "high"),
        ({"requirements.txt": "mcp[cli]==1.2  # why\n", "server.py": ""}, "python", None, "python server.py", "medium"),
        ({"requirements.txt": "flask\n-r x\n", "app.py": ""}, "python", None, "python app.py", "low"),
        ({"index.js": ""}, "npm", None, "node index.js", "low"),
        (
            {"manifest.json": bundle("node", "node", "${__dirname}/a/b.js", "--p=${user_config.p}")},
            *("npm", None, "node a/b.js --p=${user_config.p}", "medium"),
        ),
        ({"manifest.json": bundle("python", "python3", "-m", "a")}, "python", None, "python3 -m a", "high"),
        ({"manifest.json": bundle("uv", "uv", "run", "${__dirname}")}, "python", None, "uv run .", "high"),
        ({"manifest.json": bundle("binary", "${__dirname}/a")}, "custom", None, "./a", "high"),
        ({"manifest.json": {"server": {"type": "binary", "entry_point": "a/b"}}}, "custom", None, "./a/b", "high"),
    ],
)  # fmt: skip
def test_a_repository_says_how_it_starts(tmp_path, files, runtime, package, command, confidence):
    found = write(tmp_path, files)
    assert (found.runtime, found.package, " ".join(found.command)) == (runtime, package, command)
    assert (found.confidence, next(iter(files)) in found.why or "index.js" in files) == (confidence, True)


def test_one_of_the_files_can_be_named_and_counts_alone(tmp_path):
    write(tmp_path, {"package.json": PACKAGE_JSON, "pyproject.toml": PYPROJECT, "dist/index.js": ""})
    assert detect(str(tmp_path / "package.json")).runtime == "npm"
    assert detect(str(tmp_path / "pyproject.toml")).runtime == "python"
    with pytest.raises(StartError, match=r"expected a package, or a folder or file that there is"):
        detect(str(tmp_path / "setup.py"))


def test_files_that_agree_make_it_surer_and_name_the_package(tmp_path):
    found = write(tmp_path, {"package.json": PACKAGE_JSON | {"private": True}, "server.json": SERVER_JSON})
    assert (found.package, found.command, found.confidence) == (
        "@me/weather@1.2.3",
        ["npx", "-y", "@me/weather@1.2.3"],
        "high",
    )
    assert "package.json agrees" in found.why


@pytest.mark.parametrize(
    ("other", "confidence"),
    [
        ({"pyproject.toml": PYPROJECT}, "low"),
        ({"setup.py": 'setup(name="a", entry_points={"console_scripts": ["a=a:b"]})'}, "medium"),
        ({"requirements.txt": "flask\n", "app.py": ""}, "high"),
        ({"server.json": {"packages": [{"registryType": "npm", "identifier": "another"}]}}, "low"),
    ],
)
def test_files_that_contradict_make_it_less_sure(tmp_path, other, confidence):
    found = write(tmp_path, {"package.json": PACKAGE_JSON, "dist/index.js": "", **other})
    assert (found.runtime, found.confidence) == ("npm", confidence)
    assert (f"{next(iter(other))} contradicts it" in found.why) is (confidence != "high")


@pytest.mark.parametrize(
    "path", ["../x.js", "/bin/x.js", "a/../../x.js", "-e", "link.js", "loop", "a\\b", "~/x.js", "C:/x.js", "x\n.js", 7]
)
def test_a_path_that_leads_out_of_the_folder_is_not_used(tmp_path, path):
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "x.js").write_text("")
    (root / "link.js").symlink_to("../x.js")
    (root / "loop").symlink_to("loop")
    with pytest.raises(StartError, match=r"is not used: .* (leads out of the folder|is not a path)"):
        write(root, {"package.json": {"bin": {"x": path}}})


@pytest.mark.parametrize(
    "manifest",
    [
        *(bundle("node", "sh", "-c", "x"), bundle("binary", "/bin/sh"), bundle("binary", "${__dirname}/../sh")),
        *(bundle("node", "npx", "x"), bundle("node", "node", "../x.js"), bundle("node", "node", "/etc/x.js")),
        *(bundle("node", "node", "--import=/etc/x.js"), bundle("node", "node", "${__dirname}/../x")),
        *(bundle("node", "node", "link"), bundle("node", "node", "--a=link"), bundle("node", "node", "./link")),
        *(bundle("uv", "uv", "run", "--with", "git+https://h/x"), bundle("uv", "uv", "--with", "x @ file:x")),
        *(bundle("uv", "uv", "run", "https://h/x.py"), bundle("node", "node", "a\x1bb"), bundle("docker", "docker")),
        *({"server": {"type": "node", "entry_point": "/bin/sh"}}, {"server": []}, {}, []),
    ],
)  # fmt: skip
def test_a_bundle_starts_nothing_but_what_is_in_it(tmp_path, manifest):
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to("/etc")
    with pytest.raises(StartError, match=r"manifest\.json is not used: "):
        write(root, {"manifest.json": manifest})


@pytest.mark.parametrize(
    "packages",
    [
        [{"registryType": "oci", "identifier": "x"}],
        [{"registryType": "npm", "identifier": "x", "transport": {"type": "streamable-http"}}],
        [{"registryType": "npm", "identifier": "git+https://h/x"}],
        [{"registryType": "pypi", "identifier": "--prefix=x"}],
        [{"registryType": ["npm"], "identifier": {}}, 1, None],
        {"npm": "x"},
    ],
)
def test_a_server_json_that_names_no_package_for_us_says_so(tmp_path, packages):
    with pytest.raises(StartError, match=r"server\.json is not used: it names no npm or pypi package over stdio"):
        write(tmp_path, {"server.json": {"packages": packages}})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        *((name, text) for name in JSONS for text in ("", "[", "[" * 100_000, "1" * 5000, "null", '"x"')),
        *(("pyproject.toml", text) for text in ("=", "x=" + "[" * 100_000, "a." * 3000 + "a=1", "project = 1")),
        *(("setup.py", text) for text in ("(" * 100_000, "-" * 100_000 + "1", "a" + ".a" * 100_000, "a\0", "setup(")),
        *(("setup.py", text) for text in ("setup(**x)", 'setup(name=f"{x}", entry_points=[1])', r"setup(name='\d')")),
        *(("setup.cfg", text) for text in ("x", "[a]\n[", "[metadata]\nname = %(x)s\n")),
        *((name, "x" * (folders.MAX_BYTES + 1)) for name in ("package.json", "pyproject.toml", "setup.py")),
        ("requirements.txt", "-r ../x\n\x00\n" * 1000),
    ],
)  # fmt: skip
def test_a_hostile_file_is_one_line_that_names_it(tmp_path, name, content):
    with pytest.raises(StartError, match=rf"^TARGET=.*: expected .* \({name} is not used: [^\n]*\)$"):
        write(tmp_path, {name: content})


def test_a_file_that_is_no_file_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "package.json")
    (tmp_path / "pyproject.toml").mkdir()
    (tmp_path / "setup.py").symlink_to("/etc/passwd")
    (tmp_path / "setup.cfg").write_bytes(b"\xff\xfe")
    with pytest.raises(StartError) as refused:
        detect(str(tmp_path))
    assert str(refused.value).count("is not a file") == 2
    assert "setup.py is not used: setup.py leads out of the folder" in str(refused.value)
    assert "setup.cfg is not used: it is not UTF-8" in str(refused.value)


def test_setup_py_is_never_run(tmp_path):
    write(tmp_path, {"setup.py": f'open({str(tmp_path / "ran")!r}, "w")\nsetup(name="a", scripts=[1])', "app.py": ""})
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("name", "content", "runtime", "start", "confidence"),
    [
        ("a.py", "from fastmcp import FastMCP", "python", ["python"], "high"),
        ("a.py", "", "python", ["python"], "medium"),
        ("a.mjs", 'import "@modelcontextprotocol/sdk/x.js"', "npm", ["node"], "high"),
        ("a.ts", "", "npm", ["npx", "-y", "tsx"], "medium"),
    ],
)
def test_a_script_is_run_by_its_suffix(tmp_path, monkeypatch, name, content, runtime, start, confidence):
    (tmp_path / name).write_text(content)
    monkeypatch.chdir(tmp_path)
    found = detect(name)
    assert (found.runtime, found.package, found.confidence) == (runtime, None, confidence)
    assert found.command == [*start, name]


def test_a_program_is_run_as_it_is(tmp_path, monkeypatch):
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    with pytest.raises(StartError, match="expected a script, a program or one of"):
        detect(str(program))
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    assert detect("./program").command == ["./program"]
    assert (detect(str(program)).runtime, detect(str(program)).command) == ("custom", [str(program)])


def test_the_only_registry_that_has_a_name_decides(registry):
    registry.npm["weather"] = {}
    registry.pypi["climate"] = "x"
    weather, climate = detect("weather"), detect("climate")
    assert (weather.runtime, weather.command, weather.confidence) == ("npm", ["npx", "-y", "weather"], "high")
    assert (climate.runtime, climate.command, climate.confidence) == ("python", ["uvx", "climate"], "high")
    assert weather.why == "npm has weather (latest: 1.1.0); PyPI has no package weather"


@pytest.mark.parametrize(
    ("npm", "pypi", "runtime"),
    [
        ({"bin": {"x": "x.js"}}, "mcp>=1", "python"),
        ({"bin": {"x": "x.js"}, "dependencies": SDK}, "mcp", None),
    ],
)
def test_of_two_packages_with_a_name_the_only_mcp_server_is_meant(registry, npm, pypi, runtime):
    registry.npm["weather"], registry.pypi["weather"] = npm, pypi
    if runtime:
        found = detect("weather")
        assert (found.runtime, found.package, found.confidence) == (runtime, "weather", "medium")
    else:
        with pytest.raises(
            StartError, match=r"^MCP_PACKAGE=weather: .* MCP_RUNTIME=npm or python says which is meant$"
        ):
            detect("weather")


def test_a_name_that_nobody_has_is_refused_with_near_misses_that_exist(registry, tmp_path, monkeypatch):
    registry.pypi["mcp-server-time"] = "mcp"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mcp-server-tmie").mkdir()
    with pytest.raises(StartError) as refused:
        detect("mcp-server-tmie")
    expected = "npm has no package mcp-server-tmie; PyPI has no package mcp-server-tmie; near: mcp-server-time (PyPI)"
    assert expected in str(refused.value)
    assert str(refused.value).endswith("; the one here is ./mcp-server-tmie")


def test_a_missing_npm_is_named(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(StartError, match=r"^MCP_PACKAGE=x: expected npm on the PATH"):
        detect("x")
