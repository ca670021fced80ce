"""Writing an object so that nothing newer is overwritten, with replicas in the hand of slipway-scale."""

from collections.abc import Callable, Mapping
from typing import Any

from environments.kube.api.client import Applied, Gateway
from environments.kube.api.errors import BeingDeleted, Fenced, Stale
from environments.kube.apply.guards import ABSENT, guard_of
from environments.kube.apply.managers import REPLICAS, SCALED_KINDS
from environments.kube.apply.over_unions import apply_over
from environments.kube.apply.ownership import owns
from environments.kube.apply.retry_on_conflict import decide_anew
from environments.kube.names import MANAGER, SCALE, SEQUENCE
from environments.kube.objects import Manifest, Ref, ref_of


def sequence_of(obj: Mapping[str, Any] | None) -> int:
    """The number of the rollout that wrote the object last, 0 for none."""
    annotations = (obj or {}).get("metadata", {}).get("annotations") or {}
    text = annotations.get(SEQUENCE, "")
    return int(text) if text.isdecimal() else 0


def has_replicas(manifest: Mapping[str, Any]) -> bool:
    return manifest.get("kind") in SCALED_KINDS


def with_sequence(manifest: Manifest, sequence: int) -> Manifest:
    """A copy that carries the rollout's number."""
    metadata = manifest["metadata"]
    annotations = {**(metadata.get("annotations") or {}), SEQUENCE: str(sequence)}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}


def without_replicas(manifest: Manifest) -> Manifest:
    """A copy that leaves replicas to slipway-scale."""
    if not has_replicas(manifest):
        return manifest
    spec = {name: value for name, value in manifest.get("spec", {}).items() if name != "replicas"}
    return {**manifest, "spec": spec}


def apply_object(
    gateway: Gateway, manifest: Manifest, *, sequence: int, scaler: bool = False, keeps_size: bool = False
) -> Applied:
    """Brings the object to what the manifest says.

    `scaler`: an autoscaler holds its replicas. `keeps_size`: it keeps those that it has, unless it has none.
    Repeating it changes nothing. The returned object is that after the last write. Raises Fenced where a newer
    rollout has written the object, BeingDeleted, Stale where it keeps changing, and other KubeErrors.
    """
    wanted = manifest.get("spec", {}).get("replicas") if has_replicas(manifest) else None

    created = False

    def write(live: Manifest | None) -> Applied:
        nonlocal created
        if live is None:
            first = gateway.apply(with_sequence(manifest, sequence), manager=MANAGER, force=True, guard=ABSENT)
            created = first.created
            if not owns(first.object, MANAGER, REPLICAS):
                return first
            live = first.object
        current = hand_over_replicas(gateway, live)
        base = with_sequence(without_replicas(manifest), sequence)
        return apply_over(gateway, base, current)

    applied = _unless_newer(gateway, ref_of(manifest), sequence, write)._replace(created=created)
    keeps = keeps_size and bool(applied.object.get("spec", {}).get("replicas"))
    if wanted is None or scaler or keeps or _is_scaled(applied.object, wanted):
        return applied
    scaled = set_replicas(gateway, manifest, wanted, sequence=sequence)
    return Applied(scaled.object, applied.created, (*applied.warnings, *scaled.warnings))


def _is_scaled(obj: Manifest, wanted: int) -> bool:
    return obj.get("spec", {}).get("replicas") == wanted and owns(obj, SCALE, REPLICAS)


def hand_over_replicas(gateway: Gateway, live: Manifest) -> Manifest:
    """Gives the live number of replicas to slipway-scale where we own it, so that leaving it out keeps it.

    The object as it is then. Raises Stale where it has changed since `live` was read.
    """
    if not has_replicas(live) or not owns(live, MANAGER, REPLICAS):
        return live
    body = _replicas_only(live, live["spec"]["replicas"])
    return gateway.apply(body, manager=SCALE, force=True, guard=guard_of(live)).object


def set_replicas(gateway: Gateway, manifest: Manifest, value: int, *, sequence: int) -> Applied:
    """Sets the replicas of an object that exists, in the hand of slipway-scale, whoever had them before."""
    body = _replicas_only(manifest, value)

    def write(live: Manifest | None) -> Applied:
        if live is None:
            raise Stale(f"{ref_of(manifest).text} is gone: its replicas cannot be set.", status=409)
        return gateway.apply(body, manager=SCALE, force=True, guard=guard_of(live))

    return _unless_newer(gateway, ref_of(manifest), sequence, write)


def _replicas_only(manifest: Manifest, value: int) -> Manifest:
    names = {name: manifest["metadata"][name] for name in ("name", "namespace") if name in manifest["metadata"]}
    return {
        "apiVersion": manifest["apiVersion"],
        "kind": manifest["kind"],
        "metadata": names,
        "spec": {"replicas": value},
    }


def _unless_newer(gateway: Gateway, ref: Ref, sequence: int, write: Callable[[Manifest | None], Applied]) -> Applied:
    """Reads, refuses where a newer rollout has written, writes; again where the object changed in between."""

    def attempt() -> Applied:
        live = gateway.get(ref)
        refuse_unwritable(live, ref, sequence)
        return write(live)

    return decide_anew(attempt)


def refuse_unwritable(live: Manifest | None, ref: Ref, sequence: int) -> None:
    """Raises Fenced where a newer rollout has written the object, BeingDeleted where it is going."""
    refuse_older(live, ref, sequence)
    if live and live["metadata"].get("deletionTimestamp"):
        raise BeingDeleted(f"{ref.text} is being deleted: it can be written again when it has gone.")


def refuse_older(live: Manifest | None, ref: Ref, sequence: int) -> None:
    """Raises Fenced where the live object carries a higher number than ours."""
    newest = sequence_of(live)
    if newest > sequence:
        raise Fenced(f"{ref.text} was written by rollout number {newest}, which is newer than {sequence}.")
