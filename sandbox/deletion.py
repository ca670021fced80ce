"""DELETE: preconditions, finalizers, graceful deletion of pods, namespaces that empty themselves first."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox import errors
from sandbox.admission_chain import Admission, Review
from sandbox.kinds import ApiResource
from sandbox.store import Object, Store, StoredVersion

_COLLECTED = ("foregroundDeletion", "orphan")


@dataclass(frozen=True)
class Deletion:
    """DeleteOptions. `grace` None is the object's own; `propagation` "" is the kind's default."""

    grace: int | None = None
    propagation: str = ""
    uid: str = ""
    resource_version: str = ""


class Deletions:
    """Deletes from one store, under its lock."""

    def __init__(self, store: Store, admission: Admission) -> None:
        self.store, self.admission = store, admission

    def delete(
        self, kind: ApiResource, found: StoredVersion, deletion: Deletion, options: Any
    ) -> tuple[StoredVersion, bool]:
        """The object as it is now, and whether it is gone."""
        old = found.object
        _check(kind, old["metadata"], deletion)
        self.admission.validate(_review(kind, old, options))
        new = _marked(kind, old, deletion)
        if options.dry_run:
            return found, self.finished(kind, new)
        if self.finished(kind, new):
            return self.store.delete(found.key), True
        return (found if new == old else self.store.update(new)), False

    @staticmethod
    def finished(kind: ApiResource, value: Object) -> bool:
        """Whether an object that is being deleted has nothing left to wait for."""
        metadata = value["metadata"]
        if "deletionTimestamp" not in metadata or metadata.get("finalizers"):
            return False
        if (kind.group, kind.kind) == ("", "Namespace"):
            return not (value.get("spec") or {}).get("finalizers")
        return not metadata.get("deletionGracePeriodSeconds")


def _check(kind: ApiResource, metadata: Object, deletion: Deletion) -> None:
    name = metadata["name"]
    wanted = (("UID", deletion.uid, "uid"), ("ResourceVersion", deletion.resource_version, "resourceVersion"))
    for what, value, member in wanted:
        if value and value != metadata[member]:
            raise errors.precondition(kind.group, kind.kind, name, what, value, metadata[member])


def _review(kind: ApiResource, old: Object, options: Any) -> Review:
    metadata = old["metadata"]
    place = (metadata.get("namespace", ""), metadata["name"], "")
    return Review("DELETE", kind, *place, None, old, options.dry_run, options.user, options.manager)


def _marked(kind: ApiResource, old: Object, deletion: Deletion) -> Object:
    """The object with its deletion begun."""
    metadata = dict(old["metadata"])
    grace = _grace(kind, old, deletion)
    finalizers = _finalizers(kind, metadata.get("finalizers") or [], deletion)
    if finalizers:
        metadata["finalizers"] = finalizers
    else:
        metadata.pop("finalizers", None)
    if "deletionTimestamp" not in metadata or grace < metadata.get("deletionGracePeriodSeconds", 0):
        if "deletionTimestamp" not in metadata and metadata.get("generation"):
            metadata["generation"] += 1
        metadata["deletionTimestamp"] = _in(grace)
        metadata["deletionGracePeriodSeconds"] = grace
    marked = {**old, "metadata": metadata}
    if (kind.group, kind.kind) == ("", "Namespace"):
        metadata.pop("deletionGracePeriodSeconds", None)
        marked["status"] = {**(old.get("status") or {}), "phase": "Terminating"}
    return marked


def _grace(kind: ApiResource, old: Object, deletion: Deletion) -> int:
    if (kind.group, kind.kind) != ("", "Pod") or not old["spec"].get("nodeName"):
        return 0
    if (old.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        return 0
    own = old["spec"].get("terminationGracePeriodSeconds", 30)
    return max(0, own if deletion.grace is None else deletion.grace)


def _finalizers(kind: ApiResource, present: list[str], deletion: Deletion) -> list[str]:
    kept = [each for each in present if each not in _COLLECTED]
    wanted = deletion.propagation or ("Orphan" if (kind.group, kind.kind) == ("batch", "Job") else "")
    if not wanted:
        return present
    mine = {"Foreground": ["foregroundDeletion"], "Orphan": ["orphan"]}.get(wanted, [])
    return [*kept, *mine]


def _in(seconds: int) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
