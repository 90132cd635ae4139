"""What keeps a bundle from being run, or from being made."""

from serving.errors import StartError


class BundleError(StartError):
    """A bundle that is not used, or cannot be made; the message is one line that says why. The exit status is 1."""
