"""Namespaces: new ones get a ServiceAccount and the authority; those that are deleted empty themselves first."""

from collections import Counter
from typing import Any

from sandbox.controllers.base import Controller
from sandbox.errors import ApiError
from sandbox.meta import NamespacedName, Object, changed, condition, deleting, kind_of, with_condition
from sandbox.store import StoreKey

_AGAIN = 5.0
_ACCOUNT = "default"
_AUTHORITY = "kube-root-ca.crt"
_EQUIPMENT = (("ServiceAccount", _ACCOUNT), ("ConfigMap", _AUTHORITY))
_FINE = (
    ("NamespaceDeletionDiscoveryFailure", "ResourcesDiscovered", "All resources successfully discovered"),
    ("NamespaceDeletionGroupVersionParsingFailure", "ParsedGroupVersions", "All legacy kube types successfully parsed"),
    (
        "NamespaceDeletionContentFailure",
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
)
_EMPTY = (
    ("NamespaceContentRemaining", "ContentRemoved", "All content successfully removed"),
    ("NamespaceFinalizersRemaining", "ContentHasNoFinalizers", "All content-preserving finalizers finished"),
)


class NamespaceController(Controller):
    kind = "Namespace"

    def see(self, event: str, obj: Object, old: Object | None) -> None:
        super().see(event, obj, old)
        namespace = obj["metadata"].get("namespace")
        if event == "DELETED" and namespace and self._misses(namespace, obj):
            self.cluster.loop.soon(self.sync, NamespacedName("", namespace))

    def _misses(self, namespace: str, obj: Object) -> bool:
        """Whether what was deleted brings the namespace's end nearer, or is to be made again."""
        space = self.view.get("Namespace", NamespacedName("", namespace))
        is_equipment = (kind_of(obj), obj["metadata"]["name"]) in _EQUIPMENT
        return space is not None and (deleting(space) or is_equipment)

    def sync(self, key: NamespacedName) -> float | None:
        namespace = self.view.get(self.kind, key)
        if namespace is None:
            return None
        if not deleting(namespace):
            self._equip(key.name)
            return None
        return self._empty(namespace)

    def _equip(self, name: str) -> None:
        data = {"ca.crt": self.cluster.authority}
        for kind, own in _EQUIPMENT:
            if self.view.get(kind, NamespacedName(name, own)) is None:
                metadata = {"name": own, "namespace": name}
                content = {"data": data} if kind == "ConfigMap" else {}
                self._create({"apiVersion": "v1", "kind": kind, "metadata": metadata, **content})

    def _create(self, manifest: Object) -> None:
        try:
            self.cluster.hands.create(manifest)
        except ApiError as error:
            if error.code not in (403, 404, 409):
                raise

    def _content(self, name: str) -> list[Object]:
        store = self.cluster.store
        return [obj for group, kind in store.kinds() for obj in store.list(group, kind, name)]

    def _empty(self, namespace: Object) -> float | None:
        """Deletes the content, and the namespace when none is left."""
        name = namespace["metadata"]["name"]
        for obj in self._content(name):
            if not deleting(obj):
                self.cluster.hands.delete(obj)
        remaining = [obj for obj in self._content(name) if obj["kind"] != "Event"]
        if remaining:
            self._report(namespace, remaining)
            return _AGAIN
        self._remove(name)
        return None

    def _remove(self, name: str) -> None:
        """What the finalize subresource does."""
        for obj in self._content(name):
            self.cluster.hands.delete(obj, grace=0)
        key = StoreKey("", "Namespace", "", name)
        with self.cluster.store.lock:
            found = self.cluster.store.get(key)
            if found is None:
                return
            bare = {**found, "spec": {}}
            if found["metadata"].get("finalizers"):
                self.cluster.store.update(bare)
            else:
                self.cluster.store.delete(key)

    def _report(self, namespace: Object, remaining: list[Object]) -> None:
        status = namespace.get("status") or {}
        conditions: list[dict[str, Any]] = list(status.get("conditions") or ())
        now = self.cluster.clock.moment()
        for kind, reason, message in _FINE:
            fresh = {"type": kind, "status": "False", "reason": reason, "message": message}
            conditions = with_condition(conditions, fresh, now)
        for fresh in (_content_remaining(remaining), _finalizers_remaining(remaining)):
            conditions = with_condition(_without_stale(conditions, fresh), fresh, now)
        wanted = {**status, "phase": "Terminating", "conditions": conditions}
        current = self.view.get(self.kind, NamespacedName("", namespace["metadata"]["name"]))
        if current is not None and wanted != current.get("status"):
            self.cluster.hands.update_status(changed(current, status=wanted))


def _without_stale(conditions: list[dict[str, Any]], fresh: dict[str, Any]) -> list[dict[str, Any]]:
    """Without the condition of this type where only its words differ."""
    known = condition({"status": {"conditions": conditions}}, fresh["type"])
    if known is None or known.get("message") == fresh["message"]:
        return conditions
    return [item for item in conditions if item["type"] != fresh["type"]]


def _resource(obj: Object) -> str:
    """ "configmaps." as the conditions name resources: plural, a point, the group."""
    group, _, kind = kind_of(obj).rpartition("/")
    lower = kind.lower()
    plural = lower + "es" if lower.endswith(("s", "x")) else lower[:-1] + "ies" if lower.endswith("y") else lower + "s"
    return f"{plural}.{group}"


def _content_remaining(remaining: list[Object]) -> dict[str, Any]:
    counted = Counter(map(_resource, remaining))
    words = ", ".join(f"{name} has {number} resource instances" for name, number in sorted(counted.items()))
    return _condition(_EMPTY[0], "SomeResourcesRemain", f"Some resources are remaining: {words}", bool(remaining))


def _finalizers_remaining(remaining: list[Object]) -> dict[str, Any]:
    counted = Counter(name for obj in remaining for name in obj["metadata"].get("finalizers") or ())
    words = ", ".join(f"{name} in {number} resource instances" for name, number in sorted(counted.items()))
    message = f"Some content in the namespace has finalizers remaining: {words}"
    return _condition(_EMPTY[1], "SomeFinalizersRemain", message, bool(counted))


def _condition(idle: tuple[str, str, str], reason: str, message: str, holds: bool) -> dict[str, Any]:
    kind, calm, words = idle
    if not holds:
        return {"type": kind, "status": "False", "reason": calm, "message": words}
    return {"type": kind, "status": "True", "reason": reason, "message": message}
