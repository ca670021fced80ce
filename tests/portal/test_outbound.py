"""Outgoing calls: where they may go, what limits they have, and who they speak to."""

import contextlib
import gzip
import http.client
import resource
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError, SSLError

from portal.outbound import OutboundFailed, OutboundFault, OutboundRefused, Reach, Reads, Session, call, shown
from portal.outbound.faults import KINDS, fault_of
from tests.environments.kube.scripted import scripted
from tests.patience import SOON
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
    "https://127.1/": "not public",
    "https://0177.0.0.1/": "not public",
    "https://[::ffff:127.0.0.1]/": "not public",
    "https://[::ffff:7f00:1]/": "not public",
    "https://[::127.0.0.1]/": "not public",
    "https://[64:ff9b::7f00:1]/": "not public",
    "https://[fec0::1]/": "not public",
    "https://[fd00:ec2::254]/": "not public",
    "https://no-such-host.invalid/": "not public",
    "https://" + "a" * 70 + ".example/": "not public",
    "https://example.com\\@127.0.0.1/": "password in it",
    "https://127.0.0.1\\@example.com/": "password in it",
    "https://example.com\\.127.0.0.1/": "no address of a server",
    "https://@example.com/": "password in it",
    "https://example.com:0/": "no address that starts with https",
    "https://[::1/": "no address of a server",
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


