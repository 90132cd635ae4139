"""Whom the server answers: which hosts, which origins, and what a browser is told about it."""

import json
import socket
from urllib.parse import urlsplit

import pytest
from fastmcp import FastMCP
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from serving.errors import SettingsError
from serving.settings import Settings
from serving.web.guard import LONGEST_SHOWN, MOST_WARNINGS, PROBES, guard
from serving.web.probes import Readiness, probe_routes
from tests.support import serving

OURS = "Host: localhost:8000"


class Answer:
    def __init__(self, start, body):
        self.status = start["status"]
        self.headers = Headers(raw=start["headers"])
        self.body = body["body"]

    @property
    def error(self):
        return json.loads(self.body)["error"]


def guarded(**settings):
    async def answer(_):
        return PlainTextResponse("in")

    routes = [Route("/{path:path}", answer, methods=["GET", "POST", "DELETE"])]
    return Starlette(routes=routes, middleware=guard(Settings(**settings)))


def scope(*headers, **changes):
    """Build what an ASGI server makes of a request with these header lines."""
    pairs = [line.partition(": ")[::2] for line in headers]
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in pairs]
    request = {"type": "http", "method": "POST", "path": "/mcp", "headers": raw, "server": ("10.0.0.7", 8000)}
    return request | changes


async def ask(app, *headers, **changes):
    sent = []

    async def send(message):
        sent.append(message)

    await app(scope(*headers, **changes), None, send)
    return Answer(*sent)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8000",
        "LOCALHOST.:8000",
        "127.0.0.1:8000",
        "127.8.9.10",
        "[::1]:8000",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]:8000",
    ],
)
async def test_a_loopback_host_is_served(host):
    assert (await ask(guarded(), f"Host: {host}")).status == 200


@pytest.mark.parametrize(
    ("host", "server", "status"),
    [
        ("10.0.0.7:8000", ("10.0.0.7", 8000), 200),
        ("10.0.0.7", ("::ffff:10.0.0.7", 8000), 200),
        ("[2001:DB8:0::1]:8000", ("2001:db8::1", 8000), 200),
        ("10.0.0.8:8000", ("10.0.0.7", 8000), 421),
        ("attacker.example:8000", ("attacker.example", 8000), 421),
        ("10.0.0.7", ("/run/mcp.sock", None), 421),
        ("10.0.0.7", None, 421),
    ],
)
async def test_the_address_that_a_client_has_connected_to_is_served_and_no_other(host, server, status):
    assert (await ask(guarded(), f"Host: {host}", server=server)).status == status


async def test_a_name_that_was_rebound_to_loopback_is_refused():
    answer = await ask(guarded(), "Host: attacker.example", "Origin: http://attacker.example", server=("127.0.0.1", 80))
    assert answer.status == 421
    assert answer.error["code"] == "misdirected_request"
    assert answer.error["message"] == (
        "this server does not answer for the host 'attacker.example': if it should, add it to MCP_ALLOWED_HOSTS"
    )
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "host",
    [
        "",
        " ",
        " localhost",
        "localhost:",
        "localhost:80:80",
        "localhost:abc",
        "localhost:99999",
        "localhost:-1",
        "localhost..",
        "localhost@evil.example",
        "evil.example@localhost",
        "localhost/",
        "localhost, evil.example",
        "localhöst",
        "*.example.com",
        "[::1",
        "::1",
        "[::1]8000",
        "[127.0.0.1]",
        "[fe80::1%25eth0]:8000",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "127.1",
        "0177.0.0.1",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "a" * 1000,
    ],
)
@pytest.mark.parametrize("hosts", [(), ("*.example.com",)])
async def test_a_host_that_is_malformed_or_only_looks_like_loopback_is_refused(host, hosts):
    assert (await ask(guarded(allowed_hosts=hosts), f"Host: {host}")).status == 421


@pytest.mark.parametrize("headers", [[], [OURS, OURS], [OURS, "Host: evil.example"]])
@pytest.mark.parametrize("hosts", [(), ("*",)])
async def test_a_request_names_exactly_one_host(headers, hosts):
    assert (await ask(guarded(allowed_hosts=hosts), *headers)).status == 421


