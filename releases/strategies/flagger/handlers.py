"""Flagger's Canaries read, tuned, and taken away."""

from environments.kube.api.errors import Denied
from environments.kube.apply.server_side_apply import apply_object
from environments.kube.objects import Manifest, Ref
from portal.steps.operations import Result
from releases.strategies.flagger.operations import ApplyTemplate, Follow, HandBack, Tune
from releases.strategies.flagger.resource import KIND
from releases.strategies.flagger.status import sight_of
from releases.strategies.shared.handling import Execution, handles

FINALIZER = "finalizer.flagger.app"


@handles(Follow)
def follow(execution: Execution, operation: Follow) -> Result:
    target = Ref("apps/v1", "Deployment", operation.ref.namespace, operation.target)
    primary = target._replace(name=f"{target.name}-primary")
    canary, old, new = (execution.gateway.get(ref) for ref in (operation.ref, target, primary))
    return sight_of(canary, old, new, _events(execution, canary)).to_json()


def _events(execution: Execution, canary: Manifest | None) -> list[Manifest]:
    if canary is None:
        return []
    metadata = canary["metadata"]
    try:
        fields = f"involvedObject.uid={metadata['uid']}"
        return list(execution.gateway.list("v1", "Event", metadata["namespace"], fields=fields))
    except Denied:
        return []


@handles(ApplyTemplate)
def apply_template(execution: Execution, operation: ApplyTemplate) -> Result:
    applied = apply_object(
        execution.gateway, execution.manifests(operation.index), sequence=execution.sequence, scaler=True
    )
    metadata = applied.object["metadata"]
    return {"uid": metadata["uid"], "generation": int(metadata.get("generation") or 0)}


@handles(Tune)
def tune(execution: Execution, operation: Tune) -> Result:
    manifest = execution.manifests(operation.index)
    tuned = {**manifest, "spec": {**manifest["spec"], **operation.override}}
    apply_object(execution.gateway, tuned, sequence=execution.sequence)
    return {"override": dict(operation.override)}


@handles(HandBack)
def hand_back(execution: Execution, operation: HandBack) -> Result:
    """One look, and the next thing to do: say how it is to go, let go of its routes, delete it, wait for Flagger."""
    live = execution.gateway.get(operation.ref)
    if live is None:
        return {"ready": True, "gone": True, "why": ""}
    if live["metadata"].get("deletionTimestamp"):
        phase = (live.get("status") or {}).get("phase") or "no phase"
        return _not_gone(f"Flagger is giving the Deployment and its Service back ({phase})", ready=True)
    # Suspended, it no longer puts right what is applied while it goes; it still gives back.
    wanted = {"revertOnDeletion": operation.revert, "suspend": True}
    if any(bool(live["spec"].get(name)) != value for name, value in wanted.items()):
        execution.gateway.merge_patch(operation.ref, {"spec": wanted})
        return _not_gone("it is told how to go")
    if (FINALIZER in (live["metadata"].get("finalizers") or [])) != operation.revert:
        return _not_gone("Flagger has not taken note of how it is to go")
    for route in operation.routes:
        _let_go(execution, route)
    if operation.delete:
        execution.gateway.delete(operation.ref, uid=live["metadata"]["uid"])
    return _not_gone("it is being deleted" if operation.delete else "it is ready to go", ready=True)


def _let_go(execution: Execution, ref: Ref) -> None:
    """A route that Flagger made would go with its Canary."""
    found = execution.gateway.get(ref)
    owners = found["metadata"].get("ownerReferences") or [] if found else []
    others = [owner for owner in owners if owner["kind"] != KIND]
    if len(others) < len(owners):
        execution.gateway.merge_patch(ref, {"metadata": {"ownerReferences": others or None}})


def _not_gone(why: str, *, ready: bool = False) -> Result:
    return {"ready": ready, "gone": False, "why": why}
