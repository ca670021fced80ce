"""Garbage collection: what follows its owner when that goes, and what an owner waits for before it goes."""

from sandbox.controllers.base import Controller
from sandbox.errors import ApiError
from sandbox.meta import NamespacedName, Object, changed, deleting, uid_of

FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"
_GRACE = 1.0


def finalizers_of(obj: Object) -> list[str]:
    return obj["metadata"].get("finalizers") or []


def without_finalizer(obj: Object, finalizer: str) -> Object:
    fresh = changed(obj)
    rest = [item for item in finalizers_of(obj) if item != finalizer]
    fresh["metadata"]["finalizers"] = rest
    return fresh


def without_owner(obj: Object, uid: str) -> Object:
    fresh = changed(obj)
    rest = [item for item in fresh["metadata"]["ownerReferences"] if item["uid"] != uid]
    fresh["metadata"]["ownerReferences"] = rest
    if not rest:
        del fresh["metadata"]["ownerReferences"]
    return fresh


class GarbageCollector(Controller):
    def see(self, event: str, obj: Object, old: Object | None) -> None:
        loop, uid = self.cluster.loop, uid_of(obj)
        if event == "DELETED":
            self._wake_owners(obj)
            for dependent in self.view.dependents(uid):
                loop.soon(self.collect, uid_of(dependent))
        elif deleting(obj) and finalizers_of(obj):
            loop.soon(self.finish, uid)
        elif old is None and obj["metadata"].get("ownerReferences"):
            self._check_owners(obj)

    def sync(self, key: NamespacedName) -> float | None:
        del key
        return None

    def _wake_owners(self, obj: Object) -> None:
        for owner in obj["metadata"].get("ownerReferences") or ():
            found = self.view.by_uid(owner["uid"])
            if found is not None and deleting(found):
                self.cluster.loop.soon(self.finish, owner["uid"])

    def _check_owners(self, obj: Object) -> None:
        """An owner that is not there may only not have been seen yet."""
        if any(self.view.by_uid(owner["uid"]) is None for owner in obj["metadata"]["ownerReferences"]):
            self.cluster.loop.after(_GRACE, self.collect, uid_of(obj))

    def collect(self, uid: object) -> None:
        """Deletes an object whose owners are all gone; takes those that are gone from one that has others."""
        obj = self.view.by_uid(str(uid))
        if obj is None or deleting(obj):
            return
        owners = obj["metadata"].get("ownerReferences") or []
        gone = [owner["uid"] for owner in owners if self.view.by_uid(owner["uid"]) is None]
        if not gone:
            return
        if len(gone) == len(owners):
            self.cluster.hands.delete(obj)
            return
        for each in gone:
            obj = without_owner(obj, each)
        self.cluster.hands.update(obj)

    def finish(self, uid: object) -> None:
        """Does what the finalizers of an object that is being deleted ask for."""
        obj = self.view.by_uid(str(uid))
        if obj is None or not deleting(obj):
            return
        if ORPHAN in finalizers_of(obj):
            self._orphan(obj)
        elif FOREGROUND in finalizers_of(obj):
            self._delete_dependents(obj)

    def _orphan(self, obj: Object) -> None:
        for dependent in self.view.dependents(uid_of(obj)):
            self.cluster.hands.update(without_owner(dependent, uid_of(obj)))
        self._remove(obj, ORPHAN)

    def _delete_dependents(self, obj: Object) -> None:
        dependents = self.view.dependents(uid_of(obj))
        for dependent in dependents:
            if not deleting(dependent):
                has_own = bool(self.view.dependents(uid_of(dependent)))
                self.cluster.hands.delete(dependent, propagation="Foreground" if has_own else "Background")
        self.cluster.catch_up()
        if not any(_blocks(item, uid_of(obj)) for item in self.view.dependents(uid_of(obj))):
            self._remove(obj, FOREGROUND)

    def _remove(self, obj: Object, finalizer: str) -> None:
        current = self.view.by_uid(uid_of(obj))
        if current is None:
            return
        try:
            self.cluster.hands.update(without_finalizer(current, finalizer))
        except ApiError as error:
            if error.code != 404:
                raise


def _blocks(dependent: Object, uid: str) -> bool:
    owners = dependent["metadata"].get("ownerReferences") or ()
    return any(owner["uid"] == uid and owner.get("blockOwnerDeletion") for owner in owners)
