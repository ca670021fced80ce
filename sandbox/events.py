"""Events as kubelet, scheduler and controllers record them; the same one again only counts up."""

import itertools

from sandbox.clock import Clock
from sandbox.meta import Object
from sandbox.store import Missing, Store, StoreKey

_TTL = 3600.0
_SWEEP = 512


class Recorder:
    """Writes Events straight into the store: they need neither admission nor managedFields."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._known: dict[tuple[str, ...], tuple[StoreKey, float]] = {}
        self._number = itertools.count(int(clock.wall() * 1e6))
        self._since_sweep = 0

    def event(
        self, obj: Object, kind: str, reason: str, message: str, component: str, *, host: str = "", field: str = ""
    ) -> None:
        """Records one; `kind` is Normal or Warning."""
        identity = (obj["metadata"]["uid"], kind, reason, message, component, field)
        known = self._known.get(identity)
        stamp = self._clock.moment().stamp
        if known is not None and self._count_up(known[0], stamp):
            return
        fresh = _event(obj, kind, reason, message, component, host, field, stamp, f"{next(self._number):x}")
        key = StoreKey("", "Event", fresh["metadata"]["namespace"], fresh["metadata"]["name"])
        self._store.create(fresh)
        self._known[identity] = (key, self._clock.wall())
        self._sweep()

    def _count_up(self, key: StoreKey, stamp: str) -> bool:
        with self._store.lock:
            found = self._store.get(key)
            if found is None:
                return False
            self._store.update({**found, "count": found.get("count", 1) + 1, "lastTimestamp": stamp})
        return True

    def _sweep(self) -> None:
        """Now and then, what is an hour old goes, as on a real cluster."""
        self._since_sweep += 1
        if self._since_sweep < _SWEEP:
            return
        self._since_sweep = 0
        limit = self._clock.wall() - _TTL
        for identity, (key, born) in list(self._known.items()):
            if born < limit:
                del self._known[identity]
                self._forget(key)

    def _forget(self, key: StoreKey) -> None:
        try:
            self._store.delete(key)
        except Missing:
            return


def _event(
    obj: Object, kind: str, reason: str, message: str, component: str, host: str, field: str, stamp: str, number: str
) -> Object:
    metadata = obj["metadata"]
    namespace = metadata.get("namespace") or "default"
    involved = {
        "kind": obj["kind"],
        "namespace": metadata.get("namespace"),
        "name": metadata["name"],
        "uid": metadata["uid"],
        "apiVersion": obj["apiVersion"],
        "resourceVersion": metadata.get("resourceVersion"),
        "fieldPath": field,
    }
    return {
        "kind": "Event",
        "apiVersion": "v1",
        "metadata": {"name": f"{metadata['name']}.{number}", "namespace": namespace},
        "involvedObject": {name: value for name, value in involved.items() if value},
        "reason": reason,
        "message": message,
        "source": {"component": component, "host": host} if host else {"component": component},
        "firstTimestamp": stamp,
        "lastTimestamp": stamp,
        "count": 1,
        "type": kind,
        "eventTime": None,
        "reportingComponent": component,
        "reportingInstance": host,
    }
