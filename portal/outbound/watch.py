"""The end of a call's time: cuts its connections, whatever they are doing."""

import contextlib
import os
import socket
import threading
import time
from contextvars import ContextVar, Token
from types import TracebackType

GRACE = 1.0
"""Seconds after its end at which a single read of a call gives up by itself."""


class CallWatch:
    """Cuts every connection of a call after some seconds: a limit on each read would not end a slow drip.

    Nor would one on each read end headers that drip, or a slow handshake. The call's thread finds it by `current`.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.late = False
        self._deadline = time.monotonic() + seconds
        self._held: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self._token: Token[CallWatch] | None = None

    def __enter__(self) -> "CallWatch":
        self._token = _current.set(self)
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if self._token is not None:
            _current.reset(self._token)
        with self._lock:
            for held in self._held:
                held.close()
            self._held.clear()

    def left(self) -> float:
        """Seconds until the cut. TimeoutError once it is over."""
        left = self._deadline - time.monotonic()
        if self.late or left <= 0:
            self.late = True
            raise TimeoutError
        return left

    def hold(self, connected: socket.socket) -> None:
        """Cuts this connection too. A copy is held: TLS and http.client both drop the socket that they are given."""
        copy = socket.socket(fileno=os.dup(connected.fileno()))
        with self._lock:
            self._held.append(copy)
        if self.late:
            self._cut()

    def _cut(self) -> None:
        self.late = True
        with self._lock:
            for held in self._held:
                with contextlib.suppress(OSError):
                    held.shutdown(socket.SHUT_RDWR)


_current: ContextVar[CallWatch] = ContextVar("watch")


def current() -> CallWatch:
    """The watch of the call that this thread makes."""
    return _current.get()
