"""What a guest needs is read strictly: names, versions and hashes, and nothing that uv would do more with."""

import pytest

from ship.aws_lambda.pack.errors import BuildError
from ship.aws_lambda.pack.requirements import MOST_BYTES, read_wanted

PROJECT = '[project]\nname = "guest"\nversion = "1"\n'


@pytest.fixture
def guest(tmp_path):
    """Write a guest's files; return the first one."""

    def write(**files):
        for name, text in files.items():
            path = tmp_path / "guest" / name.replace("__IN__", "/").replace("_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return tmp_path / "guest" / next(iter(files)).replace("_", ".")

    return write


def refused(file):
    """The one line that says why it is."""
    with pytest.raises(BuildError) as raised:
        read_wanted(file)
    assert len(str(raised.value).splitlines()) == 1
    return str(raised.value)


def test_without_a_file_nothing_is_wanted():
    wanted = read_wanted(None)
    assert (wanted.requirements, wanted.constraints, wanted.hashes, wanted.names_boto) == ([], [], {}, False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("six\n", ["six"]),
        ("# all\n\n  six<2  # not two\n", ["six<2"]),
        ("\ufeffsix\r\nattrs\r\n", ["six", "attrs"]),
        ("six ; python_version < '3'\n", ['six; python_version < "3"']),
        ("six[a,b] >= 1, \\\n  < 2\n", ["six[a,b]<2,>=1"]),
        ("--require-hashes\nsix==1 --hash=sha256:" + 64 * "0" + "\n", ["six==1"]),
        ("six", ["six"]),
        ("", []),
    ],
)
def test_names_versions_and_markers_are_read(guest, text, expected):
    assert read_wanted(guest(requirements_txt=text)).requirements == expected


def test_hashes_are_kept_by_package(guest):
    text = f"Some.Thing==1 \\\n    --hash=sha256:{64 * 'a'} \\\n    --hash sha256:{64 * 'B'}  # two\nsix==1\n"
    wanted = read_wanted(guest(requirements_txt=text))
    assert wanted.hashes == {"some-thing": {f"sha256:{64 * one}" for one in "ab"}}


def test_what_is_included_counts_and_is_read_once(guest):
    file = guest(
        requirements_txt="-r more/base.txt  # all\n-c most.txt\n",
        more__IN__base_txt="six\n--requirement=../requirements.txt\n-rother.txt\n",
        more__IN__other_txt="attrs\n",
        most_txt="six<2\n-r more/other.txt\n",
    )
    wanted = read_wanted(file)
    assert wanted.requirements == ["six", "attrs"]
    assert wanted.constraints == ["six<2", "attrs"]


@pytest.mark.parametrize(
    "line",
    [
        "--no-binary six",
        "--no-binary :all:",
        "--only-binary :none:",
        "--index-url https://example.invalid/simple",
        "--find-links wheels",
        "-e .",
        ".",
        "./six-1.0-py3-none-any.whl",
        "six == one",
        "six==1 --hash=sha512:00",
        "six --config-settings=a=b",
        "https://example.invalid/six-1.0-py3-none-any.whl",
    ],
)
def test_what_is_no_package_is_refused(guest, line):
    message = refused(guest(requirements_txt=f"attrs\n \t{line}\n"))
    assert message == f"requirements.txt: {line}: expected a package with its version, a --hash=sha256:..., -r or -c"


@pytest.mark.parametrize("address", ["https://u:hunter2@example.invalid/x.whl", "file:///hunter2", "git+ssh://hunter2"])
@pytest.mark.parametrize("line", ["six @ {}", "--extra-index-url {}", "-r {}"])
def test_an_address_is_refused_and_no_password_in_it_shown(guest, line, address):
    message = refused(guest(requirements_txt=f"{line.format(address)}\n"))
    assert message.startswith("requirements.txt: ")
    assert "u:hunter2" not in message


@pytest.mark.parametrize(
    "line", ["-r ../secret.txt", "-r/etc/hostname", "--requirement=${HOME}/x", "-c $X", "-r none.txt", "-r sub"]
)
def test_what_is_included_is_of_the_archive(guest, tmp_path, line):
    (tmp_path / "secret.txt").write_text("hunter2\n")
    message = refused(guest(requirements_txt=f"{line}\n", sub__IN__x_txt=""))
    assert message == f"requirements.txt: {line}: expected a file that is in the archive"