def drip(handler, seconds: float = 2.5 * SOON) -> None:
    """Headers at once, then a byte from time to time: no single read is slow."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    drop_by_drop(handler.wfile.write, seconds)


def drip_headers(handler, seconds: float = 2.5 * SOON) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    drop_by_drop(handler.wfile.write, seconds)


def drip_continues(handler, seconds: float = 2.5 * SOON) -> None:
    """Interim answers for ever, each of them whole."""
    drop_by_drop(lambda _byte: handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n"), seconds)


def drop_by_drop(write: Callable[[bytes], object], seconds: float = 2.5 * SOON) -> None:
    until = time.monotonic() + seconds
    with contextlib.suppress(OSError):
        while time.monotonic() < until:
            write(b".")
            time.sleep(0.05)


SLOW = {
    "silent": lambda handler: time.sleep(2.5 * SOON),
    "a byte at a time": drip,
    "headers a byte at a time": drip_headers,
    "interim answers for ever": drip_continues,
}


@pytest.mark.parametrize("way", SLOW)
@pytest.mark.parametrize("reach", Reach)
def test_a_call_ends_in_time(server: Server, way: str, reach: Reach) -> None:
    server.behave = SLOW[way]
    started = time.monotonic()
    with (
        Session(reach, retries=Reads()) as session,
        pytest.raises(OutboundFailed, match=r"no whole answer within 0\.5 s"),
    ):
        session.call("GET", server.url(), timeout=(0.3, 0.5))
    assert time.monotonic() - started < SOON


def test_a_slow_handshake_ends_in_time(monkeypatch: pytest.MonkeyPatch, settings) -> None:
    """A TLS record of 16 KiB, a byte at a time."""
    settings.OUTBOUND_NETWORKS = ["127.0.0.0/8"]
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def shake() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.sendall(b"\x16\x03\x03\x40\x00")
                drop_by_drop(peer.sendall)

        thread = threading.Thread(target=shake, daemon=True)
        thread.start()
        started = time.monotonic()
        with pytest.raises(OutboundFailed, match=r"no whole answer within 0\.5 s"):
            call("GET", f"https://127.0.0.1:{listener.getsockname()[1]}/", timeout=(10, 0.5))
        assert time.monotonic() - started < SOON
        thread.join(10)


def test_a_kept_connection_is_cut_like_a_new_one(settings) -> None:
    settings.OUTBOUND_NETWORKS = ["127.0.0.0/8"]
    with scripted(lambda exchange: exchange.answer(200, b"ok"), lambda exchange: exchange.hold()) as server:
        with Session(Reach.OUTSIDE) as session:
            assert session.call("GET", server.url).body == b"ok"
            started = time.monotonic()
            with pytest.raises(OutboundFailed, match=r"no whole answer within 0\.5 s"):
                session.call("GET", server.url, timeout=(0.3, 0.5))
        assert time.monotonic() - started < SOON
        assert len(server.peers) == 1


def test_an_answer_has_a_limit(server: Server) -> None:
    server.behave = lambda handler: answer(handler, body=b"x" * 1001)
    assert len(call("GET", server.url(), limit=1001).body) == 1001
    with pytest.raises(OutboundFailed, match="longer than 1000 bytes"):
        call("GET", server.url(), limit=1000)


def test_nobody_there(server: Server) -> None:
    with pytest.raises(OutboundFailed, match="the connection is refused"):
        call("GET", "http://127.0.0.1:1/")


def test_a_resolver_that_hangs_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kind: time.sleep(1))
    with pytest.raises(OutboundFailed, match="does not resolve"):
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
        with pytest.raises(OutboundFailed, match="Hostname mismatch"):
            call("GET", server.url(host="other.example", scheme="https"))
    assert asked_for == ["hooks.example", "hooks.example", "other.example"]


def test_a_name_that_leads_elsewhere_the_second_time_is_not_asked_a_second_time(
    monkeypatch: pytest.MonkeyPatch, server: Server, settings
) -> None:
    """Rebinding: public when it is checked, loopback when it is connected to. There is one look, and it is used."""
    settings.OUTBOUND_NETWORKS = []
    leads = iter(["93.184.216.34", "127.0.0.1", "127.0.0.1"])
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda _host, port, **_kind: [(socket.AF_INET, 1, 6, "", (next(leads), port))]
    )
    dialled: list[object] = []
    monkeypatch.setattr(
        socket.socket, "connect", lambda _self, to: dialled.append(to) or (_ for _ in ()).throw(OSError)
    )
    with pytest.raises(OutboundFailed):
        call("GET", server.url(host="hooks.example", scheme="https"))
    assert dialled == [("93.184.216.34", server.port)]
    assert server.seen == []


def test_each_attempt_is_checked_by_itself(monkeypatch: pytest.MonkeyPatch, server: Server, settings) -> None:
    """The second attempt looks the name up anew: that it is inside by then is seen."""
    settings.OUTBOUND_NETWORKS = ["127.0.0.0/8"]
    server.behave = lambda handler: handler.connection.close()
    leads = iter(["127.0.0.1", "10.0.0.1"])
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda _host, port, **_kind: [(socket.AF_INET, 1, 6, "", (next(leads), port))]
    )
    with Session(Reach.OUTSIDE, retries=Reads()) as session, pytest.raises(OutboundRefused, match="not public"):
        session.call("GET", server.url(host="hooks.example"))
    assert len(server.seen) == 1


def test_of_several_addresses_only_those_within_reach_are_tried(
    monkeypatch: pytest.MonkeyPatch, server: Server, settings
) -> None:
    resolve_to(monkeypatch, "10.0.0.1", "127.0.0.2", "127.0.0.1")
    settings.OUTBOUND_NETWORKS = ["127.0.0.1/32"]
    assert call("GET", server.url(host="hooks.example")).ok


def test_the_next_address_is_tried_where_the_first_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    """As of localhost, which is ::1 first."""
    resolve_to(monkeypatch, "127.0.0.9", "127.0.0.1")
    assert call("GET", server.url(host="hooks.example")).ok


def test_an_operators_address_may_be_inside(server: Server, settings) -> None:
    settings.OUTBOUND_NETWORKS = []
    with Session(Reach.OPERATOR) as session:
        assert session.call("GET", server.url()).ok


INSIDE = ["https://127.0.0.1:{open}/", "https://127.0.0.1:1/", "http://127.0.0.1:{open}/", "https://localhost:{open}/",
          "https://169.254.169.254/", "https://10.0.0.1/", "https://[::1]:{open}/", "https://[fd00::1]/",
          "https://intranet.invalid/"]  # fmt: skip


@pytest.mark.parametrize("url", INSIDE)
def test_what_is_inside_cannot_be_told_apart(url: str, server: Server, settings) -> None:
    """Open, closed, silent, or no such name: one sentence, and nobody is called."""
    settings.OUTBOUND_NETWORKS = []
    given = url.format(open=server.port)
    with pytest.raises(OutboundRefused) as refused:
        call("GET", given)
    sentence = (
        " is not public, or there is no such host. "
        "SLIPWAY_OUTBOUND_NETWORKS lists the inner networks that may be called."
    )
    assert str(refused.value).endswith(sentence)
    assert str(refused.value).removesuffix(sentence) in given
    assert server.seen == []


def test_nothing_of_the_environment_changes_the_way(
    monkeypatch: pytest.MonkeyPatch, server: Server, tmp_path: Path
) -> None:
    """Proxies, a netrc with a password, and a list of authorities: requests would take all of them."""
    with serve() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url())
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login robot password hush\n")
        monkeypatch.setenv("NETRC", str(netrc))
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/does/not/exist")
        monkeypatch.setenv("CURL_CA_BUNDLE", "/does/not/exist")
        assert call("GET", server.url()).ok
        assert proxy.seen == []
    assert "Authorization" not in server.seen[0].headers


def test_cookies_are_not_kept(server: Server) -> None:
    server.behave = lambda handler: answer(handler, 200, b"ok", **{"Set-Cookie": "a=b"})
    with Session(Reach.OUTSIDE) as session:
        session.call("GET", server.url())
        session.call("GET", server.url())
    assert "Cookie" not in server.seen[1].headers


def test_a_compressed_answer_is_not_unpacked(server: Server) -> None:
    bomb = gzip.compress(b"0" * 50_000_000)
    server.behave = lambda handler: answer(handler, 200, bomb, **{"Content-Encoding": "gzip"})
    done = call("GET", server.url(), limit=100_000, timeout=(1, 5))
    assert (done.body, done.encoded) == (bomb, True)
    assert server.seen[0].headers["Accept-Encoding"] == "identity"
    assert not answers_with(server, 200).encoded


def answers_with(server: Server, status: int):
    server.behave = lambda handler: answer(handler, status)
    return call("GET", server.url())


def flood(status: int, **headers: str) -> Callable[..., None]:
    def act(handler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        with contextlib.suppress(OSError):
            for _ in range(2000):
                handler.wfile.write(b"x" * 100_000)

    return act


@pytest.mark.parametrize("status", [200, 302, 401, 502, 503])
def test_an_answer_without_end_is_read_no_further_than_its_limit(server: Server, status: int) -> None:
    """Also one that is tried again, and a redirect, whose rests requests and urllib3 would read for good manners."""
    server.behave = flood(status, Location="http://127.0.0.1/")
    before = most_memory()
    with (
        Session(Reach.OUTSIDE, retries=Reads()) as session,
        pytest.raises(OutboundFailed, match="longer than 1000 bytes") as failed,
    ):
        session.call("GET", server.url(), limit=1000, timeout=(1, 5))
    assert failed.value.fault is OutboundFault.LONG
    assert most_memory() - before < 20_000_000


def most_memory() -> int:
    """Bytes that the process has held at once so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.mark.parametrize(
    ("method", "retries", "attempts"),
    [("GET", Reads(), 2), ("HEAD", Reads(), 2), ("POST", Reads(), 1), ("GET", None, 1), ("GET", Reads(total=0), 1)],
)
@pytest.mark.parametrize("status", [502, 503])
def test_only_reads_are_tried_again_and_only_where_asked(
    server: Server, method: str, retries: Reads | None, attempts: int, status: int
) -> None:
    server.behave = lambda handler: answer(handler, status, b"", **{"Retry-After": "3600"})
    with Session(Reach.OUTSIDE, **({"retries": retries} if retries else {})) as session:
        assert session.call(method, server.url()).status == status
    assert len(server.seen) == attempts


