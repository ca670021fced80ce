"""What runs once: kept until its end is known, and deleted before it is made anew.

A Job with a TTL is applied without it, and gets it once its end is on record: with `ttlSecondsAfterFinished: 0` it
would be gone before anybody has looked, and nobody could say how it went.
"""

from dataclasses import dataclass

from environments.kube.api.client import Gateway
from environments.kube.apply.guards import guard_of
from environments.kube.apply.retry_on_conflict import decide_anew
from environments.kube.apply.server_side_apply import refuse_older, sequence_of, with_sequence
from environments.kube.names import MANAGER, TRACKING
from environments.kube.objects import Manifest, Ref, ref_of

TTL = "ttlSecondsAfterFinished"


@dataclass(frozen=True)
class Clearing:
    """Whose an object may be that goes. `uid`: one that goes even though this rollout, `sequence`, has written it.

    `tracking`: annotations that ours have; what another application has is left alone. `patient`: a Job that
    still runs is left to its end.
    """

    uid: str
    sequence: int
    tracking: frozenset[str]
    patient: bool = False


def without_ttl(manifest: Manifest) -> Manifest:
    """A Job without its TTL; any other object as it is."""
    spec = manifest.get("spec") or {}
    if manifest.get("kind") != "Job" or TTL not in spec:
        return manifest
    return {**manifest, "spec": {name: value for name, value in spec.items() if name != TTL}}


def set_ttl(gateway: Gateway, manifest: Manifest, *, sequence: int) -> None:
    """Applies the whole Job where it is there still; never makes it again."""
    ref = ref_of(manifest)

    def attempt() -> None:
        live = gateway.get(ref)
        refuse_older(live, ref, sequence)
        if live is not None and not live["metadata"].get("deletionTimestamp") and _is_over(live):
            body = with_sequence(manifest, sequence)
            gateway.apply(body, manager=MANAGER, force=True, guard=guard_of(live))

    decide_anew(attempt)


def clear_away(gateway: Gateway, ref: Ref, way: Clearing) -> str:
    """Deletes what has the name; "" once nothing is in the way, else why it is there still. Raises KubeError."""
    live = gateway.get(ref)
    if live is None:
        return ""
    refuse_older(live, ref, way.sequence)
    metadata = live["metadata"]
    if metadata.get("deletionTimestamp"):
        return "it is being deleted"
    if not {(metadata.get("annotations") or {}).get(TRACKING, "")} <= {"", *way.tracking}:
        return "it belongs to another application or environment"
    if metadata["uid"] != way.uid and sequence_of(live) == way.sequence and not _failed(live):
        return ""
    if way.patient and not _is_over(live):
        return "its earlier run has not ended yet"
    gateway.delete(ref, uid=metadata["uid"])
    return "" if gateway.get(ref) is None else "it is being deleted"


def _is_over(obj: Manifest) -> bool:
    return obj["kind"] != "Job" or bool(_true_conditions(obj) & {"Complete", "Failed"})


def _failed(obj: Manifest) -> bool:
    return "Failed" in _true_conditions(obj) or (obj.get("status") or {}).get("phase") == "Failed"


def _true_conditions(obj: Manifest) -> set[str]:
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return {each["type"] for each in conditions if each.get("status") == "True"}
