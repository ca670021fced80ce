"""What the network and servers of all kinds do to a call, by tiny servers on this machine."""

import datetime
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from environments.kube.api import errors, transport
from environments.kube.api.access import Access, AccessError
from environments.kube.api.breaker import Breaker
from environments.kube.api.client import Gateway, Resource, connect_to
from tests.patience import SOON

Serve = Callable[[socket.socket, int], None]
OK = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{"major": "1"}'
LEAK = "hunter2-token"


class Server:
    """A server of raw bytes: `serve(connection, number)` for each connection, numbered from 1."""

    def __init__(self, serve: Serve, context: ssl.SSLContext | None = None) -> None:
        self.serve, self.context = serve, context
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.connections = 0
        self.requests: list[bytes] = []
        self.stopped = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while not self.stopped.is_set():
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._one, args=(connection, self.connections), daemon=True).start()

    def _one(self, connection: socket.socket, number: int) -> None:
        try:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            with connection:
                self.requests.append(connection.recv(65536))
                self.serve(connection, number)
        except OSError:
            return


@contextmanager
def serving(serve: Serve, context: ssl.SSLContext | None = None) -> Iterator[Server]:
    server = Server(serve, context)
    yield server
    server.stopped.set()
    server.listening.close()


def gateway(server: Server | int, *, scheme: str = "http", attempts: int = 3, **access: str) -> Gateway:
    port = server if isinstance(server, int) else server.port
    return Gateway(
        Access(f"{scheme}://127.0.0.1:{port}", token=LEAK, **access), connect=0.5, read=0.3, attempts=attempts
    )


def answering(status: str, body: bytes = b"", *headers: str) -> Serve:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return lambda connection, _: connection.sendall("\r\n".join(lines).encode() + body)


def pause(connection: socket.socket, _: int) -> None:
    time.sleep(3)


def reset(connection: socket.socket, _: int) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


def close(connection: socket.socket, _: int) -> None:
    return


def truncate(connection: socket.socket, _: int) -> None:
    connection.sendall(OK[:-5])


def trickle(connection: socket.socket, _: int) -> None:
    for byte in OK.replace(b"Content-Length: 14", b"Content-Length: 140") + b" " * 126:
        connection.sendall(bytes([byte]))
        time.sleep(0.02 if byte != 32 else 0.2)


HTML = "Content-Type: text/html"
BUSY = answering("429 Too Many Requests", b"Too many requests, please try again later.\n")
FAULTS: list[tuple[str, Serve, type[errors.KubeError], int]] = [
    ("paused", pause, errors.Unreachable, 3),
    ("reset", reset, errors.Unreachable, 3),
    ("closed", close, errors.Unreachable, 3),
    ("truncated", truncate, errors.Unreachable, 3),
    ("busy", BUSY, errors.Throttled, 3),
    ("bad gateway", answering("502 Bad Gateway", b"<html>", HTML), errors.ServerError, 3),
    ("redirect", answering("302 Found", b"", "Location: http://127.0.0.1:1/"), errors.NotKubernetes, 1),
    ("page", answering("200 OK", b"<html>Sign in</html>", HTML), errors.NotKubernetes, 1),
    ("list", answering("200 OK", b"[]"), errors.NotKubernetes, 1),
]
FAULT_NAMES = [name for name, *_ in FAULTS]


@pytest.mark.parametrize(("serve", "kind", "tries"), [row[1:] for row in FAULTS], ids=FAULT_NAMES)
def test_a_read(serve: Serve, kind: type[errors.KubeError], tries: int) -> None:
    with serving(serve) as server, pytest.raises(errors.KubeError) as raised:
        gateway(server).version()
    assert type(raised.value) is kind
    assert not raised.value.ambiguous
    assert server.connections == tries
    assert LEAK not in str(raised.value)


@pytest.mark.parametrize(
    ("serve", "ambiguous"),
    [(pause, True), (reset, True), (truncate, True), (FAULTS[5][1], True), (BUSY, False), (FAULTS[6][1], False)],
    ids=["paused", "reset", "truncated", "bad gateway", "busy", "redirect"],
)
def test_a_write_that_may_have_been_done_says_so_and_is_not_repeated(serve: Serve, ambiguous: bool) -> None:
    with serving(serve) as server:
        calling = gateway(server)
        calling._discovery._listed["v1"] = (time.monotonic(), {"ConfigMap": Resource("configmaps", True)})
        with pytest.raises(errors.KubeError) as raised:
            calling.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "n"}})
    assert raised.value.ambiguous == ambiguous
    assert server.connections == (3 if serve is BUSY else 1)


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(errors.Unreachable, match="nothing listens there"):
        gateway(port).version()


def test_no_such_host() -> None:
    nowhere = Gateway(Access("https://nowhere.invalid", token=LEAK), attempts=1)
    with pytest.raises(errors.Unreachable, match="cannot be resolved"):
        nowhere.version()


def test_a_body_that_trickles_ends_with_the_time_for_the_whole_call() -> None:
    start = time.monotonic()
    with serving(trickle) as server, pytest.raises(errors.Unreachable, match="too long"):
        gateway(server, attempts=1).version()
    assert time.monotonic() - start < SOON


def test_a_fault_that_passes_is_not_seen() -> None:
    def serve(connection: socket.socket, number: int) -> None:
        (close if number < 3 else lambda connection, _: connection.sendall(OK))(connection, number)

    with serving(serve) as server:
        assert gateway(server).version() == {"major": "1"}
    assert server.connections == 3


