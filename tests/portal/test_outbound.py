"""Outgoing calls: where they may go, what limits they have, and who they speak to."""

import socket
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from portal.outbound import OutboundFailed, OutboundRefused, call
from tests.portal.http_server import Server, answer, serve


@pytest.fixture
def server(settings) -> Iterator[Server]:
    settings.OUTBOUND_NETWORKS = ["127.0.0.0/8"]
    with serve() as running:
        yield running


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Every name leads to these; the names that were asked for."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def getaddrinfo(host: str, port: int, *args: int, **kind: int) -> list:
        if host in addresses:
            return real(host, port, *args, **kind)
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


REFUSED = {
    "http://169.254.169.254/latest/meta-data": "not public",
    "https://localhost/": "not public",
    "https://[::1]/": "not public",
    "https://0x7f000001/": "not public",
    "https://2130706433/": "not public",
    "ftp://example.com/": "no address that starts with https",
    "file:///etc/passwd": "no address that starts with https",
    "https://user:word@example.com/": "password in it",
    "https://example.com:99999/": "no address of a server",
    "https:///path": "no address that starts with https",
    "": "no address that starts with https",
}


@pytest.mark.parametrize("url", REFUSED)
def test_refused_before_anything_is_sent(url: str, settings) -> None:
    settings.OUTBOUND_NETWORKS = []
    with pytest.raises(OutboundRefused, match=REFUSED[url]):
        call("POST", url)


def test_plain_http_goes_to_listed_networks_only(monkeypatch: pytest.MonkeyPatch, settings) -> None:
    settings.OUTBOUND_NETWORKS = []
    resolve_to(monkeypatch, "93.184.216.34")
    with pytest.raises(OutboundRefused, match="https:// only"):
        call("POST", "http://hooks.example/")


def test_a_name_is_resolved_once_and_that_address_is_called(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    asked = resolve_to(monkeypatch, "127.0.0.1")
    done = call("POST", server.url("/a?b=c", host="hooks.example"), headers={"X-Own": "1"}, body=b"{}")
    assert (done.status, done.body, done.ok) == (200, b"ok", True)
    (seen,) = server.seen
    assert (seen.method, seen.path, seen.body) == ("POST", "/a?b=c", b"{}")
    assert seen.headers["Host"] == f"hooks.example:{server.port}"
    assert seen.headers["X-Own"] == "1"
    assert asked == ["hooks.example"]


def test_a_caller_cannot_send_another_host(server: Server) -> None:
    call("GET", server.url(), headers={"Host": "other.example"})
    assert server.seen[0].headers["Host"] == f"127.0.0.1:{server.port}"


def test_redirects_are_answers(server: Server) -> None:
    server.behave = lambda handler: answer(handler, 302, b"", Location="http://169.254.169.254/")
    done = call("GET", server.url())
    assert (done.status, done.ok, done.headers["location"]) == (302, False, "http://169.254.169.254/")
    assert len(server.seen) == 1


def drip(handler, seconds: float = 5) -> None:
    """Headers at once, then a byte from time to time: no single read is slow."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        handler.wfile.write(b".")
        time.sleep(0.05)


def drip_headers(handler, seconds: float = 5) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        handler.wfile.write(b"X")
        time.sleep(0.05)


SLOW = {"silent": lambda handler: time.sleep(2), "a byte at a time": drip, "headers a byte at a time": drip_headers}


@pytest.mark.parametrize("way", SLOW)
def test_a_call_ends_in_time(server: Server, way: str) -> None:
    server.behave = SLOW[way]
    started = time.monotonic()
    with pytest.raises(OutboundFailed, match="no whole answer in time"):
        call("GET", server.url(), timeout=(0.3, 0.5))
    assert time.monotonic() - started < 1.5


def test_an_answer_has_a_limit(server: Server) -> None:
    server.behave = lambda handler: answer(handler, body=b"x" * 1001)
    assert len(call("GET", server.url(), limit=1001).body) == 1001
    with pytest.raises(OutboundFailed, match="longer than 1000 bytes"):
        call("GET", server.url(), limit=1000)


def test_nobody_there(settings) -> None:
    settings.OUTBOUND_NETWORKS = ["127.0.0.0/8"]
    with pytest.raises(OutboundFailed, match="Connection refused"):
        call("GET", "http://127.0.0.1:1/")
    with pytest.raises(OutboundFailed, match="does not resolve"):
        call("GET", "https://name.invalid/")


def test_a_resolver_that_hangs_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kind: time.sleep(1))
    with pytest.raises(OutboundFailed, match=r"not resolved within 0\.2 s"):
        call("GET", "https://hooks.example/", timeout=(0.2, 1))


@pytest.fixture
def certified(tmp_path: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate of hooks.example that is its own authority, and the context that serves it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hooks.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("hooks.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return pem, context


def test_tls_is_checked_against_the_name(monkeypatch: pytest.MonkeyPatch, certified, settings) -> None:
    pem, context = certified
    settings.OUTBOUND_NETWORKS = ["127.0.0.0/8"]
    resolve_to(monkeypatch, "127.0.0.1")
    asked_for: list[str] = []
    context.sni_callback = lambda _socket, name, _context: asked_for.append(name)
    with serve(context) as server:
        with pytest.raises(OutboundFailed, match="not trusted"):
            call("GET", server.url(host="hooks.example", scheme="https"))
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        assert call("GET", server.url(host="hooks.example", scheme="https")).ok
        with pytest.raises(OutboundFailed, match="doesn't match"):
            call("GET", server.url(host="other.example", scheme="https"))
    assert asked_for == ["hooks.example", "hooks.example", "other.example"]
