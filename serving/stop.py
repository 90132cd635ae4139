"""The last resort of a stop: whatever still runs then cannot hold the process back."""

import logging
import os
import threading
from typing import Final, NoReturn

CLEANUP_SECONDS: Final = 5
"""How long open answers, and then lifespans, may take to close; no thread may hold the process back longer, either."""
LAST_WORDS_SECONDS: Final = 0.5
"""How long log lines may take that wait to be written: whoever reads them may have stopped to."""


def leave_within(seconds: float) -> None:
    """End the process with status 0 after so many seconds, unless it has ended by then."""
    timer = threading.Timer(seconds, leave)
    timer.daemon = True
    timer.start()


def leave(status: int = 0) -> NoReturn:
    """End the process now, whatever runs, but for log lines that wait to be written."""
    try:
        last_words = threading.Thread(target=logging.shutdown, daemon=True)
        last_words.start()
        last_words.join(LAST_WORDS_SECONDS)
    finally:  # there may be no room for another thread
        os._exit(status)