@pytest.mark.parametrize("name", ["server.tar.gz", "six-1.0-py3-none-any.whl", "foo.zip[extra]", "a.TGZ"])
def test_what_uv_takes_for_a_file_is_refused(guest, name):
    assert refused(guest(requirements_txt=f"{name}\n")).endswith("expected a version, and no address")


@pytest.mark.parametrize("text", [f"six; {5000 * '('}x{5000 * ')'}\n", "-r a\0b\n"], ids=["deep", "nul"])
def test_what_no_reader_gets_through_is_refused_in_one_line(guest, text):
    assert len(refused(guest(requirements_txt=text))) < 300


def test_what_is_refused_in_an_included_file_is_named_with_it(guest):
    message = refused(guest(requirements_txt="-c sub/most.txt\n", sub__IN__most_txt="--no-binary six\n"))
    assert message.startswith("most.txt: --no-binary six: expected a package")


@pytest.mark.parametrize("text", ["", '[project]\nname = "guest"\n', "[tool.ruff]\nline-length = 1\n"])
def test_a_project_may_need_nothing(guest, text):
    assert read_wanted(guest(pyproject_toml=text)).requirements == []


def test_a_project_has_its_dependencies_in_a_list(guest):
    text = f'{PROJECT}dependencies = ["six<2", "attrs ; python_version < \'3\'"]\n[tool.uv]\nno-binary = true\n'
    assert read_wanted(guest(pyproject_toml=text)).requirements == ["six<2", 'attrs; python_version < "3"']


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[project", "a pyproject.toml that can be read"),
        ("project = 1\n", "a pyproject.toml that can be read"),
        ("x = '\0'\n", "a pyproject.toml that can be read"),
        (f"{PROJECT}dependencies = 1\n", "the dependencies in it, as a list under [project]"),
        (f"{PROJECT}dependencies = [1]\n", "the dependencies in it, as a list under [project]"),
        (f'{PROJECT}dynamic = ["dependencies"]\n', "the dependencies in it, as a list under [project]"),
        ("[tool.poetry.dependencies]\nsix = '1'\n", "the dependencies in it, as a list under [project]"),
        (f"{PROJECT}[tool.poetry.dependencies]\nsix = '1'\n", "the dependencies in it, as a list under [project]"),
        pytest.param(f"x = {5000 * '9'}\n", "requirements that can be read", id="long"),
    ],
)
def test_a_project_that_cannot_be_read_is_refused(guest, text, expected):
    assert refused(guest(pyproject_toml=text)) == f"pyproject.toml: expected {expected}"


@pytest.mark.parametrize("name", ["requirements_txt", "pyproject_toml"])
def test_a_file_that_is_no_text_or_endless_is_refused(guest, name):
    assert refused(guest(**{name: b"\xff\xfes\0i\0x\0"})).endswith(": expected UTF-8")
    assert refused(guest(**{name: b"#" * (MOST_BYTES + 1)})).endswith(f": expected at most {MOST_BYTES} bytes")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("boto3\n", False),
        ("botocore  # boto3==1.0\n", False),
        ("boto3-stubs==1.0\n", False),
        ("s3transfer==1.0\n", True),
        ("# boto3==1.0\n", False),
        ("boto3; python_version < '3.12'\n", False),
        ("boto3==1.0\n", True),
        ("boto3[crt] >= 1.0 ; python_version < '3.12'\n", True),
        ("Boto3 == 1.0  # as it was\n", True),
        ("boto3\nbotocore<2\n", True),
        ("boto3==1.0 \\\n    --hash=sha256:" + 64 * "0" + "\n", True),
    ],
)
def test_a_guest_names_a_version_of_boto3_or_not(guest, text, names):
    assert read_wanted(guest(requirements_txt=text)).names_boto is names


@pytest.mark.parametrize(("wanted", "names"), [("boto3", False), ("boto3 == 1.0", True)])
def test_a_project_names_a_version_of_boto3_or_not(guest, wanted, names):
    assert read_wanted(guest(pyproject_toml=f'{PROJECT}dependencies = ["{wanted}"]\n')).names_boto is names
