"""`make new`: a copy of this repository under a name of its own, with its first commit.

Copier makes the copy and asks what has not been said, if there is a terminal; copier.yml says what. This adds what a
template without tasks cannot do, and nothing that `copier copy` would need.
"""

import argparse
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any, Final

from copier import run_copy
from copier.errors import CopierError

ROOT: Final = Path(__file__).resolve().parent.parent.parent


class CopyError(Exception):
    """There is no copy, or it is not committed; the message says why."""


def main() -> int:
    """Make the copy; what does not work is one line on stderr and status 1."""
    parser = argparse.ArgumentParser(prog="python -m ship.copy", description=__doc__)
    parser.add_argument("--dest", default="", help="a new folder; else ../NAME")
    parser.add_argument("--extras", default="", help="separated by commas")
    for answer in ("name", "description", "author", "image"):
        parser.add_argument(f"--{answer}", default="")
    said = vars(parser.parse_args())
    dest, extras = said.pop("dest"), re.findall(r"[^,\s]+", said.pop("extras"))
    answers = {question: answer for question, answer in said.items() if answer} | ({"extras": extras} if extras else {})
    try:
        make(answers, dest)
    except CopyError as error:
        print(f"new: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def make(answers: dict[str, Any], dest: str) -> None:
    """Copy to `dest`, or beside this folder, and commit it there.

    Raises:
        CopyError: an answer does not fit, `dest` is in use, or git has something to object.
    """
    interactive = sys.stdin.isatty()
    if "name" not in answers and not (interactive and dest):
        raise CopyError("expected NAME=weather, and DEST=../weather or another folder that is not there yet")
    folder = Path(dest or ROOT.parent / answers["name"]).expanduser().resolve()
    if folder.is_relative_to(ROOT):
        raise CopyError(f"DEST={dest}: expected a folder outside of the template's")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CopyError(f"DEST={dest or folder}: expected a new or an empty folder")
    _forget_hooks()
    origin = _find_origin()
    with warnings.catch_warnings(action="ignore"):  # that a clone is shallow
        try:
            run_copy(str(ROOT), folder, answers | origin, vcs_ref="HEAD", defaults=not interactive, quiet=True)
        except KeyboardInterrupt:  # which is an error of Copier's, too
            raise
        except (CopierError, ValueError) as error:
            raise CopyError(re.sub(r"^Validation error for question '(\w+)': ", r"\1: ", str(error))) from None
    _commit(folder)
    print(f"{folder} is a server of your own; its tools are examples. `make run` serves it, `make test` tests it.")


def _forget_hooks() -> None:
    """Drop the variables with which git tells a hook, that may have called us, which repository it is about."""
    for name in _git(ROOT, "rev-parse", "--local-env-vars").split():
        os.environ.pop(name, None)


def _find_origin() -> dict[str, str]:
    """Return where this clone came from, for the answers file, because nobody else has its path; {} if from nowhere.

    Raises:
        CopyError: an update would not find there what the copy is made of.
    """
    if not (ROOT / ".git").exists():
        raise CopyError(f"{ROOT} has no history, which updates need: clone the template, or `git init` and commit it")
    if changed := _git(ROOT, "status", "--porcelain", "-z").split("\0")[0]:
        raise CopyError(f"{changed[3:]} is not committed: the copy is made of a commit, for a later update to find")
    origin = _git(ROOT, "remote", "get-url", "origin", check=False)
    if origin and not _git(ROOT, "branch", "--remotes", "--contains", "HEAD"):
        raise CopyError(f"HEAD is not pushed: the copy would be updated from {_without_token(origin)}, which lacks it")
    if origin and (ROOT / origin).is_dir():
        return {"origin": str((ROOT / origin).resolve())}
    return {"origin": f"git+{_without_token(origin)}"} if origin else {}  # without git+ Copier knows only some hosts


def _without_token(url: str) -> str:
    return re.sub(r"^(https?://)[^/]*@", r"\1", url)


def _commit(folder: Path) -> None:
    _git(folder, "init", "--quiet", "--initial-branch=main")
    _git(folder, "-c", f"core.excludesFile={os.devnull}", "add", "--all")
    try:
        _git(folder, "commit", "--quiet", "--message", "Start from the template")
    except CopyError as error:
        raise CopyError(f"{folder} is complete, but not committed: {error}") from None


def _git(folder: Path, *arguments: str, check: bool = True) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)  # noqa: S607
    except FileNotFoundError:
        raise CopyError("git is needed for this and was not found") from None
    if check and done.returncode:
        raise CopyError(" ".join(done.stderr.split()) or f"git {' '.join(arguments)} failed")
    return done.stdout.rstrip("\n") if done.returncode == 0 else ""


if __name__ == "__main__":
    sys.exit(main())
