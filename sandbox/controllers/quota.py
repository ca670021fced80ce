"""ResourceQuota status: what is used of each limit."""

from collections.abc import Iterable

from kube_schema.quantity import text
from sandbox.admission.quota import usage_of
from sandbox.controllers.base import Controller
from sandbox.meta import NamespacedName, Object, changed, deleting, key_of

_BATCH = 0.1


class QuotaController(Controller):
    kind = "ResourceQuota"

    def see(self, event: str, obj: Object, old: Object | None) -> None:
        """Counts a little later, once for many changes."""
        for key in self.concerned(event, obj, old):
            self.cluster.loop.after(_BATCH, self.sync, key)

    def concerned(self, event: str, obj: Object, old: Object | None) -> Iterable[NamespacedName]:
        yield from super().concerned(event, obj, old)
        phases = [(item.get("status") or {}).get("phase") for item in (obj, old) if item is not None]
        if event != "MODIFIED" or (obj["kind"] == "Pod" and len(set(phases)) > 1) or obj["kind"] == "Service":
            for quota in self.view.all(self.kind, obj["metadata"].get("namespace", "")):
                yield key_of(quota)

    def sync(self, key: NamespacedName) -> float | None:
        quota = self.view.get(self.kind, key)
        if quota is None or deleting(quota):
            return None
        hard = quota["spec"].get("hard") or {}
        used = usage_of(self.cluster.store, quota, hard)
        wanted = {"hard": dict(hard), "used": {name: text(used[name], hard[name]) for name in hard}}
        if wanted != (quota.get("status") or {}):
            self.cluster.hands.update_status(changed(quota, status=wanted))
        return None
