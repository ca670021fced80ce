"""Faults that tests switch on: what a sick API server, or the network before it, does to requests."""

import random
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

KINDS = (
    "error",  # `status` with a Status body
    "page",  # `status` with an HTML page, as a load balancer answers
    "throttle",  # 429 in plain text with Retry-After, as priority and fairness
    "reset",  # the connection is reset before an answer
    "close",  # the connection is closed before an answer
    "slow",  # answers after `seconds`
    "trickle",  # the answer comes byte by byte, `seconds` apart
    "hang",  # never answers
    "gone",  # 410: an ERROR event on a watch, else an HTTP status
    "expired",  # 401, as with an expired or revoked token
    "truncate",  # a body shorter than its Content-Length
)
_ids = random.Random()  # noqa: S311 names of faults are no secrets # nosec B311


@dataclass
class InjectedFault:
    """One fault. `verb` is "" for all (get, list, watch, create, update, patch, delete), `path` a regular expression
    that is searched in the path with its query; `count` None never runs out; `duration` is in seconds from now."""

    kind: str
    verb: str = ""
    path: str = ""
    count: int | None = None
    probability: float = 1.0
    duration: float | None = None
    status: int = 503
    seconds: float = 1.0
    message: str = "the server is currently unable to handle the request"
    retry_after: int = 1
    id: str = field(default_factory=lambda: f"{_ids.getrandbits(32):08x}")
    hits: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"fault {self.kind!r} is none of {', '.join(KINDS)}")
        self._until = None if self.duration is None else time.monotonic() + self.duration

    def applies(self, verb: str, path: str) -> bool:
        if self.verb and verb not in self.verb.split(","):
            return False
        return bool(re.search(self.path, path)) and random.random() < self.probability  # noqa: S311 # nosec B311

    @property
    def over(self) -> bool:
        return self.count == 0 or (self._until is not None and time.monotonic() >= self._until)

    def describe(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}


class Faults:
    """The faults that are on; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._active: list[InjectedFault] = []
        self._cuts = 0

    def add(self, kind: str, **options: Any) -> InjectedFault:
        """Switches a fault on; ValueError where there is no such kind, TypeError where there is no such option."""
        fault = InjectedFault(kind, **options)
        with self._lock:
            self._active.append(fault)
        return fault

    def remove(self, fault_id: str) -> None:
        with self._lock:
            self._active = [fault for fault in self._active if fault.id != fault_id]

    def clear(self) -> None:
        with self._lock:
            self._active = []

    def active(self) -> list[InjectedFault]:
        with self._lock:
            self._active = [fault for fault in self._active if not fault.over]
            return list(self._active)

    def strike(self, verb: str, path: str) -> InjectedFault | None:
        """The fault that this request meets; it is counted."""
        for fault in self.active():
            if fault.applies(verb, path):
                with self._lock:
                    fault.hits += 1
                    if fault.count is not None:
                        fault.count -= 1
                return fault
        return None

    @property
    def cuts(self) -> int:
        """Grows when open watches are to end."""
        return self._cuts

    def cut_watches(self) -> None:
        """Ends every open watch without a word."""
        self._cuts += 1

    def add_described(self, described: Mapping[str, Any]) -> InjectedFault:
        """A fault from JSON; ValueError says what is wrong with it."""
        known = {each.name for each in fields(InjectedFault)} - {"id", "hits"}
        surplus = sorted(described.keys() - known)
        if surplus or "kind" not in described:
            raise ValueError(f"a fault has {', '.join(sorted(known))}; not {', '.join(surplus) or 'no kind'}")
        return self.add(**described)
