"""Removing what a release no longer has."""

from collections.abc import Collection, Mapping
from typing import Any

from environments.kube.api.client import Gateway
from environments.kube.names import TRACKING
from environments.kube.objects import Manifest, Ref, tracking_of

# Deleting one of these would take data, or objects that are not ours, with it.
NEVER_PRUNED = frozenset({"Namespace", "CustomResourceDefinition", "PersistentVolumeClaim", "PersistentVolume"})
# Annotations by which an object says that it stays when a release no longer has it: (name, value), of a comma list.
KEEPS = (
    ("helm.sh/resource-policy", "keep"),
    ("argocd.argoproj.io/sync-options", "Prune=false"),
    ("argocd.argoproj.io/sync-options", "Delete=false"),
)


def keep_reason(obj: Manifest) -> str:
    """The annotation by which an object is not to be pruned: "helm.sh/resource-policy: keep"; "" where it may go."""
    annotations = obj["metadata"].get("annotations") or {}
    found = (
        f"{name}: {value}"
        for name, value in KEEPS
        if value.lower() in {each.strip().lower() for each in str(annotations.get(name, "")).split(",")}
    )
    return next(found, "")


def of_a_copy(annotations: Mapping[str, str], ref: Ref) -> dict[str, str]:
    """The annotations of an object for a copy of it that we make and remove, `ref`: it is tracked by its own name, and
    what keeps the object from being pruned is not said of the copy."""
    kept = {name: value for name, value in annotations.items() if name not in dict(KEEPS)}
    if TRACKING not in kept:
        return kept
    mark = kept[TRACKING].partition(":")[0]
    return {**kept, TRACKING: tracking_of(mark, ref)}


def prune_object(gateway: Gateway, ref: Ref, uid: str = "", *, tracking: Collection[str]) -> bool:
    """Deletes the very object that was planned to go; False where it has gone or is another one.

    `uid` "" stands for whichever object has the name now. Its tracking annotation must be among `tracking`: a copy
    that somebody made under another name, or for another application, is left alone, and so is what says itself
    that it stays. Raises KubeError: Stale where it is replaced at this moment.
    """
    live = gateway.get(ref)
    if live is None:
        return False
    metadata = live["metadata"]
    if uid not in ("", metadata["uid"]) or _tracking(metadata) not in tracking:
        return False
    if keep_reason(live):
        return False
    return gateway.delete(ref, uid=metadata["uid"])


def _tracking(metadata: Mapping[str, Any]) -> str:
    return str((metadata.get("annotations") or {}).get(TRACKING, ""))
