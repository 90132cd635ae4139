import logging
import os
import signal

import pytest

from tests.k8s.recorder import PODS, all_is_well, record


@pytest.fixture
def recorder(tmp_path, monkeypatch):
    """A cluster in which all is well, as kubectl tells of it; nothing that is asked for changes it."""
    recorder = record(tmp_path, ["kubectl"])
    for name, value in recorder.environment.items():
        monkeypatch.setenv(name, value)
    all_is_well(recorder, PODS)
    return recorder


@pytest.fixture
def own_process():
    """Put back what a program's main() changes in the process that is its own otherwise."""
    variables, disabled = dict(os.environ), logging.root.manager.disable
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
    os.environ.clear()
    os.environ.update(variables)
    logging.disable(disabled)
    for number, handler in handlers.items():
        signal.signal(number, handler)
