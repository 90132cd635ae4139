"""What `from boot import simple` gives, and the older spelling of the same."""

from ship.aws_lambda.boot import contract as simple

metorial = simple

__all__ = ["metorial", "simple"]
