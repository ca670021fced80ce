"""Watching the objects of a kind on one cluster: one open request serves every rollout there.

A watch starts with the initial objects (WatchList), goes on from the last version after an orderly end, and starts
again after any error, with growing pauses. Where watching does not work, the objects are listed at intervals.
"""

import json
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from environments.kube.api.classify import classify
from environments.kube.api.client import Gateway
from environments.kube.api.errors import Denied, Expired, KubeError, Rejected
from environments.kube.api.transport import Query, WatchLines
from environments.kube.watch.projection import Key, key_of, relevant, remains, version_of

__all__ = ["Event", "Pace", "WatchState", "Watcher", "relevant"]

Event = Literal["ADDED", "MODIFIED", "DELETED", "SYNCED"]
Mode = Literal["live", "reconnecting", "polling"]
INITIAL_END = "k8s.io/initial-events-end"
PAGE = 500
log = logging.getLogger(__name__)
chance = random.SystemRandom()


class WatchState(NamedTuple):
    """`live`: changes arrive the moment they happen. `mode` is "live", "reconnecting" (nothing arrives) or "polling"
    (changes arrive late); `why` says in words what is the matter, "" when live.
    """

    live: bool
    since: datetime
    why: str
    mode: Mode = "reconnecting"


class Pace(NamedTuple):
    """Seconds, unless it says otherwise."""

    first_pause: float = 0.5
    longest_pause: float = 10.0
    poll_every: float = 30.0
    read_timeout: float = 75.0  # bookmarks come each 60 s, so a longer silence is a dead connection
    watch_seconds: int = 300
    steady: float = 10.0  # a watch that lasted so long was a good one
    failures_before_polling: int = 5  # times
    polls_between_refusals: int = 10  # times


