"""What keeps a server from starting."""


class StartError(Exception):
    """The server cannot start; the message is one line for the person who started it."""

    exit_status = 1
