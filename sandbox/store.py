"""Objects of the embedded cluster and their history: thread-safe, one resourceVersion for all.

Objects are plain dicts that nobody changes once they are in the store: reads hand out the stored dict itself,
so whoever wants another one copies it first.
"""

from __future__ import annotations

import json
import threading
import uuid
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

Object = dict[str, Any]

HISTORY = 4_000
"""Events that are kept for each kind; a watch that asks for an older version is told 410."""


class StoreKey(NamedTuple):
    """One object whatever version names it. `namespace` is "" for objects of the whole cluster."""

    group: str
    kind: str
    namespace: str
    name: str


def key_of(manifest: Mapping[str, Any]) -> StoreKey:
    """The key of an object that has apiVersion, kind and metadata.name."""
    metadata = manifest["metadata"]
    group = manifest["apiVersion"].rpartition("/")[0]
    return StoreKey(group, manifest["kind"], metadata.get("namespace", ""), metadata["name"])


def encode(value: Any) -> bytes:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


class StoredVersion:
    """One version of one object; its JSON is made once, when somebody asks."""

    __slots__ = ("_json", "key", "object", "version")

    def __init__(self, key: StoreKey, value: Object, version: int) -> None:
        self.key, self.object, self.version = key, value, version
        self._json: bytes | None = None

    @property
    def json(self) -> bytes:
        if self._json is None:
            self._json = encode(self.object)
        return self._json


class StoreEvent(NamedTuple):
    """A change. `type` is ADDED, MODIFIED or DELETED; `previous` is None for ADDED."""

    type: str
    entry: StoredVersion
    previous: StoredVersion | None

    @property
    def object(self) -> Object:
        return self.entry.object


class Exists(Exception):
    """There is an object of this key already."""


class Missing(Exception):
    """There is no object of this key."""


class HistoryExpired(Exception):
    """The asked version is older than the history. `oldest` is the first one that can be asked for."""

    def __init__(self, oldest: int) -> None:
        super().__init__(f"the history begins at {oldest}")
        self.oldest = oldest


class _History:
    """Events of one kind in the order of their versions."""

    def __init__(self, limit: int) -> None:
        self.limit, self.oldest = limit, 0
        self.events: list[StoreEvent] = []
        self.versions: list[int] = []

    def append(self, event: StoreEvent) -> None:
        self.events.append(event)
        self.versions.append(event.entry.version)
        if len(self.events) >= 2 * self.limit:
            self.forget(self.versions[self.limit - 1])

    def forget(self, version: int) -> None:
        """Drops what happened up to and including `version`."""
        cut = bisect_right(self.versions, version)
        self.oldest = max(self.oldest, version)
        del self.events[:cut], self.versions[:cut]

    def since(self, version: int) -> list[StoreEvent]:
        if version < self.oldest:
            raise HistoryExpired(self.oldest)
        return self.events[bisect_right(self.versions, version) :]


Events = list[StoreEvent]
_Kinds = list[tuple[str, str]]
Subscriber = Callable[[StoreEvent], None]


