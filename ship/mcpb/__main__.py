"""`python -m ship.mcpb` runs a bundle; `python -m ship.mcpb pack` makes one of this server."""

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> None:
    """Do what the first word says, or run; options are those of server.py, and those of `BundleSettings`."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["pack"]:
        from ship.mcpb.pack.bundle import main as pack

        return pack(words[1:])
    from ship.mcpb.serve.run import run

    return run(words)


if __name__ == "__main__":
    main()
