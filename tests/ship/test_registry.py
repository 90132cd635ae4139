"""server.json says what the MCP registry takes, and what it would refuse is refused first."""

import hashlib
import json
import os
import shutil
from functools import partial
from pathlib import Path

import jsonschema
import pytest

from serving.identity import Identity, read_identity
from serving.settings import Settings
from serving.sources import load_settings
from ship import registry
from ship.registry import SCHEMA, image_of_the_cluster, main
from tests.support import ROOT, make

FILE = Path(os.environ.get("SCHEMAS_DIR") or ROOT.parent / "shared" / "schemas") / "server.schema.json"
IDENTITY = Identity("weather", "1.2.3", "What the weather is like")
NAME = "io.github.me/weather"
IMAGE = "ghcr.io/me/weather:1.2.3"
URL = "https://mcp.example.com/mcp"
BUNDLE_URL = "https://github.com/me/weather/releases/download/v1.2.3/weather-1.2.3.mcpb"


@pytest.fixture
def write(tmp_path, monkeypatch, capsys):
    """Run the program for a server of this identity; return what it wrote, or its error."""

    def write(*arguments, identity=IDENTITY, name=NAME):
        monkeypatch.setattr(registry, "read_identity", lambda: identity)
        monkeypatch.setattr(registry, "image_of_the_cluster", lambda: "")  # which may be in a registry here
        output = tmp_path / "server.json"
        status = main([f"--name={name}", *arguments, f"--output={output}"])
        said = capsys.readouterr().err
        assert (status, said.count("\n"), output.exists()) in ((0, 0, True), (2, 1, False))
        return said or json.loads(output.read_text())

    return write


@pytest.fixture
def bundle(tmp_path):
    file = tmp_path / "weather.mcpb"
    file.write_bytes(b"a bundle")
    return file


def check(document):
    if not FILE.exists():
        pytest.skip(f"{FILE} is not there: set SCHEMAS_DIR to a folder with the registry's schema")
    schema = json.loads(FILE.read_text())
    assert schema["$id"] == document["$schema"]
    jsonschema.Draft7Validator(schema).validate(document)


def test_all_that_can_be_said_is_what_the_schema_wants(write, bundle):
    repository = "--repository=https://github.com/me/weather"
    document = write(repository, f"--image={IMAGE}", f"--bundle={bundle}", f"--bundle-url={BUNDLE_URL}", f"--url={URL}")
    check(document)
    image, file = document.pop("packages")
    assert document == {
        "$schema": SCHEMA,
        "name": NAME,
        "title": "weather",
        "description": "What the weather is like",
        "repository": {"url": "https://github.com/me/weather", "source": "github"},
        "version": "1.2.3",
        "remotes": [{"type": "streamable-http", "url": URL}],
    }
    assert (image["registryType"], image["identifier"]) == ("oci", IMAGE)
    assert (file["registryType"], file["identifier"]) == ("mcpb", BUNDLE_URL)
    assert file["fileSha256"] == hashlib.sha256(b"a bundle").hexdigest()
    assert image["transport"] == file["transport"] == {"type": "stdio"}


def test_the_registry_wants_the_version_of_an_image_or_a_bundle_in_its_identifier_alone(write, bundle):
    packages = write(f"--image={IMAGE}", f"--bundle={bundle}", f"--bundle-url={BUNDLE_URL}")["packages"]
    assert not [package for package in packages if {"version", "registryBaseUrl"} & package.keys()]


def test_the_image_is_told_to_speak_over_stdio(write):
    [package] = write(f"--image={IMAGE}")["packages"]
    [argument] = package["packageArguments"]
    assert load_settings(Settings, [argument["name"], argument["value"]], {}).transport == "stdio"


@pytest.mark.parametrize("only", [f"--image={IMAGE}", f"--url={URL}"])
def test_one_way_to_have_the_server_is_enough(write, only):
    document = write(only)
    check(document)
    assert ("packages" in document) != ("remotes" in document)


@pytest.mark.parametrize(
    ("key", "value"), [("description", "x" * 101), ("name", "no-namespace"), ("remotes", [{"type": "streamable-http"}])]
)
def test_the_check_refuses_what_does_not_fit_the_schema(write, key, value):
    with pytest.raises(jsonschema.ValidationError):
        check(write(f"--url={URL}") | {key: value})


def test_nothing_given_is_an_error_that_says_what_can_be(write):
    said = write()
    assert all(variable in said for variable in ("REGISTRY=", "BUNDLE=", "BUNDLE_URL=", "URL="))


