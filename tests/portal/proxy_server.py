"""A proxy of a test's own: it tunnels CONNECT, and notes whom it was asked for and what proved who asked."""

import contextlib
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class ProxyServer:
    """`places`: where each name that it resolves is, as "host:port" to (host, port); others it refuses."""

    port: int = 0
    places: dict[str, tuple[str, int]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def proxy(places: Mapping[str, tuple[str, int]]) -> Iterator[ProxyServer]:
    """A proxy in a thread."""
    server = ProxyServer(places=dict(places))

    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            server.asked.append((self.path, self.headers.get("Proxy-Authorization", "")))
            place = server.places.get(self.path)
            if place is None:
                self.send_error(403)
                return
            with socket.create_connection(place, timeout=10) as other:
                self.send_response(200)
                self.end_headers()
                _tunnel(self.connection, other)
            self.close_connection = True

        def log_message(self, *_args: object) -> None:
            """Tests print nothing."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server.port = http.server_address[1]
    thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def _tunnel(one: socket.socket, other: socket.socket) -> None:
    back = threading.Thread(target=_copy, args=(other, one), daemon=True)
    back.start()
    _copy(one, other)
    back.join(5)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