def test_attempts_end_with_the_calls_time(server: Server) -> None:
    server.behave = lambda handler: (time.sleep(0.4), answer(handler, 503, b""))
    started = time.monotonic()
    with Session(Reach.OUTSIDE, retries=Reads(total=50)) as session, pytest.raises(OutboundFailed, match="no whole"):
        session.call("GET", server.url(), timeout=(0.3, 1))
    assert time.monotonic() - started < SOON


SHOWN = {
    "https://s.example/b/x.tgz?X-Amz-Signature=hush": "https://s.example/b/x.tgz",
    "https://s.example?sig=hush": "https://s.example",
    "https://user:hush@s.example/x": "https://s.example/x",
    "https://s.example/x#hush": "https://s.example/x",
    "https://hush@s.example?a=hush@hush": "https://s.example",
    "https://s.example/a@b": "https://s.example/a@b",
    "no address?hush": "no address",
    "": "",
}


@pytest.mark.parametrize("url", SHOWN)
def test_an_address_is_shown_without_what_lets_in(url: str) -> None:
    assert shown(url) == SHOWN[url]


@pytest.mark.parametrize(
    "url", ["https://s.example:99999/x?sig=hush", "ftp://s.example/?sig=hush", "https://u:hush@s.example/", "x?hush"]
)
def test_no_error_tells_what_an_address_holds(url: str) -> None:
    with pytest.raises(OutboundRefused) as refused:
        call("GET", url)
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize("headers", [{"Authorization": "Bearer hush\nX: y"}, {"Authorization": "hush\u2028"}])
def test_a_header_that_cannot_be_sent_is_not_told(server: Server, headers: dict[str, str]) -> None:
    with pytest.raises(OutboundFailed) as failed:
        call("GET", server.url(), headers=headers)
    assert failed.value.fault is OutboundFault.UNSAYABLE
    assert "hush" not in str(failed.value)
    assert server.seen == []


def chained(outer: BaseException, inner: BaseException) -> BaseException:
    outer.__cause__ = inner
    return outer


def test_the_table_has_words_for_every_kind_of_fault() -> None:
    assert {fault for _, fault in KINDS} | {OutboundFault.LATE} == set(OutboundFault)


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (chained(requests.ConnectionError("x"), ConnectionRefusedError()), OutboundFault.REFUSED),
        (
            requests.ConnectionError(MaxRetryError(None, "/", ProtocolError("x", ConnectionResetError()))),
            OutboundFault.BROKEN,
        ),
        (requests.ConnectionError(ProtocolError("x")), OutboundFault.BROKEN),
        (chained(NewConnectionError(None, "x"), OSError(101, "unreachable")), OutboundFault.NO_WAY),
        (chained(NewConnectionError(None, "x"), socket.gaierror(-2, "x")), OutboundFault.UNRESOLVED),
        (requests.exceptions.InvalidHeader("x"), OutboundFault.UNSAYABLE),
        (http.client.IncompleteRead(b""), OutboundFault.BROKEN),
        (requests.exceptions.SSLError(MaxRetryError(None, "/", SSLError(ssl.SSLError(1, "x")))), OutboundFault.TLS),
        (RuntimeError("x"), OutboundFault.BROKEN),
    ],
)
def test_an_error_is_known_by_the_link_of_its_chain_that_says_most(error: BaseException, fault: OutboundFault) -> None:
    assert fault_of(error)[0] is fault
