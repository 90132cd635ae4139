"""`python -m ship.aws_lambda` builds what the environment asks for; `python -m ship.aws_lambda pack` this server."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from serving.errors import StartError


def main(argv: Sequence[str] | None = None) -> None:
    """Do what the first word says, or build; what does not work is one line on stderr and status 1."""
    words = list(sys.argv[1:] if argv is None else argv)
    from ship.aws_lambda.pack import build

    if words[:1] != ["pack"]:
        if words:
            sys.exit(f"build: {words[0]}: expected no arguments, or pack: a build is told by its environment")
        return build.main()
    from ship.aws_lambda.pack.order import ARCHITECTURES, PYTHONS, THIS_ARCHITECTURE, THIS_PYTHON, read_target

    parser = argparse.ArgumentParser(prog="pack", description="Write lambda.zip of this server, and its .sha256.")
    parser.add_argument("--python", default=THIS_PYTHON, help=", ".join(PYTHONS))
    parser.add_argument("--architecture", default=THIS_ARCHITECTURE, help=" or ".join(ARCHITECTURES))
    parser.add_argument("--output", default="dist", help="a folder")
    given = parser.parse_args(words[1:])
    try:
        print(build.pack(read_target(given.python, given.architecture), Path(given.output)))
    except StartError as error:
        sys.exit(f"pack: {error}")


if __name__ == "__main__":
    main()
