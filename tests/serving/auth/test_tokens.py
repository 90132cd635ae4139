"""Static tokens: what is understood, who gets in, and a file that changes."""

import hashlib
import logging

import pytest

from serving.auth.tokens import StaticTokens
from serving.errors import SettingsError
from serving.settings import Settings

ANN, BOB = "ann-0123456789abcdef", "bob-0123456789abcdef"


def verifier(text="", file=""):
    return StaticTokens(Settings(auth="token", auth_tokens=text, auth_tokens_file=str(file)))


async def who(tokens, token):
    access = await tokens.verify_token(token)
    return access and (access.client_id, access.scopes)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "tokens"
    path.write_text(f"ann={ANN}\n")
    return path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"ann={ANN}", ("ann", [])),
        (f"ann={ANN} read write", ("ann", ["read", "write"])),
        (f"bob={BOB},ann={ANN}\tread", ("ann", ["read"])),
        (f"\n  bob={BOB}  \r\n ann={ANN} read\r\n", ("ann", ["read"])),
        (f"# ann={BOB}, no={BOB}\nann={ANN} read # write", ("ann", ["read"])),
    ],
)
async def test_an_entry_is_a_name_a_token_and_scopes(text, expected):
    assert await who(verifier(text), ANN) == expected


@pytest.mark.parametrize("token", [ANN, "c2VjcmV0IHNlY3JldA==", "c2VjcmV0IHNlY3JldHM=", "abcdefghijklmno#p", "abc=="])
async def test_a_token_without_a_name_is_called_after_its_digest(token):
    name = f"token-{hashlib.sha256(token.encode()).hexdigest()[:8]}"
    assert await who(verifier(f"{token} read"), token) == (name, ["read"])


async def test_a_named_token_may_end_in_padding():
    assert await who(verifier("ann=c2VjcmV0IHNlY3JldA=="), "c2VjcmV0IHNlY3JldA==") == ("ann", [])


@pytest.mark.parametrize("token", ["", "ann", ANN[:-1], ANN + "x", ANN.upper(), f"ann={ANN}", " " + ANN, "é", "\udc80"])
async def test_any_other_token_is_refused(token):
    assert await who(verifier(f"ann={ANN}"), token) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (" ", "expected at least one token"),
        ("# only a comment", "expected at least one token"),
        (f"{BOB},grün={ANN}", r"entry 2 \(line 1\): expected printable ASCII characters"),
        (f"{BOB}\n\na\x07{ANN}", r"entry 2 \(line 3\): expected printable ASCII characters"),
        (f"={ANN}", r"entry 1 \(line 1\): expected a name before the ="),
        (f"a={ANN},a={BOB}", r"entry 2 \(line 1\): expected a name that no other entry has"),
        (f"a={ANN},b={ANN}", r"entry 2 \(line 1\): expected a token that no other entry has"),
        (f"{ANN}\n{ANN}", r"entry 2 \(line 2\): expected a token that no other entry has"),
        ("ann=", r"entry 1 \(line 1\): expected a token after the ="),
        ("production-client= read", r"entry 1 \(line 1\): expected a token after the ="),
    ],
)
def test_an_entry_that_cannot_be_used_stops_the_start_and_stays_secret(text, problem, file):
    with pytest.raises(SettingsError, match=rf"^MCP_AUTH_TOKENS: {problem}$"):
        verifier(text)
    file.write_text(text)
    with pytest.raises(SettingsError, match=rf"^MCP_AUTH_TOKENS_FILE={file}: {problem}$"):
        verifier(file=file)


def test_a_file_that_cannot_be_read_stops_the_start(tmp_path):
    with pytest.raises(SettingsError, match=r"^MCP_AUTH_TOKENS_FILE=.*: expected a file to read \(No such file"):
        verifier(file=tmp_path / "missing")
    with pytest.raises(SettingsError, match=r"^MCP_AUTH_TOKENS_FILE=.*: expected a file to read \(Is a directory"):
        verifier(file=tmp_path)


def test_what_is_listed_must_not_be_in_the_file_as_well(file):
    with pytest.raises(SettingsError, match=r"entry 1 .* expected a name that no other entry has"):
        verifier(f"ann={BOB}", file)


def test_a_short_token_is_warned_about_without_showing_it(caplog):
    verifier(f"{ANN},hunter2")
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == (
        "MCP_AUTH_TOKENS: entry 2 (line 1): a token of less than 16 characters may be guessed"
    )


def test_only_digests_are_kept():
    assert ANN not in repr(vars(verifier(f"ann={ANN}")))


async def test_the_environment_and_the_file_both_count(file):
    tokens = verifier(BOB, file)
    assert await who(tokens, ANN) == ("ann", [])
    assert await who(tokens, BOB) is not None


async def test_a_changed_file_counts_at_once(file):
    tokens = verifier(file=file)
    file.write_text(f"bob={BOB} read\n")
    assert await who(tokens, ANN) is None
    assert await who(tokens, BOB) == ("bob", ["read"])


async def test_a_mounted_secret_swaps_a_link(tmp_path):
    for name, token in (("old", ANN), ("new", BOB)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tokens").write_text(token)
    data, next_data = tmp_path / "data", tmp_path / "next"
    data.symlink_to("old")
    tokens = verifier(file=data / "tokens")
    assert await who(tokens, ANN)
    next_data.symlink_to("new")
    next_data.rename(data)
    assert await who(tokens, ANN) is None
    assert await who(tokens, BOB)


@pytest.mark.parametrize("broken", [None, "", "# nobody", f"ann={ANN},ann={BOB}", f"ann={ANN},listed={BOB}"])
async def test_a_file_that_breaks_lets_nobody_in_says_so_once_and_recovers(file, broken, caplog):
    listed = "listed-0123456789abcdef"
    tokens = verifier(f"listed={listed}", file)
    content = file.read_text()
    for _ in range(2):
        caplog.clear()
        if broken is None:
            file.unlink()
        else:
            file.write_text(broken)
        assert [await who(tokens, ANN) for _ in range(3)] == [None] * 3
        assert await who(tokens, listed) == ("listed", [])
        [record] = caplog.records
        assert record.levelno == logging.ERROR
        assert str(file) in record.getMessage()
        assert ANN not in caplog.text
        file.write_text(content)
        assert await who(tokens, ANN) == ("ann", [])


async def test_a_file_that_comes_back_as_it_was_counts_again(file, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(file)
    tokens = verifier(file=link)
    link.unlink()
    assert await who(tokens, ANN) is None
    link.symlink_to(file)
    assert await who(tokens, ANN) == ("ann", [])
