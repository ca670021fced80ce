"""What the controllers know of the cluster: the latest objects, indexed by kind, name and owner."""

from collections.abc import Iterable
from typing import Any

from sandbox.meta import NamespacedName, Object, controller_of, is_ready, key_of, kind_of, labels_of, uid_of

_Index = dict[tuple[Any, ...], dict[NamespacedName, Object]]


class ClusterView:
    """Fed by the store's events in their order. The objects are shared: whoever changes one changes a copy."""

    def __init__(self) -> None:
        self._by_kind: dict[str, dict[str, dict[str, Object]]] = {}
        self._owned: _Index = {}
        self._orphans: _Index = {}
        self._services: _Index = {}
        self._labelled: _Index = {}
        self._by_uid: dict[str, Object] = {}
        self._dependents: dict[str, dict[str, Object]] = {}
        self._ready_since: dict[str, float] = {}

    def get(self, kind: str, key: NamespacedName) -> Object | None:
        return self._by_kind.get(kind, {}).get(key.namespace, {}).get(key.name)

    def all(self, kind: str, namespace: str | None = None) -> list[Object]:
        """All of a kind, of one namespace or of all."""
        spaces = self._by_kind.get(kind, {})
        if namespace is not None:
            return list(spaces.get(namespace, {}).values())
        return [obj for space in spaces.values() for obj in space.values()]

    def owned(self, kind: str, uid: str) -> list[Object]:
        """Objects of a kind whose controller has this uid."""
        return list(self._owned.get((kind, uid), {}).values())

    def orphans(self, kind: str, namespace: str) -> list[Object]:
        """Objects of a kind that have no controller."""
        return list(self._orphans.get((kind, namespace), {}).values())

    def by_uid(self, uid: str) -> Object | None:
        return self._by_uid.get(uid)

    def dependents(self, uid: str) -> list[Object]:
        """Whatever names this uid among its owners, the controller or not."""
        return list(self._dependents.get(uid, {}).values())

    def services_for(self, namespace: str, labels: dict[str, str]) -> Iterable[Object]:
        """Services whose selector selects these labels."""
        for pair in labels.items():
            for service in list(self._services.get((namespace, *pair), {}).values()):
                if service["spec"]["selector"].items() <= labels.items():
                    yield service

    def pods_with(self, namespace: str, labels: dict[str, str]) -> list[Object]:
        """Pods that have all of these labels (at least one)."""
        buckets = [self._labelled.get((namespace, *pair), {}) for pair in labels.items()]
        smallest = min(buckets, key=len, default={})
        wanted = labels.items()
        return [pod for pod in list(smallest.values()) if wanted <= labels_of(pod).items()]

    def ready_since(self, pod: Object) -> float:
        """The simulated time since which a ready pod is ready."""
        return self._ready_since.get(uid_of(pod), float("-inf"))

    def see(self, kind_of_event: str, obj: Object, now: float) -> Object | None:
        """Takes an ADDED, MODIFIED or DELETED event in and returns the object as it was."""
        kind, key = kind_of(obj), key_of(obj)
        space = self._by_kind.setdefault(kind, {}).setdefault(key.namespace, {})
        old = space.pop(key.name, None)
        if old is not None:
            self._forget(kind, key, old)
        if kind_of_event == "DELETED":
            self._ready_since.pop(uid_of(obj), None)
            return old
        space[key.name] = obj
        self._remember(kind, key, obj)
        if kind == "Pod":
            self._note_readiness(old, obj, now)
        return old

    def _remember(self, kind: str, key: NamespacedName, obj: Object) -> None:
        uid = uid_of(obj)
        self._by_uid[uid] = obj
        for index, entry in self._entries(kind, key, obj):
            index.setdefault(entry, {})[key] = obj
        for owner in obj["metadata"].get("ownerReferences") or ():
            self._dependents.setdefault(owner["uid"], {})[uid] = obj

    def _forget(self, kind: str, key: NamespacedName, obj: Object) -> None:
        uid = uid_of(obj)
        self._by_uid.pop(uid, None)
        for index, entry in self._entries(kind, key, obj):
            _drop(index, entry, key)
        for owner in obj["metadata"].get("ownerReferences") or ():
            _drop(self._dependents, owner["uid"], uid)

    def _entries(self, kind: str, key: NamespacedName, obj: Object) -> Iterable[tuple[_Index, tuple[Any, ...]]]:
        controller = controller_of(obj)
        if controller is not None:
            yield self._owned, (kind, controller["uid"])
        else:
            yield self._orphans, (kind, key.namespace)
        if kind == "Pod":
            for pair in labels_of(obj).items():
                yield self._labelled, (key.namespace, *pair)
        selector = (obj.get("spec") or {}).get("selector") if kind == "Service" else None
        if selector:
            yield self._services, (key.namespace, *min(selector.items()))

    def _note_readiness(self, old: Object | None, pod: Object, now: float) -> None:
        uid = uid_of(pod)
        if not is_ready(pod):
            self._ready_since.pop(uid, None)
        elif uid not in self._ready_since or (old is not None and not is_ready(old)):
            self._ready_since[uid] = now


def _drop(index: dict[Any, dict[Any, Object]], entry: Any, key: Any) -> None:
    bucket = index.get(entry)
    if bucket is not None:
        bucket.pop(key, None)
        if not bucket:
            del index[entry]