@pytest.mark.parametrize(
    ("entry", "host", "status"),
    [
        ("mcp.example.com", "mcp.example.com", 200),
        ("mcp.example.com", "MCP.Example.com.:8000", 200),
        ("MCP.example.com.", "mcp.example.com", 200),
        ("mcp.example.com", "example.com", 421),
        ("mcp.example.com", "a.mcp.example.com", 421),
        ("example.com:8443", "example.com:8443", 200),
        ("example.com:8443", "example.com:8444", 421),
        ("example.com:8443", "example.com", 421),
        ("example.com:443", "example.com", 200),
        ("my_server", "my_server:8000", 200),
        ("*.example.com", "a.example.com", 200),
        ("*.example.com", "a.b.example.com:8000", 200),
        ("*.example.com", "example.com", 421),
        ("*.example.com", "evilexample.com", 421),
        ("*.example.com", "a.example.com.evil", 421),
        ("*.example.com:8443", "a.example.com:8443", 200),
        ("*.example.com:8443", "a.example.com:1", 421),
        ("10.1.2.3", "10.1.2.3:8000", 200),
        ("[2001:db8::1]", "[2001:db8:0:0::1]:8000", 200),
        ("2001:db8::1", "[2001:db8::1]", 200),
        ("[2001:db8::1]:8000", "[2001:db8::1]:8001", 421),
        ("*", "anything.example", 200),
    ],
)
async def test_a_host_is_served_when_the_settings_list_it(entry, host, status):
    assert (await ask(guarded(allowed_hosts=(entry,)), f"Host: {host}")).status == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (["Host: mcp.example.com"], 200),
        (["Host: mcp.example.com:8000"], 200),
        (["Host: example.com"], 421),
        (["Host: mcp.example.com", "Origin: https://mcp.example.com"], 200),
        ([OURS, "Origin: https://mcp.example.com"], 200),
        ([OURS, "Origin: https://MCP.example.com:443"], 200),
        ([OURS, "Origin: https://mcp.example.com:8443"], 403),
    ],
)
async def test_the_public_url_is_a_host_and_an_origin_of_ours(headers, status):
    assert (await ask(guarded(public_url="https://mcp.example.com"), *headers)).status == status


@pytest.mark.parametrize("path", sorted(PROBES))
@pytest.mark.parametrize("headers", [["Host: 10.0.0.9:8000"], ["Host: lb.example"], ["Host: "], []])
async def test_probes_may_come_for_any_host(path, headers):
    assert (await ask(guarded(), *headers, path=path, method="GET")).status == 200


def test_the_probes_that_are_exempt_are_the_probes():
    assert {route.path for route in probe_routes(FastMCP("test"), Readiness())} == PROBES


@pytest.mark.parametrize("path", ["/health/", "/ready/x", "/healthy", "//health"])
async def test_nothing_but_the_probes_is_exempt(path):
    assert (await ask(guarded(), "Host: lb.example", path=path, method="GET")).status == 421


@pytest.mark.parametrize("origin", ["https://evil.example", "http://attacker.example"])
async def test_probes_are_not_exempt_from_the_origin_check_even_after_a_rebinding(origin):
    answer = await ask(guarded(), "Host: attacker.example", f"Origin: {origin}", path="/health", method="GET")
    assert answer.status == 403


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("mcp.example.com:8000", "http://mcp.example.com:8000", 200),
        ("mcp.example.com:8000", "HTTP://MCP.example.com.:8000", 200),
        ("mcp.example.com:8000", "https://mcp.example.com:8000", 200),  # TLS ends at an ingress
        ("mcp.example.com", "https://mcp.example.com", 200),
        ("mcp.example.com", "http://mcp.example.com", 200),
        ("mcp.example.com:443", "https://mcp.example.com", 200),
        ("mcp.example.com:80", "http://mcp.example.com", 200),
        ("mcp.example.com", "https://mcp.example.com:8443", 403),
        ("mcp.example.com:8000", "http://mcp.example.com", 403),
        ("mcp.example.com:8000", "http://mcp.example.com:8001", 403),
        ("mcp.example.com", "https://example.com", 403),
        ("mcp.example.com", "https://a.mcp.example.com", 403),
        ("mcp.example.com", "app://mcp.example.com", 403),
        ("10.0.0.7:8000", "http://10.0.0.7:8000", 200),
        ("10.0.0.7:8000", "http://10.0.0.7:9000", 403),
    ],
)
async def test_an_origin_is_ours_when_host_and_port_are(host, origin, status):
    app = guarded(allowed_hosts=("mcp.example.com",))
    assert (await ask(app, f"Host: {host}", f"Origin: {origin}")).status == status


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("localhost:8000", "http://localhost:6274", 200),
        ("localhost:8000", "https://127.0.0.1:1", 200),
        ("127.0.0.1:8000", "http://[::1]:6274", 200),
        ("[::1]:8000", "http://localhost", 200),
        ("mcp.example.com", "http://localhost:6274", 403),
        ("10.0.0.7:8000", "http://localhost:8000", 403),
        ("localhost:8000", "app://localhost", 403),
        ("localhost:8000", "http://localhost.evil.example", 403),
    ],
)
async def test_a_page_on_this_machine_may_call_a_server_on_this_machine(host, origin, status):
    app = guarded(allowed_hosts=("mcp.example.com",))
    assert (await ask(app, f"Host: {host}", f"Origin: {origin}")).status == status


