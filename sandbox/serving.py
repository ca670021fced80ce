"""An ASGI application served by a thread of this process."""

import asyncio
import contextlib
import socket
import ssl
import threading
from typing import Any

import uvicorn

from sandbox.fault_injection import Protocol

_START, _STOP = 10.0, 5.0


class ListeningServer:
    """Serves until stop(). `address` is the host and port that it listens on; port 0 takes a free one."""

    def __init__(self, app: Any, host: str, port: int, *, name: str, tls: ssl.SSLContext | None = None) -> None:
        listener = socket.create_server((host, port), backlog=512)
        # asyncio does so itself only for sockets that name their protocol; without it each answer waits 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.address: tuple[str, int] = listener.getsockname()[:2]
        config = uvicorn.Config(
            app,
            http=Protocol,
            log_level="critical",
            access_log=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=1,
        )
        config.load()
        config.ssl = tls
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, args=(listener,), name=name, daemon=True)
        self._thread.start()
        with contextlib.closing(socket.create_connection(self.address, timeout=_START)):
            pass

    def stop(self) -> None:
        """Ends the thread, after at most a second for the answers that are under way."""
        self._server.should_exit = True
        self._thread.join(_STOP)

    def _run(self, listener: socket.socket) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(self._server.serve(sockets=[listener]))
