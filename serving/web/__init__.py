"""The service over HTTP: what a request meets from the socket to FastMCP, and the routes that we add."""