class Store:
    """Hold `lock` around a read and the write that depends on it; every method takes it too."""

    def __init__(self, *, history: int = HISTORY) -> None:
        self.lock = threading.RLock()
        self._objects: dict[tuple[str, str], dict[str, dict[str, StoredVersion]]] = defaultdict(
            lambda: defaultdict(dict)
        )
        self._history: dict[tuple[str, str], _History] = defaultdict(lambda: _History(history))
        self._subscribers: list[Subscriber] = []
        self._version = 1

    @property
    def version(self) -> int:
        """The newest resourceVersion."""
        return self._version

    def entry(self, key: StoreKey) -> StoredVersion | None:
        with self.lock:
            return self._objects[key.group, key.kind][key.namespace].get(key.name)

    def get(self, key: StoreKey) -> Object | None:
        """The object itself (not a copy), or None."""
        found = self.entry(key)
        return found.object if found else None

    def entries(self, group: str, kind: str, namespace: str = "") -> list[StoredVersion]:
        """Entries of a kind, in the order of namespace and name; `namespace` "" means all."""
        with self.lock:
            spaces = self._objects[group, kind]
            chosen = [namespace] if namespace else sorted(spaces)
            return [spaces[space][name] for space in chosen if space in spaces for name in sorted(spaces[space])]

    def list(self, group: str, kind: str, namespace: str = "") -> list[Object]:
        """Objects of a kind (not copies); `namespace` "" means all."""
        return [entry.object for entry in self.entries(group, kind, namespace)]

    def kinds(self) -> _Kinds:
        """(group, kind) of everything that has an object."""
        with self.lock:
            return [kind for kind, spaces in self._objects.items() if any(spaces.values())]

    def create(self, value: Object) -> StoredVersion:
        """Stores a new object with uid, creationTimestamp and resourceVersion; raises Exists."""
        key = key_of(value)
        with self.lock:
            if self.entry(key):
                raise Exists(key)
            born = {"uid": str(uuid.uuid4()), "creationTimestamp": now()}
            return self._put("ADDED", key, {**value, "metadata": {**born, **value["metadata"]}}, None)

    def update(self, value: Object) -> StoredVersion:
        """Replaces an object whatever its version is; raises Missing."""
        key = key_of(value)
        with self.lock:
            previous = self.entry(key)
            if previous is None:
                raise Missing(key)
            return self._put("MODIFIED", key, value, previous)

    def delete(self, key: StoreKey) -> StoredVersion:
        """Removes an object and returns its last state; raises Missing."""
        with self.lock:
            previous = self.entry(key)
            if previous is None:
                raise Missing(key)
            gone = self._stamped(key, previous.object)
            del self._objects[key.group, key.kind][key.namespace][key.name]
            self._publish(StoreEvent("DELETED", gone, previous))
            return gone

    def since(self, group: str, kind: str, version: int) -> Events:
        """Events of a kind after `version`; raises Expired."""
        with self.lock:
            return self._history[group, kind].since(version)

    def forget(self, group: str, kind: str) -> None:
        """Empties the history of a kind, as a server does that was started anew."""
        with self.lock:
            self._history[group, kind].forget(self._version)

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Calls `subscriber` with every event, in order and under the lock: it must only hand the event on.
        The result ends the subscription."""
        with self.lock:
            self._subscribers.append(subscriber)
        return lambda: self._subscribers.remove(subscriber)

    def dump(self) -> dict[str, Any]:
        """All objects and the version, for `load`."""
        with self.lock:
            return {"version": self._version, "objects": [entry.object for entry in self._all()]}

    def load(self, dumped: Mapping[str, Any]) -> None:
        """Puts back what `dump` gave; no events, and no history before it."""
        with self.lock:
            for value in dumped["objects"]:
                key = key_of(value)
                entry = StoredVersion(key, value, int(value["metadata"]["resourceVersion"]))
                self._objects[key.group, key.kind][key.namespace][key.name] = entry
            self._version = max(self._version, int(dumped["version"]))

    def _all(self) -> Iterator[StoredVersion]:
        for spaces in self._objects.values():
            for named in spaces.values():
                yield from named.values()

    def _put(self, change: str, key: StoreKey, value: Object, previous: StoredVersion | None) -> StoredVersion:
        entry = self._stamped(key, value)
        self._objects[key.group, key.kind][key.namespace][key.name] = entry
        self._publish(StoreEvent(change, entry, previous))
        return entry

    def _stamped(self, key: StoreKey, value: Object) -> StoredVersion:
        self._version += 1
        metadata = {**value["metadata"], "resourceVersion": str(self._version)}
        return StoredVersion(key, {**value, "metadata": metadata}, self._version)

    def _publish(self, event: StoreEvent) -> None:
        key = event.entry.key
        self._history[key.group, key.kind].append(event)
        for subscriber in tuple(self._subscribers):
            subscriber(event)


def now() -> str:
    """The time as metadata has it: UTC, whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
