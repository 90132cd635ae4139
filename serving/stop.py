"""The last resort of a stop: whatever still runs then cannot hold the process back."""

import os
import threading
from typing import Final

CLEANUP_SECONDS: Final = 5
"""How long open answers, and then lifespans, may take to close; no thread may hold the process back longer, either."""


def leave_within(seconds: float) -> None:
    """End the process with status 0 after so many seconds, unless it has ended by then."""
    timer = threading.Timer(seconds, os._exit, (0,))
    timer.daemon = True
    timer.start()
