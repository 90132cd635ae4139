"""The verbs of make: what they run."""

from serving.identity import read_identity

IMAGE = f"{read_identity().name}-lambda-build:{read_identity().version}"


def test_make_lambda_takes_what_is_typed(recorded):
    words = recorded("lambda", "PYTHON_VERSION=3.13", "ARCHITECTURE=arm64", instead="PYTHON")
    assert words == ["-m", "ship.aws_lambda", "pack", "--python", "3.13", "--architecture", "arm64"]


def test_make_lambda_is_for_this_machine_if_nothing_is_typed(recorded):
    assert recorded("lambda", instead="PYTHON") == ["-m", "ship.aws_lambda", "pack"]


def test_the_image_is_built_from_its_dockerfile(recorded):
    words = recorded("lambda-image", "PYTHON_VERSION=3.12")
    assert words[words.index("--file") + 1] == "ship/aws_lambda/Dockerfile"
    assert words[words.index("--tag") + 1] == IMAGE
    assert "PYTHON_VERSION=3.12" in words


def test_what_a_build_is_told_gets_into_the_container_by_name(recorded):
    told = {
        "ZIP_URL": "https://ann:hunter2@h.invalid/x.zip",
        "S3_BUCKET": "builds",
        "S3_KEY": "x.zip",
        "AWS_SECRET_ACCESS_KEY": "hunter2",
        "UV_DEFAULT_INDEX": "https://ann:hunter2@h.invalid/simple",
        "ARCHITECTURE": "arm64",
        "MCP_ENTRYPOINT": "src/server.py",
    }
    words = recorded("lambda-image-run", **told)
    ran = words[words.index("run") :]
    assert {*told, "--read-only"} <= set(ran)
    assert ran[-1] == IMAGE
    assert not [word for word in words if "hunter2" in word]