@pytest.mark.parametrize(
    ("entry", "origin", "status"),
    [
        ("https://app.example.com", "https://app.example.com", 200),
        ("https://app.example.com", "https://app.example.com:443", 200),
        ("https://app.example.com:443/", "https://app.example.com", 200),
        ("HTTPS://App.example.com", "https://app.example.com", 200),
        ("https://app.example.com", "http://app.example.com", 403),
        ("https://app.example.com", "https://app.example.com:8443", 403),
        ("https://app.example.com", "https://a.app.example.com", 403),
        ("https://*.example.com", "https://a.b.example.com", 200),
        ("https://*.example.com", "https://example.com", 403),
        ("https://*.example.com", "https://evilexample.com", 403),
        ("https://*.example.com", "http://a.example.com", 403),
        ("https://*.example.com:8443", "https://a.example.com:8443", 200),
        ("https://*.example.com:8443", "https://a.example.com", 403),
        ("http://[2001:db8::1]:5173", "http://[2001:db8:0::1]:5173", 200),
        ("vscode-webview://abc", "vscode-webview://abc", 200),
        ("vscode-webview://abc", "vscode-webview://abcd", 403),
        ("vscode-webview://abc", "vscode-webview://abc:1", 403),
        ("null", "null", 200),
        ("https://app.example.com", "null", 403),
        ("*", "https://anything.example", 200),
        ("*", "null", 200),
    ],
)
async def test_an_origin_is_let_in_when_the_settings_list_it(entry, origin, status):
    assert (await ask(guarded(allowed_origins=(entry,)), OURS, f"Origin: {origin}")).status == status


@pytest.mark.parametrize(
    "origin",
    [
        "",
        " ",
        "localhost:8000",
        "//localhost:8000",
        "http://",
        "http:localhost:8000",
        "http://localhost:8000/",
        "http://localhost:8000/path",
        "http://localhost:8000?query",
        "http://localhost:8000#fragment",
        "http://me@localhost:8000",
        "http://evil.example@localhost:8000",
        "http://localhost:8000 http://evil.example",
        " http://localhost:8000",
        "http://localhöst:8000",
        "http://localhost:99999",
        "http://*.example.com",
        "1http://localhost:8000",
        "NULL",
    ],
)
@pytest.mark.parametrize("origins", [(), ("*",)])
async def test_an_origin_that_is_malformed_is_refused(origin, origins):
    assert (await ask(guarded(allowed_origins=origins), OURS, f"Origin: {origin}")).status == 403


async def test_several_origins_are_refused():
    origin = "Origin: http://localhost:8000"
    assert (await ask(guarded(), OURS, origin, origin)).status == 403


async def test_a_refused_origin_learns_why_and_reads_nothing():
    answer = await ask(guarded(), OURS, "Origin: https://evil.example")
    assert answer.status == 403
    assert answer.error["code"] == "forbidden_origin"
    assert answer.error["message"] == (
        "this server does not answer pages of the origin 'https://evil.example': "
        "if it should, add it to MCP_ALLOWED_ORIGINS"
    )
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert answer.headers["vary"] == "Origin"