@pytest.mark.parametrize(
    "name",
    ["", "weather", "io.github.me/another", "io.github.me/a/weather", "-me/weather", "io.github.OWNER/weather"],
)
def test_a_name_is_a_namespace_of_ones_own_and_the_name_of_the_project(write, name):
    said = write(f"--url={URL}", name=name)
    assert said.startswith(f"server-json: name '{name}': expected NAMESPACE/weather with a namespace of yours")
    assert all(place in said for place in ("README", "MCP_NAME="))


@pytest.mark.parametrize(("length", "fits"), [(0, False), (1, True), (100, True), (101, False)])
def test_a_description_has_at_most_100_characters(write, length, fits):
    said = write(f"--url={URL}", identity=Identity("weather", "1.2.3", "ä" * length))
    if fits:
        check(said)
    else:
        assert f"expected 1 to 100 characters, but it has {length}\n" in said


@pytest.mark.parametrize("version", ["1.2.3", "0.1.0rc1", "1.0.0-alpha.1", "2026.9", "1.0+local.1", "1!2.0"])
def test_a_version_is_taken_as_it_is(write, version):
    document = write(f"--url={URL}", identity=Identity("weather", version, "x"))
    check(document)
    assert document["version"] == version


@pytest.mark.parametrize("version", ["latest", "^1.2.3", "~1.2", ">=1.0", "1.x", "1.2.*", "1 - 2", "1.2 || 1.3", ""])
def test_a_version_that_is_a_range_is_none(write, version):
    said = write(f"--url={URL}", identity=Identity("weather", version, "x"))
    assert f"version '{version}' of pyproject.toml: expected a specific one" in said


@pytest.mark.parametrize(
    "image",
    [
        *("ghcr.io/me/weather:latest-1", "docker.io/me/weather:v1", "registry.example.com:5000/a/b_c/weather:1.2.3"),
        *(f"ghcr.io/me/weather@sha256:{'0' * 64}", f"ghcr.io/me/weather:1@sha256:{'0' * 64}"),
    ],
)
def test_an_image_is_named_with_its_registry_and_what_does_not_move(write, image):
    assert write(f"--image={image}")["packages"][0]["identifier"] == image


@pytest.mark.parametrize(
    "image",
    [
        *(
            "weather:1.2.3",
            "me/weather:1.2.3",
            "ghcr.io/me/weather",
            "ghcr.io/me/weather:latest",
            "ghcr.io/Me/weather:1",
        ),
        *(
            "https://ghcr.io/me/weather:1",
            "ghcr.io/me/weather:",
            "ghcr.io/me/weather:1 2",
            "ghcr.io/me/weather@sha256:0",
        ),
        f"ghcr.io/me/weather:latest@sha256:{'0' * 64}",
    ],
)
def test_any_other_image_is_refused(write, image):
    assert f"image '{image}': expected REGISTRY/NAME with a tag" in write(f"--image={image}")


@pytest.mark.parametrize(
    "url",
    [
        "https://gitlab.com/group/sub/mcp/-/releases/v1/downloads/weather.mcpb",
        "https://gitlab.com/me/mcp-weather/-/package_files/12/download",
        "https://www.github.com/me/mcp.weather/releases/download/v1/weather",
    ],
)
def test_a_bundle_is_a_file_of_a_release(write, bundle, url):
    assert write(f"--bundle={bundle}", f"--bundle-url={url}")["packages"][0]["identifier"] == url


@pytest.mark.parametrize(
    "url",
    [
        *(BUNDLE_URL.replace("https:", "http:"), BUNDLE_URL.replace("github.com", "example.com"), f"{BUNDLE_URL}?x=1"),
        *(BUNDLE_URL.replace("https://", "https://me:secret@"), BUNDLE_URL.replace("mcpb", "zip"), f"{BUNDLE_URL}/x"),
        *("https://github.com/me/weather/archive/weather.mcpb", "https://github.com/me/mcp/releases/download/{v}/x"),
    ],
)
def test_a_bundle_anywhere_else_is_refused(write, bundle, url):
    said = write(f"--bundle={bundle}", f"--bundle-url={url}")
    assert f"bundle URL '{url}': expected a file of a release, with mcp in its address" in said


def test_a_bundle_needs_its_file_and_its_address(write, bundle):
    for half in (f"--bundle={bundle}", f"--bundle-url={BUNDLE_URL}"):
        assert "expected both, or neither" in write(half)
    missing = write(f"--bundle={bundle}x", f"--bundle-url={BUNDLE_URL}")
    assert f"bundle '{bundle}x': expected a file that can be read (No such file or directory)" in missing


