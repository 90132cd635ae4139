"""A prefix belongs to whoever stands before us."""

import pytest

from serving.route_path import route_path


@pytest.mark.parametrize(
    ("root", "path", "ours"),
    [("", "/mcp", "/mcp"), ("/x", "/x/mcp", "/mcp"), ("/x", "/xmcp", "/xmcp"), ("/x", "/mcp", "/mcp")],
)
def test_the_prefix_of_an_outer_server_is_taken_off(root, path, ours):
    assert route_path({"root_path": root, "path": path}) == ours
