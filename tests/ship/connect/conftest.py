import pytest


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The empty home of somebody on Linux, with nothing on the PATH but what is put into its folder bin."""
    home = tmp_path / "home"
    (home / "bin").mkdir(parents=True)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    monkeypatch.setenv("PATH", str(home / "bin"))
    for name in ("XDG_CONFIG_HOME", "APPDATA", "CLAUDE_CONFIG_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    return home
