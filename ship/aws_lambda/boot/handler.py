"""The handler: `__boot__.handler.handler`. A start that fails ends the process, as Lambda wants it, with one line."""

from ship.aws_lambda.boot.runtime import Function
from ship.aws_lambda.boot.start import start

try:
    handler = Function(start())
except Exception:
    from serving.run import explain_errors  # which takes its time, and is rarely needed

    with explain_errors():
        raise
