"""The template that deploys the zip: what AWS would say of it, and whether it names what is there."""

import os
import re
import shlex
import subprocess

import pytest
import yaml

from tests.ship.aws_lambda.lab.runtime_api import tools
from tests.support import ROOT

SHIP = ROOT / "ship" / "aws_lambda"
TEMPLATE = SHIP / "template.yaml"
pytestmark = pytest.mark.thorough


class Loader(yaml.SafeLoader):  # type: ignore[misc]  # yaml brings no types
    """Reads CloudFormation's tags as their long forms."""


def function(loader, tag, node):
    kinds = {yaml.ScalarNode: loader.construct_scalar, yaml.SequenceNode: loader.construct_sequence}
    value = kinds[type(node)](node, *([True] if isinstance(node, yaml.SequenceNode) else []))
    return {tag if tag == "Ref" else f"Fn::{tag}": value}


Loader.add_multi_constructor("!", function)


@pytest.fixture(scope="module")
def template():
    return yaml.load(TEMPLATE.read_text(), Loader)  # noqa: S506  a SafeLoader


@pytest.fixture(scope="module")
def server(template):
    return template["Resources"]["Server"]["Properties"]


def chosen(value, streams):
    """What is left of a value if answers are streamed, or are not; None is left out."""
    if isinstance(value, dict) and "Fn::If" in value:
        condition, then, otherwise = value["Fn::If"]
        assert condition == "Streams"
        return chosen(then if streams else otherwise, streams)
    return None if value == {"Ref": "AWS::NoValue"} else value


def linted(file):
    command = [tools() / "bin" / "cfn-lint", "--include-checks", "I", "--format", "parseable", "--", file]
    environment = {"PATH": os.defpath, "HOME": str(file.parent)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_aws_linter_finds_nothing():
    assert linted(TEMPLATE) == (0, "")


def test_aws_linter_would_find_something(tmp_path):
    broken = tmp_path / "template.yaml"
    broken.write_text(TEMPLATE.read_text().replace("InvokeMode: !If", "Mode: !If"))
    status, said = linted(broken)
    assert status != 0
    assert "'Mode'" in said


@pytest.mark.parametrize("streams", [False, True], ids=["buffered", "streaming"])
def test_the_handler_is_what_the_zip_has(server, streams):
    handler = chosen(server["Handler"], streams)
    boot, rest = handler.split("/" if streams else ".", 1)
    assert boot == "__boot__"  # what ship/aws_lambda/boot is called in the zip
    module = rest if streams else f"{rest.removesuffix('.handler')}.py"
    assert (SHIP / "boot" / module).is_file()
    assert streams or rest == "handler.handler"


def test_both_ways_to_answer_are_each_of_one_piece(server):
    names = ("AWS_LAMBDA_EXEC_WRAPPER", "AWS_LWA_INVOKE_MODE", "AWS_LWA_READINESS_CHECK_PATH", "PORT")
    variables, mode = server["Environment"]["Variables"], server["FunctionUrlConfig"]["InvokeMode"]
    assert [chosen(variables[name], True) for name in names] == ["/opt/bootstrap", "RESPONSE_STREAM", "/ready", "8080"]
    assert [chosen(variables[name], False) for name in names] == [None] * 4
    assert (chosen(mode, True), chosen(mode, False)) == ("RESPONSE_STREAM", "BUFFERED")
    assert (chosen(server["Layers"], True), chosen(server["Layers"], False)) == ([{"Ref": "AdapterLayer"}], None)


def test_nobody_gets_in_without_a_token_and_the_function_gets_nowhere(server):
    variables = server["Environment"]["Variables"]
    assert variables["MCP_AUTH"] == "token"
    assert "{{resolve:secretsmanager:${TokenSecret}" in variables["MCP_AUTH_TOKENS"]["Fn::Sub"]
    assert not {"Policies", "Role"} & server.keys()


def test_what_is_deployed_lies_where_make_puts_it_whatever_the_version(server):
    assert (TEMPLATE.parent / server["CodeUri"]).resolve() == ROOT / "dist" / "lambda.zip"


def test_the_client_is_told_the_whole_url(template):
    assert template["Outputs"]["Url"]["Value"]["Fn::Sub"] == "${ServerUrl.FunctionUrl}mcp"


def test_the_commands_of_the_readme_fit_the_template(template):
    text = re.sub(r"\bNAME\b", "weather", (SHIP / "README.md").read_text())
    commands = [shlex.split(line) for line in re.findall(r"^(?:aws|sam|make lambda) .*", text, re.MULTILINE)]
    secret, made, deployed, described = [words for words in commands if words != ["make", "lambda-image"]]
    given = dict(word.split("=", 1) for word in deployed[deployed.index("--parameter-overrides") + 1 :])
    assert given.keys() <= template["Parameters"].keys()
    assert given["TokenSecret"] == secret[secret.index("--name") + 1]
    assert f"python{made[2].removeprefix('PYTHON_VERSION=')}" == given["Runtime"]
    assert made[3].removeprefix("ARCHITECTURE=") == given["Architecture"]
    assert (ROOT / deployed[deployed.index("--template-file") + 1]) == TEMPLATE
    [output] = re.findall(r"OutputKey=='(\w+)'", described[described.index("--query") + 1])
    assert output in template["Outputs"]
    without_default = {name for name, one in template["Parameters"].items() if "Default" not in one}
    assert without_default <= given.keys()
