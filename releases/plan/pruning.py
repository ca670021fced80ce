"""Which objects a release no longer has."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from environments.kube.apply import prune
from environments.kube.apply.prune import keep_reason
from environments.kube.objects import Manifest, Owner, Ref
from releases.plan.objects import Row, is_marked, ref_in

NEVER_PRUNED = prune.NEVER_PRUNED
# What others have put on a namespace (pod security, quotas of meshes, owners) is about all that is in it.
NEVER_ADOPTED = frozenset({"Namespace"})


def dropped(wanted: Iterable[Ref], earlier: Iterable[Row | None]) -> tuple[Ref, ...]:
    """What earlier plans have and this one has not, in the order in which it is removed: last applied first.

    Hooks are none of it: their delete policies say what becomes of them.
    """
    return tuple(reversed([ref for ref in _gone(wanted, earlier) if ref.kind not in NEVER_PRUNED]))


def undoing(wanted: Iterable[Ref], own: Iterable[Ref], earlier: Iterable[Row | None]) -> tuple[Ref, ...]:
    """The Jobs that ran on a way back, from this release (`own`) or from one before it; less what is wanted."""
    keys = {ref.key for ref in wanted}
    rows = (row for plan in earlier if plan for row in plan.get("back", {}).get("objects", ()))
    found = dict.fromkeys([*own, *(ref_in(row) for row in rows)])
    return tuple(ref for ref in found if ref.key not in keys)


def kept(wanted: Iterable[Ref], earlier: Iterable[Row | None]) -> tuple[Ref, ...]:
    """What is dropped and yet stays, since with it data would go."""
    return tuple(ref for ref in _gone(wanted, earlier) if ref.kind in NEVER_PRUNED)


def _gone(wanted: Iterable[Ref], earlier: Iterable[Row | None]) -> list[Ref]:
    keys = {ref.key for ref in wanted}
    rows = [row for plan in earlier if plan for row in plan["objects"] if not row.get("hook")]
    return list({ref.key: ref for row in rows if (ref := ref_in(row)).key not in keys}.values())


def prune_rows(gone: Sequence[Ref], live: Mapping[str, Manifest | None], owner: Owner) -> list[dict[str, Any]]:
    """[{"ref", "uid"}] of what is there, is the owner's, and is not to be kept; `live` by Ref.key."""
    return [
        {"ref": list(ref), "uid": found["metadata"]["uid"]}
        for ref in gone
        if (found := live.get(ref.key)) and is_marked(found, owner) and not keep_reason(found)
    ]


def spared(gone: Sequence[Ref], live: Mapping[str, Manifest | None], owner: Owner) -> list[str]:
    """What would be pruned, and says itself that it stays: "Secret shop/x (helm.sh/resource-policy: keep)"."""
    return [
        f"{ref.text} ({why})"
        for ref in gone
        if (found := live.get(ref.key)) and is_marked(found, owner) and (why := keep_reason(found))
    ]
