"""What ends a build."""

from serving.errors import StartError


class BuildError(StartError):
    """A build that cannot be done; the message is one line that says why. The exit status is 1."""
