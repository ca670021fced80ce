"""Objects applied, adopted, read and deleted."""

from environments.kube.apply.ownership import adopt
from environments.kube.apply.prune import prune_object
from environments.kube.apply.server_side_apply import apply_object, set_replicas
from environments.kube.objects import Manifest
from environments.kube.watch.projection import relevant
from environments.manifests.render import tracking_of
from releases.rollout.acting.hands import Hands, Result
from releases.rollout.acting.performers import performs
from releases.rollout.wants import Adopt, Apply, Halt, Prune, Read, Scale


@performs(Apply)
def apply(hands: Hands, action: Apply) -> Result:
    return _apply(hands, hands.manifests(action.index), action.index)


@performs(Halt)
def halt(hands: Hands, action: Halt) -> Result:
    manifest = hands.manifests(action.index)
    return _apply(hands, {**manifest, "spec": {**manifest["spec"], "paused": True}}, action.index)


@performs(Scale)
def scale(hands: Hands, action: Scale) -> Result:
    ref = action.ref
    manifest: Manifest = {
        "apiVersion": ref.api_version,
        "kind": ref.kind,
        "metadata": {"name": ref.name, "namespace": ref.namespace},
    }
    scaled = set_replicas(hands.gateway, manifest, action.replicas, sequence=hands.sequence)
    return {"replicas": action.replicas, "generation": int(scaled.object["metadata"].get("generation") or 0)}


@performs(Adopt)
def take_over(hands: Hands, action: Adopt) -> Result:
    return {"managers": list(adopt(hands.gateway, action.ref))}


@performs(Prune)
def prune(hands: Hands, action: Prune) -> Result:
    tracking = tracking_of(hands.application, action.ref)
    return {"deleted": prune_object(hands.gateway, action.ref, action.uid, tracking=tracking)}


@performs(Read)
def read(hands: Hands, action: Read) -> Result:
    found = hands.gateway.get(action.ref)
    return {"object": relevant(found) if found else None}


def _apply(hands: Hands, manifest: Manifest, index: int) -> Result:
    applied = apply_object(hands.gateway, manifest, sequence=hands.sequence, scaler=index in hands.scalers)
    metadata = applied.object["metadata"]
    return {"uid": metadata["uid"], "generation": int(metadata.get("generation") or 0)}
