"""An HTTP server that answers as a test's script says: each request runs the next act, the last one for ever."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

SHAPES = Path(__file__).parent / "shapes"
Act = Callable[["Exchange"], None]


class Exchange:
    """One request and its answer. `query`: name to its last value."""

    def __init__(self, handler: BaseHTTPRequestHandler, ended: threading.Event) -> None:
        split = urlsplit(handler.path)
        self.method = handler.command
        self.path = split.path
        self.query = {name: values[-1] for name, values in parse_qs(split.query).items()}
        self.headers = handler.headers
        self.ended = ended
        self._handler = handler

    def answer(self, status: int, body: object = b"", headers: dict[str, str] | None = None) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"Content-Type": "application/json", "Content-Length": str(len(content)), **(headers or {})}
        self._handler.send_response(status)
        for name, value in given.items():
            self._handler.send_header(name, value)
        self._handler.end_headers()
        if self.method != "HEAD":
            self._handler.wfile.write(content)

    def open(self) -> None:
        """Begins an answer of lines."""
        self._handler.send_response(200)
        self._handler.send_header("Transfer-Encoding", "chunked")
        self._handler.end_headers()

    def line(self, event: object) -> None:
        content = json.dumps(event).encode() + b"\n"
        self._handler.wfile.write(b"%x\r\n%s\r\n" % (len(content), content))
        self._handler.wfile.flush()

    def finish(self) -> None:
        self._handler.wfile.write(b"0\r\n\r\n")

    def cut(self) -> None:
        """Breaks the connection off in the middle of the answer."""
        self._handler.close_connection = True
        self._handler.wfile.flush()
        self._handler.connection.close()

    def hold(self) -> None:
        """Stays silent until the test is over."""
        self.ended.wait(20)
        self._handler.close_connection = True


class Script:
    """What the server is to do, the requests it got: (method, path, query), and the connections that they came by."""

    def __init__(self) -> None:
        self.acts: list[Act] = []
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.peers: set[object] = set()
        self.fixed: dict[str, object] = {}
        self.ended = threading.Event()
        self._lock = threading.Lock()
        self.url = ""

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        exchange = Exchange(handler, self.ended)
        if exchange.path in self.fixed:
            exchange.answer(200, self.fixed[exchange.path])
            return
        with self._lock:
            self.peers.add(handler.client_address)
            self.asked.append((exchange.method, exchange.path, exchange.query))
            act = self.acts.pop(0) if len(self.acts) > 1 else self.acts[0]
        act(exchange)


@contextmanager
def scripted(*acts: Act) -> Iterator[Script]:
    """A server on a free loopback port, ended with the block."""
    script = Script()
    script.acts = list(acts)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            script.handle(self)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *args: object) -> None:
            """Tests are quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None
    script.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield script
    finally:
        script.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()
