"""The portal's HTTP server: waitress, in as many processes as wanted, all accepting from one socket.

Waitress reads a request's head and body, and writes its answer, in a loop of its own. A worker thread has a
request only once it is whole, so connections that drip hold no thread.
"""

import contextlib
import os
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from waitress.server import create_server

log = structlog.get_logger(__name__)

MOST_BODY = 64 * 1024 * 1024  # bytes of a request; what each address takes is less, and checked there
MOST_HEAD = 64 * 1024
MOST_CONNECTIONS = 4000  # a process; those over it wait in the kernel's queue
SILENCE = 60  # seconds after which a connection that sends nothing is closed
QUEUE = 1024
PAUSE = 1.0  # before a process that died is started again, so that a fault at the start is no storm
STOP_SECONDS = 10.0
Application = Callable[..., Any]


@dataclass(frozen=True)
class Serving:
    """Where and how wide: `processes` with `threads` each."""

    host: str
    port: int
    processes: int
    threads: int

    @classmethod
    def parse(cls, bind: str, processes: int, threads: int) -> "Serving":
        """From `host:port`, with [] around an IPv6 address. ImproperlyConfigured says what is wrong."""
        host, _, port = bind.rpartition(":")
        if not host or not port.isascii() or not port.isdecimal() or not 0 < int(port) < 65536:
            raise ImproperlyConfigured(f"--bind is {bind!r}; it has to be like 127.0.0.1:8000 or [::1]:8000.")
        if processes < 1 or threads < 1:
            raise ImproperlyConfigured("--processes and --threads have to be 1 or more.")
        return cls(host.strip("[]"), int(port), processes, threads)


def listen(serving: Serving) -> socket.socket:
    """The socket that all processes accept from. OSError where the address is taken or not this machine's."""
    family = socket.AF_INET6 if ":" in serving.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((serving.host, serving.port))
    listening.listen(QUEUE)
    return listening


def serve(serving: Serving, listening: socket.socket, application: Application) -> None:
    """Serves in this process until SystemExit or KeyboardInterrupt; what is under way then ends first."""
    _raise_open_files()
    server = create_server(application, sockets=[listening], **_adjustments(serving))
    server.run()


def supervise(processes: int, work: Callable[[], None]) -> None:
    """Keeps so many processes at `work`, until SIGTERM or SIGINT ends them and then this one by SystemExit."""
    running: set[int] = set()
    _on_stop(lambda: _end(running))
    alive, held = os.pipe()
    while True:
        while len(running) < processes:
            running.add(_start(work, alive, held))
        pid, status = os.wait()
        running.discard(pid)
        log.error("a process of the portal ended and is started again", pid=pid, status=status)
        time.sleep(PAUSE)


def _adjustments(serving: Serving) -> dict[str, Any]:
    trusted = {
        # A proxy that is trusted says who asks and how; without one these headers are anybody's words.
        "trusted_proxy": "*",
        "trusted_proxy_count": 1,
        "trusted_proxy_headers": {"x-forwarded-for", "x-forwarded-proto"},
    }
    return {
        "threads": serving.threads,
        "connection_limit": MOST_CONNECTIONS,
        "asyncore_use_poll": True,
        "channel_timeout": SILENCE,
        "max_request_body_size": MOST_BODY,
        "max_request_header_size": MOST_HEAD,
        "ident": None,
        # Kept, so that the portal sees that a proxy stands in front where nobody told it.
        "clear_untrusted_proxy_headers": False,
        **(trusted if settings.BEHIND_PROXY else {}),
    }


def _raise_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + 1000
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if hard < 0 else min(wanted, hard), hard))


def _start(work: Callable[[], None], alive: int, held: int) -> int:
    if pid := os.fork():
        return pid
    _on_stop(lambda: sys.exit(0))
    os.close(held)
    threading.Thread(target=_end_with_parent, args=(alive,), daemon=True).start()
    status = 1
    try:
        work()
        status = 0
    except SystemExit as ended:
        status = int(bool(ended.code))
    except Exception:
        log.exception("a process of the portal failed")
    finally:
        os._exit(status)


def _end_with_parent(alive: int) -> None:
    """Nothing is ever written to the pipe: it ends when the parent does, however that was killed."""
    os.read(alive, 1)
    os.kill(os.getpid(), signal.SIGTERM)


def _end(running: set[int]) -> None:
    for pid in running:
        os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + STOP_SECONDS
    with contextlib.suppress(ChildProcessError):
        while time.monotonic() < until:
            pid, _status = os.waitpid(-1, os.WNOHANG)
            running.discard(pid)
            time.sleep(0.05)
    for pid in running:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    sys.exit(0)


def _on_stop(do: Callable[[], None]) -> None:
    def handle(_number: int, _frame: FrameType | None) -> None:
        do()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)