@pytest.mark.parametrize("url", ["https://mcp.example.com:8443/a/mcp", "https://localhost.example.com/mcp/"])
def test_a_remote_is_where_anybody_reaches_it(write, url):
    assert write(f"--url={url}")["remotes"] == [{"type": "streamable-http", "url": url}]


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://mcp.example.com/mcp",
            "http://localhost:8000/mcp",
            "https://localhost/mcp",
            "https://127.0.0.1:1/mcp",
        ),
        *("https://me:secret@example.com/mcp", "https://{tenant}.example.com/mcp", "https://example.com/{tenant}"),
        *("https://example.com", "https://example.com/mcp?key=1", "https://example.com/mcp#1", "https://[/mcp", "mcp"),
    ],
)
def test_any_other_remote_is_refused(write, url):
    assert f"URL '{url}': expected where anybody reaches MCP, such as https://mcp.example.com/mcp" in write(
        f"--url={url}"
    )


@pytest.mark.parametrize(
    ("repository", "source"),
    [("https://github.com/me/weather", "github"), ("https://gitlab.com/group/sub/weather", "gitlab")],
)
def test_a_repository_is_of_its_host(write, repository, source):
    document = write(f"--url={URL}", f"--repository={repository}")
    check(document)
    assert document["repository"] == {"url": repository, "source": source}


@pytest.mark.parametrize(
    "repository", ["https://example.com/me/weather", "https://github.com/me", "https://github.com/a/b/c", "me/weather"]
)
def test_a_repository_that_the_registry_does_not_know_is_refused(write, repository):
    said = write(f"--url={URL}", f"--repository={repository}")
    assert f"repository '{repository}': expected https://github.com/OWNER/REPOSITORY" in said


@pytest.mark.parametrize(
    ("name", "image"),
    [("ghcr.io/me/weather", IMAGE), ("localhost:5000/weather", "localhost:5000/weather:1.2.3"), ("weather", "")],
)
def test_the_image_of_the_cluster_is_meant_if_it_is_in_a_registry(tmp_path, name, image):
    identity(tmp_path, f"images: [{{ name: server, newName: '{name}', newTag: 1.2.3 }}]")
    assert image_of_the_cluster(tmp_path) == image


def test_without_a_cluster_there_is_no_image_of_it(tmp_path):
    assert image_of_the_cluster(tmp_path) == ""


@pytest.mark.parametrize("text", ["", "images: []", "images: [{ name: server }]", "{"])
def test_an_identity_that_is_not_as_it_was_is_named(tmp_path, text):
    file = identity(tmp_path, text)
    with pytest.raises(registry.RegistryError) as caught:
        image_of_the_cluster(tmp_path)
    assert str(caught.value) == f"{file}: expected images with newName and newTag"


def identity(folder, text):
    file = folder / "k8s" / "identity" / "kustomization.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    return file


@pytest.fixture
def server_json(tmp_path, monkeypatch):
    """Run `make server-json` in a copy that has only what it needs, and so no k8s/."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "README.md").write_text(f"<!-- mcp-name: io.github.OWNER/{read_identity().name} -->")
    for name in ("serving", "ship"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))

    for variable in [name for name in os.environ if name.startswith("GITHUB_")]:
        monkeypatch.delenv(variable)
    return partial(make, "server-json", cwd=tmp_path)


def test_make_takes_the_owner_and_the_repository_from_github(server_json, tmp_path):
    done = server_json("REGISTRY=ghcr.io/me/", GITHUB_REPOSITORY_OWNER="Me", GITHUB_REPOSITORY="Me/weather")
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "dist" / "server.json").read_text())
    who = read_identity()
    assert (document["name"], document["version"]) == (f"io.github.Me/{who.name}", who.version)
    assert document["repository"]["url"] == "https://github.com/Me/weather"
    assert document["packages"][0]["identifier"] == f"ghcr.io/me/{who.name.lower()}:{who.version}"


def test_make_takes_what_is_given(server_json, tmp_path, bundle):
    name = read_identity().name
    given = (f"URL={URL}", f"BUNDLE={bundle}", f"BUNDLE_URL={BUNDLE_URL}", f"MCP_NAME=com.example/{name}")
    done = server_json(*given, GITHUB_REPOSITORY_OWNER="me")
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "dist" / "server.json").read_text())
    assert document["name"] == f"com.example/{name}"
    assert document["packages"][0]["identifier"] == BUNDLE_URL
    assert document["remotes"][0]["url"] == URL
    assert "repository" not in document


@pytest.mark.parametrize("variable", ["URL", "BUNDLE", "BUNDLE_URL", "REGISTRY", "REPOSITORY", "MCP_NAME"])
def test_make_runs_nothing_of_what_it_is_given(server_json, tmp_path, variable):
    value = "it's'; touch ran; '$$(touch ran)`touch ran`"
    done = server_json(
        f"{variable}={value}", *([] if variable == "URL" else [f"URL={URL}"]), GITHUB_REPOSITORY_OWNER="me"
    )
    assert done.returncode == 2
    assert done.stderr.startswith("server-json: ")
    assert not (tmp_path / "ran").exists()