def test_the_servers_own_pause_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def serve(connection: socket.socket, number: int) -> None:
        busy = answering("503 Service Unavailable", b"", "Retry-After: 1")
        (busy if number == 1 else lambda connection, _: connection.sendall(OK))(connection, number)

    pauses: list[float] = []
    monkeypatch.setattr(transport, "time", SimpleNamespace(monotonic=time.monotonic, sleep=pauses.append))
    with serving(serve) as server:
        gateway(server).version()
    assert pauses == [1.0]


def test_a_pause_longer_than_the_call_may_last_is_left_to_the_caller() -> None:
    start = time.monotonic()
    busy = answering("429 Too Many Requests", b"", "Retry-After: 60")
    with serving(busy) as server, pytest.raises(errors.Throttled) as raised:
        gateway(server).version()
    assert (raised.value.retry_after, server.connections) == (60, 1)
    assert time.monotonic() - start < SOON


def test_the_breaker_opens_and_lets_one_try_through() -> None:
    now = [0.0]
    states: list[str] = []
    breaker = Breaker(clock=lambda: now[0], on_change=states.append)
    healthy = threading.Event()

    def serve(connection: socket.socket, number: int) -> None:
        (close if not healthy.is_set() else lambda connection, _: connection.sendall(OK))(connection, number)

    with serving(serve) as server:
        calling = Gateway(Access(f"http://127.0.0.1:{server.port}", token=LEAK), breaker=breaker, attempts=1)
        for _ in range(10):
            with pytest.raises(errors.Unreachable):
                calling.version()
        with pytest.raises(errors.BreakerOpen):
            calling.version()
        assert server.connections == 10
        healthy.set()
        now[0] = 10.0
        assert calling.version() == {"major": "1"}
    assert states == ["open", "half-open", "closed"]


def test_errors_of_the_service_behind_the_proxy_do_not_open_it() -> None:
    with serving(answering("500 Internal Server Error", b"no")) as server:
        calling = gateway(server)
        for _ in range(12):
            assert calling.proxy("n", "web", 80, "/healthz") == (500, b"no")
        assert calling.breaker.state == "closed"


def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with serving(lambda connection, _: connection.sendall(OK)) as server:
        assert gateway(server).version() == {"major": "1"}


def test_a_process_has_one_gateway_an_access() -> None:
    access = Access("https://k8s.example", token=LEAK)
    assert connect_to(access) is connect_to(Access("https://k8s.example", token=LEAK))
    assert connect_to(access) is not connect_to(Access("https://k8s.example", token="another"))


class Authority:
    """Certificates made for a test."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._signed("authority", self.key.public_key(), authority=True)
        self.pem = self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def issue(self, name: str) -> tuple[str, str]:
        """(certificate, key), both PEM, good for 127.0.0.1."""
        key = ec.generate_private_key(ec.SECP256R1())
        plain = serialization.NoEncryption()
        secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        certificate = self._signed(name, key.public_key(), authority=False)
        return certificate.public_bytes(serialization.Encoding.PEM).decode(), secret.decode()

    def _signed(self, name: str, key, *, authority: bool) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "authority")])
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        builder = x509.CertificateBuilder(issuer, subject, key, x509.random_serial_number())
        builder = builder.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(
            now + datetime.timedelta(days=1)
        )
        builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        return builder.add_extension(address, critical=False).sign(self.key, hashes.SHA256())


def server_context(authority: Authority, folder: Path, *, clients: bool = False) -> ssl.SSLContext:
    pair = folder / "server.pem"
    pair.write_text("".join(authority.issue("server")))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair)
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=authority.pem)
    return context


class TestTls:
    def good(self, connection: socket.socket, _: int) -> None:
        connection.sendall(OK)

    def test_the_clusters_own_authority_is_trusted(self, tmp_path: Path) -> None:
        authority = Authority()
        with serving(self.good, server_context(authority, tmp_path)) as server:
            assert gateway(server, scheme="https", ca_pem=authority.pem).version() == {"major": "1"}

    def test_another_authority_is_not_and_nothing_is_sent(self, tmp_path: Path) -> None:
        with serving(self.good, server_context(Authority(), tmp_path)) as server:
            with pytest.raises(errors.UntrustedCertificate, match="not signed by the authority given"):
                gateway(server, scheme="https", ca_pem=Authority().pem).version()
            assert server.requests == []
            assert server.connections == 1

    def test_a_client_certificate_is_shown_and_leaves_no_file(self, tmp_path: Path, monkeypatch) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "files"))
        (tmp_path / "files").mkdir()
        authority = Authority()
        certificate, key = authority.issue("client")
        with serving(self.good, server_context(authority, tmp_path, clients=True)) as server:
            calling = gateway(server, scheme="https", ca_pem=authority.pem, certificate_pem=certificate, key_pem=key)
            assert calling.version() == {"major": "1"}
            assert list((tmp_path / "files").iterdir()) == []

    def test_a_key_of_another_certificate_is_told(self) -> None:
        authority = Authority()
        certificate, _ = authority.issue("one")
        _, key = authority.issue("two")
        with pytest.raises(AccessError, match="certificates cannot be used"):
            gateway(1, scheme="https", ca_pem=authority.pem, certificate_pem=certificate, key_pem=key)

    def test_a_handshake_that_hangs_counts_against_the_time_to_connect(self) -> None:
        start = time.monotonic()
        with socket.create_server(("127.0.0.1", 0)) as silent:
            calling = gateway(silent.getsockname()[1], scheme="https", attempts=1)
            with pytest.raises(errors.Unreachable):
                calling.version()
        assert time.monotonic() - start < SOON
