"""The command line of the servers here: `--port N`, or `--transport stdio`, as the chassis has them."""

import argparse


def port() -> int | None:
    """Return the port to listen on; None is stdio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)
    parser.add_argument("--transport", choices=["stdio"])
    told = parser.parse_args()
    return None if told.transport else int(told.port)
