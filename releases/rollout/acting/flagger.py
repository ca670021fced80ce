"""Flagger's Canaries read, tuned, and taken away."""

from typing import Any

from environments.kube.apply import apply_object
from environments.kube.errors import Denied
from environments.kube.objects import Manifest, Ref
from releases.rollout.acting.hands import Hands, Result
from releases.rollout.acting.performers import performs
from releases.rollout.flagger.reading import sight_of
from releases.rollout.flagger.wants import ApplyTemplate, Follow, HandBack, Tune

FINALIZER = "finalizer.flagger.app"


@performs(Follow)
def follow(hands: Hands, action: Follow) -> Result:
    target = Ref("apps/v1", "Deployment", action.ref.namespace, action.target)
    primary = target._replace(name=f"{target.name}-primary")
    canary, old, new = (hands.gateway.get(ref) for ref in (action.ref, target, primary))
    return sight_of(canary, old, new, _events(hands, canary)).to_json()


def _events(hands: Hands, canary: Manifest | None) -> list[Manifest]:
    if canary is None:
        return []
    metadata = canary["metadata"]
    try:
        fields = f"involvedObject.uid={metadata['uid']}"
        return list(hands.gateway.list("v1", "Event", metadata["namespace"], fields=fields))
    except Denied:
        return []


@performs(ApplyTemplate)
def apply_template(hands: Hands, action: ApplyTemplate) -> Result:
    applied = apply_object(hands.gateway, hands.manifests(action.index), sequence=hands.sequence, scaler=True)
    metadata = applied.object["metadata"]
    return {"uid": metadata["uid"], "generation": int(metadata.get("generation") or 0)}


@performs(Tune)
def tune(hands: Hands, action: Tune) -> Result:
    manifest = hands.manifests(action.index)
    tuned = {**manifest, "spec": {**manifest["spec"], **action.override}}
    apply_object(hands.gateway, tuned, sequence=hands.sequence)
    return {"override": dict(action.override)}


@performs(HandBack)
def hand_back(hands: Hands, action: HandBack) -> Result:
    """One look, and the next thing to do: say how it is to go, delete it, wait for Flagger."""
    live = hands.gateway.get(action.ref)
    if live is None:
        return {"gone": True, "why": ""}
    metadata, ready = live["metadata"], FINALIZER in (live["metadata"].get("finalizers") or [])
    if metadata.get("deletionTimestamp"):
        return {"gone": False, "why": _terminating(live)}
    if bool(live["spec"].get("revertOnDeletion")) != action.revert:
        hands.gateway.merge_patch(action.ref, {"spec": {"revertOnDeletion": action.revert}})
        return {"gone": False, "why": "it is told how to go"}
    if ready != action.revert:
        return {"gone": False, "why": "Flagger has not taken note of how it is to go"}
    hands.gateway.delete(action.ref, uid=metadata["uid"])
    return {"gone": False, "why": "it is being deleted"}


def _terminating(live: dict[str, Any]) -> str:
    phase = (live.get("status") or {}).get("phase") or "no phase"
    return f"Flagger is giving the Deployment, its Service and its route back ({phase})"
