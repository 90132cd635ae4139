"""The settings themselves; where they come from is tested in test_sources.py."""

import pytest
from pydantic import ValidationError

from serving.settings import Settings


def test_every_setting_is_explained():
    assert all(field.description for field in Settings.model_fields.values())


def test_settings_cannot_change_while_the_server_runs():
    with pytest.raises(ValidationError):
        Settings().__setattr__("port", 80)


def test_the_endpoint_follows_the_transport():
    assert Settings().endpoint == "/mcp"
    assert Settings(path="/tools").endpoint == "/tools"
    assert Settings(transport="sse", path="/tools").endpoint == "/sse"
