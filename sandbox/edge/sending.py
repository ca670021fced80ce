"""The edge's own traffic: requests at a steady rate, as annotations and ConfigMaps ask for them."""

import heapq
import itertools
import json
import threading
import time
from collections.abc import Callable, Hashable
from typing import NamedTuple

from sandbox.edge import gateway, ingress, istio, plain
from sandbox.edge.model import EdgeRequest
from sandbox.meta import Object, annotations_of, kind_of, labels_of

CONFIG = "ConfigMap"
SENDERS = {istio.KIND, gateway.KIND, ingress.KIND, plain.KIND, CONFIG}
_RPS, _HEADERS, _PATH = "test.slipway/rps", "test.slipway/headers", "test.slipway/path"
_TRAFFIC = "test.slipway/traffic"
_TICK, _FORGIVEN = 0.05, 1.0


class Sending(NamedTuple):
    """So many requests a second, all alike."""

    rps: float
    request: EdgeRequest


def sending_of(obj: Object, hosts: tuple[str, ...]) -> Sending | None:
    """The traffic that an object asks for; `hosts` are those that it routes. None where it asks for none."""
    if kind_of(obj) == CONFIG:
        asked = (obj.get("data") or {}) if labels_of(obj).get(_TRAFFIC) == "true" else {}
        return _sending(asked.get("host", ""), asked.get("rps", ""), asked.get("path", ""), asked.get("headers", ""))
    said = {**labels_of(obj), **annotations_of(obj)}
    return _sending(next(iter(hosts), ""), said.get(_RPS, ""), said.get(_PATH, ""), said.get(_HEADERS, ""))


def _sending(host: str, rps: str, path: str, headers: str) -> Sending | None:
    rate = _rate(rps)
    if rate <= 0 or not host:
        return None
    named = f"any{host[1:]}" if host.startswith("*") else host
    only, _, query = (path or "/").partition("?")
    return Sending(rate, EdgeRequest(named, only, headers={**_headers(headers), "host": named}, query=query))


def _rate(text: str) -> float:
    try:
        return float(text or 0)
    except ValueError:
        return 0.0


def _headers(text: str) -> dict[str, str]:
    try:
        said = json.loads(text or "{}")
    except ValueError:
        return {}
    return {str(name).lower(): str(value) for name, value in said.items()} if isinstance(said, dict) else {}


class Senders:
    """Who sends, by the object that asks for it. What is due comes in real time, also where the sandbox is faster."""

    def __init__(self) -> None:
        self._wake = threading.Condition()
        self._wanted: dict[Hashable, Sending] = {}
        self._heap: list[tuple[float, int, Hashable, Sending]] = []
        self._count = itertools.count()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def set(self, place: Hashable, sending: Sending | None) -> None:
        """What an object asks for from now on; None for nothing."""
        with self._wake:
            if self._wanted.get(place) == sending:
                return
            self._wanted.pop(place, None)
            if sending is not None:
                self._wanted[place] = sending
                self._push(time.monotonic() + 1 / sending.rps, place, sending)
                self._wake.notify()

    def start(self, send: Callable[[EdgeRequest], None]) -> None:
        """One thread for all of them."""
        self._thread = threading.Thread(target=self._run, args=(send,), name="sandbox-traffic", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def due(self, now: float) -> list[EdgeRequest]:
        """The requests that are to be sent by now. Of those that were missed for long, none is made up for."""
        found = []
        with self._wake:
            while self._heap and self._heap[0][0] <= now:
                at, _, place, sending = heapq.heappop(self._heap)
                if self._wanted.get(place) is sending:
                    found.append(sending.request)
                    self._push(max(at, now - _FORGIVEN) + 1 / sending.rps, place, sending)
        return found

    def _push(self, at: float, place: Hashable, sending: Sending) -> None:
        heapq.heappush(self._heap, (at, next(self._count), place, sending))

    def _run(self, send: Callable[[EdgeRequest], None]) -> None:
        while not self._stopping:
            for request in self.due(time.monotonic()):
                send(request)
            with self._wake:
                if not self._stopping:
                    pause = max(_TICK, self._heap[0][0] - time.monotonic()) if self._heap else None
                    self._wake.wait(pause)