@pytest.mark.parametrize(
    ("method", "site", "origins", "status"),
    [
        ("POST", "cross-site", (), 403),
        ("POST", "cross-site", ("null",), 200),
        ("POST", "same-origin", (), 200),
        ("POST", "none", (), 200),
        ("GET", "cross-site", (), 403),  # an image, a script or a frame
        ("GET", "same-site", (), 200),
    ],
)
async def test_a_page_of_another_site_cannot_act_without_saying_its_origin(method, site, origins, status):
    app = guarded(allowed_origins=origins)
    assert (await ask(app, OURS, f"Sec-Fetch-Site: {site}", method=method)).status == status


@pytest.mark.parametrize(("destination", "status"), [("document", 200), ("iframe", 403), ("image", 403)])
async def test_a_link_of_another_site_opens_the_page_and_nothing_else(destination, status):
    headers = ("Sec-Fetch-Site: cross-site", f"Sec-Fetch-Dest: {destination}")
    assert (await ask(guarded(), OURS, *headers, method="GET")).status == status


async def test_a_preflight_of_an_origin_that_is_let_in_allows_what_mcp_needs():
    wanted = "authorization, content-type, mcp-protocol-version, mcp-method, mcp-name, mcp-param-city, traceparent"
    for method in ("GET", "POST", "DELETE"):
        answer = await ask(
            guarded(),
            OURS,
            "Origin: http://localhost:6274",
            f"Access-Control-Request-Method: {method}",
            f"Access-Control-Request-Headers: {wanted}",
            method="OPTIONS",
        )
        assert answer.status == 200
        assert answer.headers["access-control-allow-origin"] == "http://localhost:6274"
        assert answer.headers["access-control-allow-headers"] == wanted
        assert method in answer.headers["access-control-allow-methods"].split(", ")
        assert answer.headers["access-control-max-age"] == "600"
        assert "Origin" in answer.headers["vary"]
        assert "access-control-allow-credentials" not in answer.headers


async def test_a_preflight_may_ask_for_the_private_network():
    answer = await ask(
        guarded(allowed_origins=("https://app.example",)),
        OURS,
        "Origin: https://app.example",
        "Access-Control-Request-Method: POST",
        "Access-Control-Request-Private-Network: true",
        method="OPTIONS",
    )
    assert answer.status == 200
    assert answer.headers["access-control-allow-private-network"] == "true"


async def test_a_preflight_of_another_origin_is_refused():
    answer = await ask(
        guarded(), OURS, "Origin: https://evil.example", "Access-Control-Request-Method: POST", method="OPTIONS"
    )
    assert answer.status == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_an_origin_that_is_let_in_may_read_the_answer_and_its_headers():
    answer = await ask(guarded(), OURS, "Origin: http://localhost:6274")
    assert answer.body == b"in"
    assert answer.headers["access-control-allow-origin"] == "http://localhost:6274"
    assert answer.headers["vary"] == "Origin"
    exposed = answer.headers["access-control-expose-headers"].split(", ")
    assert {"Mcp-Session-Id", "X-Request-ID", "WWW-Authenticate", "Retry-After"} <= set(exposed)


async def test_a_cache_learns_that_the_answer_depends_on_the_origin_even_where_there_is_none():
    answer = await ask(guarded(), OURS)
    assert answer.headers["vary"] == "Origin"
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("headers", [["Host: evil.example"], [OURS, "Origin: https://evil.example"]])
async def test_a_websocket_is_refused_by_closing_it(headers):
    sent = []

    async def send(message):
        sent.append(message)

    await guarded()(scope(*headers, type="websocket"), None, send)
    assert [(message["type"], message["code"]) for message in sent] == [("websocket.close", 1008)]


async def test_a_refused_host_is_logged_once(caplog):
    app = guarded()
    for _ in range(3):
        await ask(app, "Host: evil.example")
        await ask(app, OURS, "Origin: https://evil.example")
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        (
            "WARNING",
            "this server does not answer for the host 'evil.example': if it should, add it to MCP_ALLOWED_HOSTS",
        ),
        (
            "WARNING",
            "this server does not answer pages of the origin 'https://evil.example': "
            "if it should, add it to MCP_ALLOWED_ORIGINS",
        ),
    ]


