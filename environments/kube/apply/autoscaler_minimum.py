"""Keeping an autoscaler from scaling a workload down while its requests are elsewhere.

The minimum goes up in the hand of slipway-scale; what it was before stands in an annotation of the autoscaler itself,
so that whoever comes later, on whichever host, can give it back.
"""

import json
from collections.abc import Callable
from typing import NamedTuple

from environments.kube.api.client import Gateway
from environments.kube.api.errors import KindMissing, NotFound
from environments.kube.apply.guards import guard_of
from environments.kube.apply.ownership import owns
from environments.kube.apply.retry_on_conflict import decide_anew
from environments.kube.apply.server_side_apply import refuse_older
from environments.kube.names import FLOOR, MANAGER, SCALE
from environments.kube.objects import Manifest, Ref

FIELDS = {"HorizontalPodAutoscaler": "minReplicas", "ScaledObject": "minReplicaCount"}


class Floor(NamedTuple):
    """`minimum`: the autoscaler's now. `before`: what it was, None where it was not set."""

    minimum: int
    before: int | None


def hold_floor(gateway: Gateway, ref: Ref, minimum: int, *, sequence: int) -> Floor | None:
    """Has the autoscaler keep at least `minimum` pods; None where there is none. Raises KubeError."""

    def write(live: Manifest) -> Floor:
        own, held = _minimum(live), _held(live)
        before = held.before if held else own
        if (own or 0) >= minimum:
            return Floor(own or 0, before)
        told = json.dumps({"before": before, "held": minimum}, sort_keys=True)
        _apply(gateway, ref, live, {FLOOR: told}, minimum)
        return Floor(minimum, before)

    return _on(gateway, ref, sequence, write)


def release_floor(gateway: Gateway, ref: Ref, *, sequence: int) -> Floor | None:
    """Gives the minimum back that was there before it was held; None where it was not held. Raises KubeError.

    One that somebody has set meanwhile stays.
    """

    def write(live: Manifest) -> Floor | None:
        held = _held(live)
        if held is None:
            return None
        ours = _minimum(live) == held.minimum and not owns(live, MANAGER, ("f:spec", f"f:{FIELDS[ref.kind]}"))
        _apply(gateway, ref, live, {}, held.before if ours else None)
        return Floor(held.before or 0, held.before)

    return _on(gateway, ref, sequence, write)


def _on(gateway: Gateway, ref: Ref, sequence: int, write: Callable[[Manifest], Floor | None]) -> Floor | None:
    def attempt() -> Floor | None:
        live = _read(gateway, ref)
        refuse_older(live, ref, sequence)
        return write(live) if live else None

    return decide_anew(attempt)


def _read(gateway: Gateway, ref: Ref) -> Manifest | None:
    try:
        return gateway.get(ref)
    except (KindMissing, NotFound):
        return None


def _apply(gateway: Gateway, ref: Ref, live: Manifest, annotations: dict[str, str], minimum: int | None) -> None:
    metadata = {"name": ref.name, "namespace": ref.namespace, **({"annotations": annotations} if annotations else {})}
    body: Manifest = {"apiVersion": live["apiVersion"], "kind": ref.kind, "metadata": metadata}
    if minimum is not None:
        body["spec"] = {FIELDS[ref.kind]: minimum}
    gateway.apply(body, manager=SCALE, force=True, guard=guard_of(live))


def _minimum(live: Manifest) -> int | None:
    found = (live.get("spec") or {}).get(FIELDS[live["kind"]])
    return None if found is None else int(found)


def _held(live: Manifest) -> Floor | None:
    text = (live["metadata"].get("annotations") or {}).get(FLOOR)
    if not text:
        return None
    try:
        told = json.loads(text)
        return Floor(int(told["held"]), None if told["before"] is None else int(told["before"]))
    except (ValueError, TypeError, KeyError):
        return None
