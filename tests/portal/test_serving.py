"""`manage.py serve`: many slow connections, processes that die, requests under way at the end."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import urllib3
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from portal.serving import Serving

HTTP = urllib3.PoolManager(timeout=urllib3.Timeout(connect=5, read=30), retries=False)
POST = b"POST /webhooks/github/x HTTP/1.1\r\nHost: 127.0.0.1\r\n"
SLOW = {
    "half a request line": b"GET /heal",
    "half of the headers": b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
    "half of a body": POST + b"Content-Length: 100000\r\n\r\n{",
    "a chunked body": POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
}


@dataclass
class Server:
    process: subprocess.Popen[str]
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def children(self) -> set[int]:
        found = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return {int(pid) for pid in found.split()}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "manage.py", "serve", "--bind", f"127.0.0.1:{port}", "--threads", "2"]
    variables = os.environ | {"SLIPWAY_VAR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "portal.settings"}
    variables.pop("SLIPWAY_DATABASE_URL", None)
    with subprocess.Popen(command, cwd=settings.BASE_DIR, env=variables, text=True) as process:
        running = Server(process, port)
        try:
            until(lambda: answers(running.url), "it answers")
            yield running
        finally:
            process.kill()


def answers(url: str) -> bool:
    try:
        return bool(HTTP.request("GET", f"{url}/healthz").status == 200)
    except urllib3.exceptions.HTTPError:
        return False


def until(holds: Callable[[], bool], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"Not within {seconds} s: {what}"
        time.sleep(0.1)


@pytest.mark.parametrize("begun", SLOW.values(), ids=list(SLOW))
def test_hundreds_of_slow_connections_hold_nobody_up(server: Server, begun: bytes) -> None:
    """Two processes of two threads; a server that waits for heads or bodies in its threads stops at four."""
    with ExitStack() as opened:
        slow = [opened.enter_context(socket.create_connection(("127.0.0.1", server.port))) for _ in range(300)]
        for connection in slow:
            connection.sendall(begun)
        for _ in range(5):
            for connection in slow[::10]:
                connection.sendall(b"a")
            assert answers(server.url)


def test_who_does_not_read_the_answer_holds_nobody_up(server: Server) -> None:
    with ExitStack() as opened:
        for _ in range(100):
            deaf = opened.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.sendall(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 5)
        assert answers(server.url)


def test_a_process_that_is_killed_is_started_again(server: Server) -> None:
    until(lambda: len(server.children()) == 2, "two processes serve")
    before = server.children()
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    until(lambda: len(server.children() - before) == 2, "two new ones serve")
    until(lambda: answers(server.url), "they answer")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_the_processes_end_with_the_first_one(server: Server, number: signal.Signals) -> None:
    children = server.children()
    server.process.send_signal(number)
    assert server.process.wait(30) == (-number if number == signal.SIGKILL else 0)
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children), "all have ended")


WRONG = {
    "no port": ("127.0.0.1", 1, 1),
    "no host": (":8000", 1, 1),
    "port 0": ("127.0.0.1:0", 1, 1),
    "a port of letters": ("127.0.0.1:http", 1, 1),
    "no process": ("127.0.0.1:8000", 0, 1),
    "no thread": ("127.0.0.1:8000", 1, 0),
}


@pytest.mark.parametrize(("bind", "processes", "threads"), WRONG.values(), ids=list(WRONG))
def test_what_cannot_be_served_is_said(bind: str, processes: int, threads: int) -> None:
    with pytest.raises(ImproperlyConfigured, match="--"):
        Serving.parse(bind, processes, threads)


def test_addresses_of_both_kinds() -> None:
    assert Serving.parse("[::1]:8000", 1, 1) == Serving("::1", 8000, 1, 1)
    assert Serving.parse("0.0.0.0:80", 2, 8) == Serving("0.0.0.0", 80, 2, 8)
