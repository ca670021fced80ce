"""Which objects a release no longer has."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from environments.kube.objects import Manifest, Owner, Ref
from releases.plan.objects import Row, is_marked, objects_by_key, ref_in

# Deleting one of these would take data, or objects that are not ours, with it.
NEVER_PRUNED = frozenset({"Namespace", "CustomResourceDefinition", "PersistentVolumeClaim", "PersistentVolume"})


def dropped(wanted: Iterable[Ref], earlier: Iterable[Row | None]) -> tuple[Ref, ...]:
    """What earlier plans have and this one has not, in the order in which it is removed: last applied first."""
    keys = {ref.key for ref in wanted}
    found = {key: ref_in(row) for plan in earlier for key, row in objects_by_key(plan).items() if key not in keys}
    return tuple(reversed([ref for ref in found.values() if ref.kind not in NEVER_PRUNED]))


def kept(wanted: Iterable[Ref], earlier: Iterable[Row | None]) -> tuple[Ref, ...]:
    """What is dropped and yet stays, since with it data would go."""
    keys = {ref.key for ref in wanted}
    found = {key: ref_in(row) for plan in earlier for key, row in objects_by_key(plan).items() if key not in keys}
    return tuple(ref for ref in found.values() if ref.kind in NEVER_PRUNED)


def prune_rows(gone: Sequence[Ref], live: Mapping[str, Manifest | None], owner: Owner) -> list[dict[str, Any]]:
    """[{"ref", "uid"}] of what is there and is the owner's; `live` by Ref.key."""
    return [
        {"ref": list(ref), "uid": found["metadata"]["uid"]}
        for ref in gone
        if (found := live.get(ref.key)) and is_marked(found, owner)
    ]
