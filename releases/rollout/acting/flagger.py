"""Flagger's Canaries read, tuned, and taken away."""

from environments.kube.api.errors import Denied
from environments.kube.apply.server_side_apply import apply_object
from environments.kube.objects import Manifest, Ref
from releases.rollout.acting.hands import Hands, Result
from releases.rollout.acting.performers import performs
from releases.rollout.flagger.reading import sight_of
from releases.rollout.flagger.resource import KIND
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
    """One look, and the next thing to do: say how it is to go, let go of its routes, delete it, wait for Flagger."""
    live = hands.gateway.get(action.ref)
    if live is None:
        return {"ready": True, "gone": True, "why": ""}
    if live["metadata"].get("deletionTimestamp"):
        phase = (live.get("status") or {}).get("phase") or "no phase"
        return _not_gone(f"Flagger is giving the Deployment and its Service back ({phase})", ready=True)
    # Suspended, it no longer puts right what is applied while it goes; it still gives back.
    wanted = {"revertOnDeletion": action.revert, "suspend": True}
    if any(bool(live["spec"].get(name)) != value for name, value in wanted.items()):
        hands.gateway.merge_patch(action.ref, {"spec": wanted})
        return _not_gone("it is told how to go")
    if (FINALIZER in (live["metadata"].get("finalizers") or [])) != action.revert:
        return _not_gone("Flagger has not taken note of how it is to go")
    for route in action.routes:
        _let_go(hands, route)
    if action.delete:
        hands.gateway.delete(action.ref, uid=live["metadata"]["uid"])
    return _not_gone("it is being deleted" if action.delete else "it is ready to go", ready=True)


def _let_go(hands: Hands, ref: Ref) -> None:
    """A route that Flagger made would go with its Canary."""
    found = hands.gateway.get(ref)
    owners = found["metadata"].get("ownerReferences") or [] if found else []
    others = [owner for owner in owners if owner["kind"] != KIND]
    if len(others) < len(owners):
        hands.gateway.merge_patch(ref, {"metadata": {"ownerReferences": others or None}})


def _not_gone(why: str, *, ready: bool = False) -> Result:
    return {"ready": ready, "gone": False, "why": why}
