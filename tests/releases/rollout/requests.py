"""A steady stream of requests to the edge of a cluster, and what each was answered."""

import http.client
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import urlsplit


class Answer(NamedTuple):
    """`sent` and `at` by the monotonic clock; `version` of the pod that answered."""

    sent: float
    at: float
    status: int
    version: str


class Requests:
    """So many a second, each at its time, whether the others were answered or not."""

    def __init__(self, entry: str, host: str, rate: float = 50.0) -> None:
        parts = urlsplit(entry)
        self._address, self._host, self._rate = (parts.hostname or "", parts.port or 80), host, rate
        self.answers: list[Answer] = []
        self._ended = threading.Event()
        self._pool = ThreadPoolExecutor(16)
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def failed(self) -> list[Answer]:
        return [answer for answer in self.answers if answer.status != 200]

    def first(self, version: str, after: float) -> float:
        """Seconds from the moment to the first answer of the version that was asked for since."""
        return min(answer.at for answer in self.answers if answer.version == version and answer.sent >= after) - after

    def last(self, version: str) -> float:
        """When the last request was sent that the version answered."""
        return max(answer.sent for answer in self.answers if answer.version == version)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(5)
        self._pool.shutdown()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._ended.is_set():
            self._pool.submit(self._ask)
            due += 1 / self._rate
            time.sleep(max(0.0, due - time.monotonic()))

    def _ask(self) -> None:
        sent = time.monotonic()
        try:
            connection = http.client.HTTPConnection(*self._address, timeout=3)
            connection.request("GET", "/", headers={"Host": self._host})
            response = connection.getresponse()
            status, body = response.status, response.read()
            connection.close()
        except OSError:
            status, body = 0, b""
        self.answers.append(Answer(sent, time.monotonic(), status, _version(body)))


def _version(body: bytes) -> str:
    try:
        return str(json.loads(body)["version"])
    except (ValueError, KeyError, TypeError):
        return ""


@contextmanager
def requests(entry: str, host: str, rate: float = 50.0) -> Iterator[Requests]:
    running = Requests(entry, host, rate)
    running.start()
    try:
        yield running
    finally:
        running.stop()