async def test_many_refused_hosts_neither_fill_the_log_nor_hide_a_refused_origin(caplog):
    app = guarded()
    for number in range(2 * MOST_WARNINGS):
        await ask(app, f"Host: evil{number}.example")
    assert len(caplog.records) == MOST_WARNINGS
    await ask(app, OURS, "Origin: https://evil.example")
    assert len(caplog.records) == MOST_WARNINGS + 1


@pytest.mark.parametrize("host", ["a" * 1000, "forged\tline %s\x1b[31m" + "a" * 1000])
async def test_a_refused_host_can_neither_flood_nor_forge_the_log(host, caplog):
    answer = await ask(guarded(), f"Host: {host}")
    for text in (answer.error["message"], caplog.messages[0]):
        assert f"{host[:LONGEST_SHOWN]!r}" in text
        assert "a" * LONGEST_SHOWN + "a" not in text
        assert text.isprintable()


@pytest.mark.parametrize(
    "entry",
    [
        "https://example.com",
        "*.",
        "**",
        "exa mple",
        "example.com/mcp",
        "a.*.com",
        "*:80",
        "[::1",
        "fe80::1%eth0",
        "127.1",
    ],
)
def test_a_bad_host_in_the_settings_is_named_before_the_server_starts(entry):
    with pytest.raises(SettingsError) as error:
        guard(Settings(allowed_hosts=("ok.example", entry)))
    expected = "host names like mcp.example.com, *.example.com or 10.0.0.7:8000"
    assert str(error.value) == f"MCP_ALLOWED_HOSTS={entry}: expected {expected}"


@pytest.mark.parametrize(
    "entry",
    [
        "example.com",
        "https://",
        "https://example.com/mcp",
        "https://*",
        "https://*.",
        "*://example.com",
        "*.example.com",
    ],
)
def test_a_bad_origin_in_the_settings_is_named_before_the_server_starts(entry):
    with pytest.raises(SettingsError) as error:
        guard(Settings(allowed_origins=(entry,)))
    expected = "origins like https://app.example.com, https://*.example.com or http://10.0.0.7:8000"
    assert str(error.value) == f"MCP_ALLOWED_ORIGINS={entry}: expected {expected}"


def test_a_bad_public_url_is_named_before_the_server_starts():
    with pytest.raises(SettingsError) as error:
        guard(Settings(public_url="https://example.com:port"))
    assert str(error.value) == "MCP_PUBLIC_URL=https://example.com:port: expected a URL like https://mcp.example.com"


def over_a_socket(server, *headers, path="/mcp"):
    """Send these very bytes; return what came back, which httpx2 would not let us ask for."""
    url = urlsplit(server.url)
    with socket.create_connection((url.hostname, url.port)) as connection:
        lines = [f"GET {path} HTTP/1.1", *headers, "Connection: close"]
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode()


def test_the_guard_stands_before_everything_that_a_real_server_has():
    with serving() as server:
        for host in ("attacker.example", "localhost:80:80", "127.1", "", "localhöst"):
            answer = over_a_socket(server, f"Host: {host}")
            assert answer.startswith("HTTP/1.1 421 "), host
            assert '"misdirected_request"' in answer
        for host in ("LOCALHOST.:8000", "[0:0:0:0:0:0:0:1]"):
            assert over_a_socket(server, f"Host: {host}", path="/").startswith("HTTP/1.1 200 "), host
        assert over_a_socket(server, "Host: lb.example", path="/health").startswith("HTTP/1.1 200 ")
        assert "HTTP/1.1 2" not in over_a_socket(server, "Host: localhost", "Host: attacker.example")


def test_a_real_server_refuses_a_foreign_page_and_says_so_once_in_its_log():
    with serving() as server:
        for _ in range(2):
            answer = over_a_socket(server, "Host: localhost", "Origin: https://evil.example", path="/health")
            assert answer.startswith("HTTP/1.1 403 ")
            assert '"forbidden_origin"' in answer
            assert "access-control" not in answer.lower()
        server.stop()
    assert len([line for line in server.log if "MCP_ALLOWED_ORIGINS" in line]) == 1
