"""The pod that a workload's controller would make, to be tried by a dry run. Pure."""

from collections.abc import Collection, Mapping
from typing import Any

from environments.kube.objects import Manifest, Ref

LONGEST = 40  # of the workload's name, so that the pod's stays within what a name may have
ACCOUNT = ("serviceAccountName", "serviceAccount")
# What admission looks up by name, and all that it sets along with it.
LOOKED_UP: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "PriorityClass": ("priorityClassName", ("priorityClassName", "priority", "preemptionPolicy")),
    "RuntimeClass": ("runtimeClassName", ("runtimeClassName", "overhead")),
}


def trial_pod(manifest: Manifest, template: Manifest, namespace: str, brought: Collection[Ref] = ()) -> Manifest:
    """The bare pod of a workload, with a volume for each claim that a StatefulSet would make for it.

    What comes with the same release (`brought`) counts as there: its classes are left out, and so is the service
    account, whoever brings it.
    """
    spec = {name: value for name, value in (template.get("spec") or {}).items() if name not in ACCOUNT}
    metadata = template.get("metadata") or {}
    told = {name: metadata.get(name) or {} for name in ("labels", "annotations")}
    name = f"{manifest['metadata']['name'][:LONGEST]}-slipway-preview"
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, **told},
        "spec": _with_claims(_without_brought(spec, brought), manifest, name),
    }


def _without_brought(spec: Manifest, brought: Collection[Ref]) -> Manifest:
    there = {(ref.kind, ref.name) for ref in brought}
    gone = {
        field for kind, (naming, fields) in LOOKED_UP.items() if (kind, spec.get(naming)) in there for field in fields
    }
    return {name: value for name, value in spec.items() if name not in gone}


def _with_claims(spec: Manifest, manifest: Manifest, pod: str) -> Manifest:
    """A claim takes the place of a volume of its name, as the StatefulSet's controller has it."""
    claims = [each["metadata"]["name"] for each in _claims(manifest)]
    if not claims:
        return spec
    others = [volume for volume in spec.get("volumes") or () if volume.get("name") not in claims]
    volumes = [{"name": name, "persistentVolumeClaim": {"claimName": f"{name}-{pod}"}} for name in claims]
    return {**spec, "volumes": [*others, *volumes]}


def _claims(manifest: Manifest) -> list[dict[str, Any]]:
    return (manifest.get("spec") or {}).get("volumeClaimTemplates") or []
