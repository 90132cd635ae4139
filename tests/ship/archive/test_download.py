"""Where an archive comes from: over the network or from a file, with an end, and without telling what is secret."""

import io
import logging
import os
import socket
import ssl
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from ship.archive import download
from ship.archive.address import check
from ship.archive.download import fetch, verify
from ship.archive.errors import ArchiveError
from tests.ship.archive.support import BUNDLE, sha256, web

CONTENT = os.urandom(300_000)


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    monkeypatch.setattr(download, "FIRST_PAUSE", 0.01)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def got(url, *, http=True, source=BUNDLE, **changes):
    file = io.BytesIO()
    assert fetch(replace(source, url=url, allow_http=http, **changes), file) == sha256(file.getvalue())
    return file.getvalue()


def refused(url, **changes):
    with pytest.raises(ArchiveError) as caught:
        got(url, **changes)
    said = str(caught.value)
    assert said.isprintable()
    assert "hunter2" not in said
    return said


def test_what_is_there_arrives_and_its_hash_is_right():
    with web(x_mcpb=CONTENT) as (url, files):
        assert got(f"{url}/x.mcpb") == CONTENT
        assert files.asked == ["/x.mcpb"]


def test_a_file_is_read(tmp_path):
    file = tmp_path / "a b.mcpb"
    file.write_bytes(CONTENT)
    assert got(file.as_uri()) == got(file.as_uri().replace("file://", "FILE://localhost")) == CONTENT


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://example.com/x", "expected https (BUNDLE_ALLOW_HTTP=true allows http)"),
        *(
            (url, "expected an address like https://")
            for url in ("ftp://h/x", "x.mcpb", "/x.mcpb", "data:,x", "https:///x")
        ),
        *((url, "expected an address like https://") for url in ("https://[x/y", "https://h:port/x", "gopher://h")),
        *((url, "expected file:///, followed by a path") for url in ("file://host/x", "file:x", "file:///a%00b")),
        ("file:///no/such.mcpb", "expected a file that can be read (No such file or directory)"),
        ("file:///etc", "expected a file"),
        ("file:///dev/zero", "expected a file"),
        ("https://ann:hunter2@h.invalid:port/x?key=hunter2", "BUNDLE_URL: expected"),
        *((url, "BUNDLE_URL: expected") for url in ("https:ann:hunter2@h/x", "https:/ann:hunter2@h/x")),
        *((url, "BUNDLE_URL: expected") for url in ("ann:hunter2@h/x", "ftp:ann:hunter2@h", "file:ann:hunter2@h/x")),
    ],
)
def test_an_address_that_is_none_is_refused(url, reason):
    assert reason in refused(url, http=False)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert "expected a file" in refused((tmp_path / "pipe").as_uri())


def test_redirects_are_followed_a_few_times():
    answers = {f"x{number}": lambda web, number=number: web.redirect(f"/x{number + 1}") for number in range(5)}
    with web(**answers, x5=CONTENT, loop=lambda web: web.redirect("/loop")) as (url, files):
        assert got(f"{url}/x0") == CONTENT
        assert f"{url}/loop: more than 5 redirects" in refused(f"{url}/loop")
        assert files.asked == [f"/x{number}" for number in range(6)] + ["/loop"] * 6


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:text/plain,x", "http://[x"])
def test_a_redirect_to_another_scheme_is_not_followed(location):
    with web(x=lambda web: web.redirect(location)) as (url, _):
        said = refused(f"{url}/x")
        assert said.startswith(f"{url}/x")
        assert "expected an address" in said