class Watcher(threading.Thread):
    """Tells of every change to the objects of one kind that have the labels, until stop().

    `on_event` gets "ADDED", "MODIFIED" or "DELETED" with relevant(object), and "SYNCED" with {} when what was told
    is all there is. An object that loses its label arrives as DELETED: read it before you believe it gone. What
    vanished during an interruption is told as DELETED with its identity alone; what stayed as it was is not told
    again. Both callbacks are called in the watcher's thread.
    """

    def __init__(
        self,
        gateway: Gateway,
        api_version: str,
        kind: str,
        *,
        labels: str,
        on_event: Callable[[Event, dict[str, Any]], None],
        on_state: Callable[[WatchState], None],
        namespace: str = "",
        pace: Pace | None = None,
    ) -> None:
        super().__init__(name=f"watch-{kind}", daemon=True)
        self.state = WatchState(False, datetime.now(UTC), "not connected yet")
        self._gateway = gateway
        self._kind = (api_version, kind)
        self._labels = labels
        self._namespace = namespace
        self._on_event = on_event
        self._on_state = on_state
        self._pace = pace or Pace()
        self._ended = threading.Event()
        self._lines: WatchLines | None = None
        self._known: dict[Key, tuple[str, str]] = {}
        self._told: set[Key] = set()
        self._version = ""
        self._watch_list = True
        self._failures = 0
        self._polls_to_go = 0

    def stop(self) -> None:
        """Ends the thread, out of a blocked read too. join() to wait for it."""
        self._ended.set()
        if lines := self._lines:
            lines.close()

    def run(self) -> None:
        """Watches, until stopped."""
        while not self._ended.is_set():
            try:
                pause = self._turn()
            except Exception:
                log.exception("the watch of %s stumbled", self._kind[1])
                pause = self._pace.longest_pause
            self._ended.wait(pause)

    # Taking turns

    def _turn(self) -> float:
        """One watch or one poll; the seconds to wait afterwards."""
        if self._polls_to_go:
            self._polls_to_go -= 1
            return self._poll(self.state.why)
        began = time.monotonic()
        try:
            self._watch()
        except (KubeError, ValueError) as error:
            return 0.0 if self._ended.is_set() else self._failed(error, time.monotonic() - began)
        return self._ended_orderly(time.monotonic() - began)

    def _ended_orderly(self, lasted: float) -> float:
        if lasted >= self._pace.steady:
            self._failures = 0
            return 0.0
        self._failures += 1
        return self._pause()

    def _failed(self, error: Exception, lasted: float) -> float:
        self._version = ""
        self._failures = 1 if lasted >= self._pace.steady else self._failures + 1
        if isinstance(error, Rejected) and self._watch_list:
            self._watch_list = False
            return 0.0
        why = str(error)
        if isinstance(error, Denied):
            self._polls_to_go = self._pace.polls_between_refusals
            return self._poll(f"watching is refused: {why}")
        if self._failures >= self._pace.failures_before_polling:
            return self._poll(f"watching failed {self._failures} times: {why}")
        self._tell("reconnecting", why)
        return 0.0 if isinstance(error, Expired) and self._failures == 1 else self._pause()

    def _pause(self) -> float:
        growth = 2.0 ** min(self._failures - 1, 10)
        longest = min(self._pace.longest_pause, self._pace.first_pause * growth)
        return longest * chance.uniform(0.5, 1.0)

    def _poll(self, why: str) -> float:
        try:
            found, _ = self._list()
        except KubeError as error:
            self._tell("reconnecting", str(error))
            return self._pause()
        self._sync(found)
        self._tell("polling", why)
        return self._pace.poll_every * chance.uniform(0.8, 1.2)

    def _tell(self, mode: Mode, why: str = "") -> None:
        if (mode, why) != (self.state.mode, self.state.why):
            self.state = WatchState(mode == "live", datetime.now(UTC), why, mode)
            self._on_state(self.state)

    # One watch

    def _watch(self) -> None:
        if not self._version and not self._watch_list:
            found, self._version = self._list()
            self._sync(found)
        self._told = set()
        with self._open(self._path(), self._query()) as lines:
            if self._version:
                self._tell("live")
            for line in lines:
                if self._ended.is_set():
                    return
                if line.strip():
                    self._read(json.loads(line))

    def _path(self) -> str:
        return self._gateway.resource(*self._kind).path(self._namespace)

    def _query(self) -> Query:
        seconds = round(self._pace.watch_seconds * chance.uniform(0.9, 1.1))
        query = [("watch", "1"), ("allowWatchBookmarks", "true"), ("timeoutSeconds", str(seconds))]
        query += [("labelSelector", self._labels)] if self._labels else []
        if self._version:
            return [*query, ("resourceVersion", self._version)]
        return [*query, ("sendInitialEvents", "true"), ("resourceVersionMatch", "NotOlderThan")]

    @contextmanager
    def _open(self, path: str, query: Query) -> Iterator[WatchLines]:
        lines = self._gateway.stream(path, query=query, read_timeout=self._pace.read_timeout)
        self._lines = lines
        if self._ended.is_set():
            lines.close()
        try:
            yield lines
        finally:
            self._lines = None
            lines.close()

    def _read(self, event: dict[str, Any]) -> None:
        kind, obj = event["type"], event["object"]
        if kind == "ERROR":
            raise classify(int(obj.get("code") or 500), {}, obj)
        if kind == "BOOKMARK":
            self._bookmark(obj)
        elif self._version:
            self._change(kind, obj)
        else:
            self._initial(obj)

    def _bookmark(self, obj: dict[str, Any]) -> None:
        at_end = (obj["metadata"].get("annotations") or {}).get(INITIAL_END) == "true"
        if not self._version and not at_end:
            self._watch_list = False
            raise Expired("The server does not mark the end of the initial objects.")
        if not self._version:
            self._forget_absent()
            self._tell("live")
        self._version = version_of(obj)

    def _change(self, kind: Event, obj: dict[str, Any]) -> None:
        self._version = version_of(obj)
        if kind == "DELETED":
            self._known.pop(key_of(obj), None)
        else:
            self._known[key_of(obj)] = (obj["metadata"]["uid"], version_of(obj))
        self._on_event(kind, self._named(relevant(obj)))

    # What there is altogether

    def _list(self) -> tuple[list[dict[str, Any]], str]:
        """All objects by pages, and the version they are of."""
        base = [("limit", str(PAGE)), *([("labelSelector", self._labels)] if self._labels else [])]
        items: list[dict[str, Any]] = []
        after: Query = []
        while True:
            answer = self._gateway.raw("GET", self._path(), query=[*base, *after])
            if error := answer.error():
                raise error
            page = answer.json()
            items += page.get("items") or []
            if not (token := page["metadata"].get("continue")):
                return items, page["metadata"]["resourceVersion"]
            after = [("continue", token)]

    def _sync(self, found: list[dict[str, Any]]) -> None:
        self._told = set()
        for obj in found:
            self._initial(obj)
        self._forget_absent()

    def _initial(self, obj: dict[str, Any]) -> None:
        key, now = key_of(obj), (obj["metadata"]["uid"], version_of(obj))
        before = self._known.get(key)
        self._told.add(key)
        if before == now:
            return
        if before and before[0] != now[0]:
            self._on_event("DELETED", self._named(remains(key, *before)))
            before = None
        self._known[key] = now
        self._on_event("MODIFIED" if before else "ADDED", self._named(relevant(obj)))

    def _forget_absent(self) -> None:
        for key in self._known.keys() - self._told:
            self._on_event("DELETED", self._named(remains(key, *self._known.pop(key))))
        self._on_event("SYNCED", {})

    def _named(self, obj: dict[str, Any]) -> dict[str, Any]:
        """With its kind, which the items of a list do not say."""
        return {"apiVersion": self._kind[0], "kind": self._kind[1], **obj}
