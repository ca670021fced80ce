"""WATCH: events of one kind as lines of JSON, with bookmarks and initial events."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from typing import Any

from sandbox import errors
from sandbox.addresses import Address
from sandbox.api import Api
from sandbox.faults import Faults
from sandbox.get_list import Form, matching, shown
from sandbox.kinds import ApiResource
from sandbox.request_decoding import MARK
from sandbox.selectors import matcher
from sandbox.store import HistoryExpired, StoredVersion, StoreEvent, encode

BOOKMARKS = 60.0
"""Seconds between bookmarks."""
_LONGEST = 3_600.0
_LOOK = 0.25
_BATCH = 200


class WatchStream:
    """One watch. It reads the history from its own place on; a notice of the store only wakes it."""

    def __init__(self, api: Api, address: Address, query: Mapping[str, str], form: Form, faults: Faults) -> None:
        self.api, self.address, self.form, self.faults = api, address, form, faults
        kind = address.kind
        self.source = (MARK.get((kind.group, kind.kind), kind.group), kind.kind)
        self.chosen = matcher(query.get("labelSelector", ""), _fields(address, query))
        self.bookmarks = query.get("allowWatchBookmarks") in ("1", "true")
        self.until = time.monotonic() + float(query.get("timeoutSeconds") or _LONGEST)
        self.initial = _wants_initial(query)
        self.version = int(query.get("resourceVersion") or 0)
        self._cuts = faults.cuts
        self._wake = asyncio.Event()

    async def lines(self) -> AsyncGenerator[bytes, None]:
        """The watch until it ends; the caller closes it when the client is gone."""
        unsubscribe = self.api.store.subscribe(self._waker(asyncio.get_running_loop()))
        try:
            for line in self._beginning():
                yield line
            async for line in self._changes():
                yield line
        finally:
            unsubscribe()

    def _waker(self, loop: asyncio.AbstractEventLoop) -> Callable[[StoreEvent], None]:
        def wake(event: StoreEvent) -> None:
            key = event.entry.key
            if (key.group, key.kind) == self.source and not loop.is_closed():
                loop.call_soon_threadsafe(self._wake.set)

        return wake

    def _beginning(self) -> Iterator[bytes]:
        """The objects that are there, where the client wants them."""
        store = self.api.store
        if self.version and not self.initial:
            return
        with store.lock:
            self.version = store.version
            entries = store.entries(*self.source, self.address.namespace)
        for entry in matching(self.address.kind, entries, self.chosen):
            yield self._line("ADDED", entry)
        if self.initial:
            yield self._bookmark({"annotations": {"k8s.io/initial-events-end": "true"}})

    async def _changes(self) -> AsyncGenerator[bytes, None]:
        due = time.monotonic() + BOOKMARKS
        while time.monotonic() < self.until and self.faults.cuts == self._cuts:
            self._wake.clear()
            try:
                events = self.api.store.since(*self.source, self.version)
            except HistoryExpired as expired:
                yield _error(self.version, expired.oldest)
                return
            for start in range(0, len(events), _BATCH):
                found = [self._change(event) for event in events[start : start + _BATCH]]
                joined = b"".join(line for line in found if line)
                if joined:
                    yield joined
            if events:
                self.version = events[-1].entry.version
            if self.bookmarks and time.monotonic() >= due:
                due = time.monotonic() + BOOKMARKS
                self.version = max(self.version, self._settled())
                yield self._bookmark({})
            await self._pause()

    def _settled(self) -> int:
        """The newest version, if this kind has no event that is still to be sent."""
        store = self.api.store
        with store.lock:
            return self.version if store.since(*self.source, self.version) else store.version

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), _LOOK)
        except TimeoutError:
            return

    def _change(self, event: StoreEvent) -> bytes:
        """An event as this watch sees it: gaining a label is ADDED, losing it is DELETED."""
        if self.address.namespace and event.entry.key.namespace != self.address.namespace:
            return b""
        was = event.previous is not None and self._wanted(event.previous)
        now = event.type != "DELETED" and self._wanted(event.entry)
        if not was and not now:
            return b""
        if was and now:
            return self._line("MODIFIED", event.entry)
        return self._line("ADDED", event.entry) if now else self._line("DELETED", _last_seen(event))

    def _wanted(self, entry: StoredVersion) -> bool:
        return bool(matching(self.address.kind, [entry], self.chosen))

    def _line(self, change: str, entry: StoredVersion) -> bytes:
        shape = shown(self.address.kind, entry, self.form)
        return b'{"type":"' + change.encode() + b'","object":' + shape + b"}\n"

    def _bookmark(self, metadata: dict[str, Any]) -> bytes:
        kind: ApiResource = self.address.kind
        value = {
            "kind": kind.kind,
            "apiVersion": kind.api_version,
            "metadata": {"resourceVersion": str(self.version), **metadata},
        }
        return encode({"type": "BOOKMARK", "object": value}) + b"\n"


def _last_seen(event: StoreEvent) -> StoredVersion:
    """What left the watch: as it was when it still belonged, at the version of the change."""
    if event.type == "DELETED" or event.previous is None:
        return event.entry
    old, version = event.previous.object, event.entry.version
    metadata = {**old["metadata"], "resourceVersion": str(version)}
    return StoredVersion(event.entry.key, {**old, "metadata": metadata}, version)


def _fields(address: Address, query: Mapping[str, str]) -> str:
    name = f"metadata.name={address.name}" if address.name else ""
    return ",".join(part for part in (query.get("fieldSelector", ""), name) if part)


def _wants_initial(query: Mapping[str, str]) -> bool:
    if query.get("sendInitialEvents") not in ("1", "true"):
        return False
    if query.get("resourceVersionMatch") != "NotOlderThan":
        words = "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        cause = errors.StatusCause("FieldValueForbidden", words, "resourceVersionMatch")
        raise errors.invalid("meta.k8s.io", "ListOptions", "", [cause])
    return True


def _error(asked: int, oldest: int) -> bytes:
    return encode({"type": "ERROR", "object": errors.expired(asked, oldest).body}) + b"\n"


def gone_line() -> bytes:
    """The ERROR event of a fault."""
    return _error(1, 2)
