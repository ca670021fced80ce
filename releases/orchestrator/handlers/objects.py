"""Objects applied, adopted, read and deleted."""

from environments.kube.apply.jobs import TTL, Clearing, clear_away, set_ttl, without_ttl
from environments.kube.apply.ownership import adopt
from environments.kube.apply.prune import prune_object
from environments.kube.apply.server_side_apply import apply_object, set_replicas
from environments.kube.objects import Manifest, tracking_of
from environments.kube.watch.projection import relevant
from portal.steps.operations import Result
from releases.engine.operations import Adopt, Apply, Clear, Finish, Halt, Prune, Read, Scale
from releases.strategies.shared.handling import Execution, handles


@handles(Apply)
def apply(execution: Execution, operation: Apply) -> Result:
    return _apply(execution, execution.manifests(operation.index), operation.index)


@handles(Clear)
def clear(execution: Execution, operation: Clear) -> Result:
    tracking = frozenset(
        tracking_of(mark, operation.ref) for mark in (execution.owner.mark, execution.owner.application)
    )
    way = Clearing(operation.uid, execution.sequence, tracking, patient=operation.patient)
    why = clear_away(execution.gateway, operation.ref, way)
    return {"gone": not why, "why": why}


@handles(Finish)
def finish(execution: Execution, operation: Finish) -> Result:
    manifest = execution.manifests(operation.index)
    if manifest["kind"] == "Job" and manifest["spec"].get(TTL) is not None:
        set_ttl(execution.gateway, manifest, sequence=execution.sequence)
    return {}


@handles(Halt)
def halt(execution: Execution, operation: Halt) -> Result:
    manifest = execution.manifests(operation.index)
    return _apply(execution, {**manifest, "spec": {**manifest["spec"], "paused": True}}, operation.index)


@handles(Scale)
def scale(execution: Execution, operation: Scale) -> Result:
    ref = operation.ref
    manifest: Manifest = {
        "apiVersion": ref.api_version,
        "kind": ref.kind,
        "metadata": {"name": ref.name, "namespace": ref.namespace},
    }
    scaled = set_replicas(execution.gateway, manifest, operation.replicas, sequence=execution.sequence)
    return {"replicas": operation.replicas, "generation": int(scaled.object["metadata"].get("generation") or 0)}


@handles(Adopt)
def take_over(execution: Execution, operation: Adopt) -> Result:
    return {"managers": list(adopt(execution.gateway, operation.ref, operation.spare))}


@handles(Prune)
def prune(execution: Execution, operation: Prune) -> Result:
    owner, ref = execution.owner, operation.ref
    marks = {owner.mark, owner.application} if operation.uid or execution.of_before else {owner.mark}
    tracking = {tracking_of(mark, ref) for mark in marks}
    return {"deleted": prune_object(execution.gateway, operation.ref, operation.uid, tracking=tracking)}


@handles(Read)
def read(execution: Execution, operation: Read) -> Result:
    found = execution.gateway.get(operation.ref)
    return {"object": relevant(found) if found else None}


def _apply(execution: Execution, manifest: Manifest, index: int) -> Result:
    applied = apply_object(
        execution.gateway,
        without_ttl(manifest),
        sequence=execution.sequence,
        scaler=index in execution.scalers,
        keeps_size=index in execution.keeps_size,
    )
    metadata = applied.object["metadata"]
    generation, version = int(metadata.get("generation") or 0), str(metadata.get("resourceVersion", ""))
    return {"uid": metadata["uid"], "generation": generation, "version": version}
