"""What keeps a server from starting."""


class StartError(Exception):
    """The server cannot start; the message is one line for the person who started it."""

    exit_status = 1


class SettingsError(StartError):
    """A setting that cannot be used; the message is one line with key, value and what was expected."""

    exit_status = 2
