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
