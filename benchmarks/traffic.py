"""Requests at a constant rate, as a client outside the cluster sends them, and what became of each."""

import json
import threading
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

import urllib3

SENDERS = 4
TIMEOUT = urllib3.Timeout(connect=2, read=5)


class Answer(NamedTuple):
    """Instants in seconds since the epoch. `status` 0: none came; `version`: the image's digest, "" for no pod."""

    sent: float
    came: float
    status: int
    version: str
    words: str = ""


class Client:
    """Asks a host at the edge `rate` times a second, whatever the answers take, between `start` and `stop`."""

    def __init__(self, entry: str, host: str, rate: float) -> None:
        self.answers: list[Answer] = []
        self.rate, self._host = rate, host
        self._pool = urllib3.connection_from_url(entry, maxsize=SENDERS, timeout=TIMEOUT, retries=False)
        self._ended, self._lock = threading.Event(), threading.Lock()
        self._threads = [threading.Thread(target=self._send, daemon=True) for _ in range(SENDERS)]

    def start(self) -> None:
        self._due = time.monotonic()
        for each in self._threads:
            each.start()

    def stop(self) -> None:
        self._ended.set()
        for each in self._threads:
            if each.ident:
                each.join(10)

    def wait_for(self, version: str, patience: float = 30) -> None:
        """Until that version answers; RuntimeError has what came instead."""
        until = time.monotonic() + patience
        while not any(each.version == version for each in self.answers[-SENDERS:]):
            if time.monotonic() > until:
                raise RuntimeError(f"{self._host} is not answered by {version}: {self.answers[-1:]}")
            time.sleep(0.05)

    def _send(self) -> None:
        while not self._ended.wait(max(0.0, self._next() - time.monotonic())):
            self.answers.append(self._ask())

    def _next(self) -> float:
        with self._lock:
            self._due += 1 / self.rate
            return self._due

    def _ask(self) -> Answer:
        sent = time.time()
        try:
            answer = self._pool.request("GET", "/", headers={"Host": self._host})
            said = json.loads(answer.data)
        except (urllib3.exceptions.HTTPError, ValueError) as error:
            return Answer(sent, time.time(), 0, "", str(error))
        return Answer(sent, time.time(), answer.status, said.get("version", ""), said.get("edge", ""))


def failed(answers: Iterable[Answer]) -> list[Answer]:
    """Those that were not answered, and those that no pod answered or one answered with an error."""
    return [each for each in answers if each.status != 200]


def by(answers: Iterable[Answer], version: str) -> list[Answer]:
    """Those that this version answered."""
    return [each for each in answers if each.version == version]


def between(answers: Iterable[Answer], began: float, ended: float, at: Callable[[Answer], float]) -> list[Answer]:
    """Those whose instant is in that time."""
    return [each for each in answers if began <= at(each) <= ended]
