"""An object as others left it, to be applied again later: less what servers and controllers make up. Pure."""

from collections.abc import Mapping
from typing import Any

from environments.kube.objects import Manifest

KEPT = ("name", "namespace", "labels", "annotations")
REVISION = "deployment.kubernetes.io/revision"
# Bound, migrated and counted by controllers: applied again it would be ours, and wrong.
OF_CONTROLLERS = ("pv.kubernetes.io/", "volume.beta.kubernetes.io/", "volume.kubernetes.io/", "autoscaling.alpha.")
GENERATED = {"Namespace": ("finalizers",), "PersistentVolume": ("claimRef",)}


def as_found(live: Manifest) -> Manifest:
    """The live object as a manifest that restores it, references of images as they ran."""
    metadata = {name: live["metadata"][name] for name in KEPT if live["metadata"].get(name)}
    if "annotations" in metadata:
        metadata["annotations"] = _of_people(metadata["annotations"])
    found = {name: value for name, value in live.items() if name not in ("status", "metadata")}
    if unwanted := GENERATED.get(live["kind"]):
        found["spec"] = {name: value for name, value in (live.get("spec") or {}).items() if name not in unwanted}
    return {**found, "metadata": metadata}


def _of_people(annotations: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value for name, value in annotations.items() if name != REVISION and not name.startswith(OF_CONTROLLERS)
    }