@pytest.fixture
def tls(tmp_path, monkeypatch) -> ssl.SSLContext:
    """A certificate for this machine, which is believed."""
    key, address = ec.generate_private_key(ec.SECP256R1()), x509.IPAddress(ip_address("127.0.0.1"))
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(1), now + timedelta(1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "certificate").write_bytes(certificate.public_bytes(Encoding.PEM))
    (tmp_path / "key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "certificate", tmp_path / "key")
    return context


def test_https_is_followed_and_never_away_from_it(tls):
    with web(x=CONTENT) as (http, plain):
        with web(tls, x=CONTENT, y=lambda web: web.redirect("/x"), z=lambda web: web.redirect(f"{http}/x")) as (
            https,
            _,
        ):
            assert got(f"{https}/x", http=False) == got(f"{https}/y", http=False) == CONTENT
            assert f"{https}/z leads elsewhere: expected https" in refused(f"{https}/z", http=False)
        assert plain.asked == []


def test_a_certificate_that_nobody_believes_is_not_believed(tls, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    with web(tls, x=CONTENT) as (https, files):
        assert "certificate verify failed" in refused(f"{https}/x").lower()
        assert files.asked == []


def test_a_redirect_that_says_nothing_is_an_answer_like_others():
    def nowhere(web):
        web.send_response(302)
        web.send_header("Content-Length", "0")
        web.end_headers()

    with web(x=nowhere) as (url, _):
        assert f"{url}/x: expected the bundle, and it answered 302" in refused(f"{url}/x")


@pytest.mark.parametrize("status", [404, 403, 401, 410, 204, 206])
def test_an_answer_that_is_final_is_not_asked_for_again(status):
    def answer(web):
        web.send_response(status)
        web.end_headers()

    with web(x=answer) as (url, files):
        secret = url.replace("//", "//ann:hunter2@")
        assert f"/x: expected the bundle, and it answered {status}" in refused(f"{secret}/x?sig=hunter2")
        assert len(files.asked) == 1


def test_what_fails_in_passing_is_tried_again(caplog):
    tries = []

    def answer(web):
        tries.append(1)
        if len(tries) == 1:
            web.send_error(503)
        elif len(tries) == 2:
            web.give(CONTENT[:1000], length=len(CONTENT))  # and then hangs up
        else:
            web.give(CONTENT)

    with web(x=answer) as (url, _), caplog.at_level(logging.WARNING):
        assert got(f"{url}/x") == CONTENT
    assert len([record for record in caplog.records if "tried again" in record.message]) == 2


def test_what_goes_on_failing_is_given_up():
    with web(x=lambda web: web.send_error(500)) as (url, files):
        assert f"{url}/x: not had in 4 tries: {url}/x answered 500" in refused(f"{url}/x")
        assert len(files.asked) == 4


def test_a_password_with_a_slash_is_not_shown_either(unused_port):
    assert "hunter2" not in refused(f"http://127.0.0.1:{unused_port}/hunter2@host/x.mcpb")


def test_proxies_and_certificates_that_cannot_be_used_are_one_line(monkeypatch):
    for name, value in {"HTTPS_PROXY": "foo://h", "SSL_CERT_FILE": "/no/such"}.items():
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            assert "expected certificates and proxies in the environment that can be used" in refused(
                "https://h.invalid/x"
            )


def test_a_name_whose_address_nobody_knows_for_long_is_given_up_in_time(monkeypatch):
    asked, go_on = threading.Event(), threading.Event()

    def slow(*_, **__):
        asked.set()
        go_on.wait(20)
        raise OSError

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    began = time.monotonic()
    try:
        assert "not had within 0.5 s" in refused("https://h.invalid/x", seconds=0.5)
        assert asked.is_set()
        assert time.monotonic() - began < 10
    finally:
        go_on.set()


def test_nobody_there_is_one_line(unused_port):
    assert "not had in 4 tries: " in refused(f"http://127.0.0.1:{unused_port}/x")


def test_a_bundle_that_says_to_be_too_long_is_not_read():
    with web(x=lambda web: web.give(b"", length=1_000_001)) as (url, _):
        assert "the bundle is longer than 1000000 bytes (BUNDLE_MAX_BYTES)" in refused(f"{url}/x")


def test_a_bundle_without_end_is_cut_off(tmp_path):
    def endless(web):
        web.send_response(200)
        web.end_headers()
        try:
            while True:
                web.wfile.write(bytes(65536))
        except OSError:
            pass

    with web(x=endless) as (url, _):
        assert "the bundle is longer than 1000000 bytes" in refused(f"{url}/x")
    file = tmp_path / "x"
    file.write_bytes(bytes(11))
    assert "the bundle is longer than 10 bytes" in refused(file.as_uri(), max_bytes=10)


def test_what_is_compressed_on_the_way_stays_compressed():
    def compressed(web):
        web.send_response(200)
        web.send_header("Content-Encoding", "gzip")
        web.send_header("Content-Length", "4")
        web.end_headers()
        web.wfile.write(b"gzip")

    with web(x=compressed) as (url, _):
        assert got(f"{url}/x") == b"gzip"


@pytest.mark.parametrize("where", ["before the answer", "in a header", "in the content"])
def test_a_server_that_stalls_or_drips_is_given_up_in_time(where):
    def stall(web):
        if where == "in the content":
            web.send_response(200)
            web.send_header("Content-Length", "1000")
            web.end_headers()
        elif where == "in a header":
            web.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        try:
            while where != "before the answer":
                web.wfile.write(b"x")
                web.wfile.flush()
                time.sleep(0.01)
            web.rfile.read(1)
        except OSError:
            pass

    with web(x=stall) as (url, _):
        began = time.monotonic()
        assert f"{url}/x: not had within 0.5 s (BUNDLE_SECONDS)" in refused(f"{url}/x", seconds=0.5)
        assert time.monotonic() - began < 10


def test_long_downloads_show_how_far_they_are(monkeypatch, caplog):
    monkeypatch.setattr(download, "PROGRESS_SECONDS", 0.0)
    with web(x=CONTENT) as (url, _), caplog.at_level(logging.INFO):
        got(f"{url}/x")
    assert f"Downloading the bundle: {len(CONTENT)} of {len(CONTENT)} bytes" in caplog.messages


def test_another_hash_than_the_one_that_it_must_have_is_refused():
    verify(BUNDLE, sha256(b"x"))  # which says of none that it must
    verify(replace(BUNDLE, sha256=sha256(b"x")), sha256(b"x"))
    with pytest.raises(ArchiveError) as caught:
        verify(replace(BUNDLE, sha256="0" * 64), sha256(b"x"))
    assert str(caught.value) == f"BUNDLE_SHA256={'0' * 64}: the bundle has the SHA-256 {sha256(b'x')}"


ARCHIVE = replace(BUNDLE, noun="archive", prefix="ZIP_", example="x.zip")


def test_messages_name_the_settings_of_whoever_asks(tmp_path, caplog):
    file = tmp_path / "x.zip"
    file.write_bytes(CONTENT)
    assert refused(file.as_uri(), source=ARCHIVE, max_bytes=10) == "the archive is longer than 10 bytes (ZIP_MAX_BYTES)"
    with web(x=lambda web: web.rfile.read(1), y=lambda web: web.send_error(404)) as (url, _):
        assert "(ZIP_SECONDS)" in refused(f"{url}/x", source=ARCHIVE, seconds=0.1)
        assert "expected the archive, and it answered 404" in refused(f"{url}/y", source=ARCHIVE)
    with caplog.at_level(logging.INFO, "ship.archive"):
        got(file.as_uri(), source=ARCHIVE)
    assert "Got the archive" in caplog.messages
    with pytest.raises(ArchiveError, match=f"^ZIP_SHA256={'0' * 64}: the archive has the SHA-256 "):
        verify(replace(ARCHIVE, sha256="0" * 64), sha256(CONTENT))


@pytest.mark.parametrize(
    ("source", "url", "message"),
    [
        (BUNDLE, "x", "BUNDLE_URL: expected an address like https://example.com/x.mcpb or file:///path/x.mcpb"),
        (ARCHIVE, "x", "ZIP_URL: expected an address like https://example.com/x.zip or file:///path/x.zip"),
        (ARCHIVE, "file:x", "ZIP_URL: expected file:///, followed by a path of this machine"),
        (ARCHIVE, "http://h/x", "ZIP_URL: expected https (ZIP_ALLOW_HTTP=true allows http)"),
    ],
)
def test_an_address_is_refused_in_the_words_of_whoever_asks(source, url, message):
    with pytest.raises(ArchiveError) as caught:
        check(replace(source, url=url))
    assert str(caught.value) == message


def test_a_source_does_not_show_its_address():
    assert "hunter2" not in repr(replace(BUNDLE, url="https://ann:hunter2@h/x"))
