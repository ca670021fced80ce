"""Volumes that are a folder of the node."""

from collections.abc import Iterator

from environments.admission.base import AdmissionScope, Check, pod_spec
from environments.kube.objects import Manifest


def _find(manifest: Manifest, _place: AdmissionScope) -> Iterator[str]:
    for volume in pod_spec(manifest).get("volumes") or ():
        if volume.get("hostPath") is not None:
            yield f"volume {volume.get('name', '?')} is {(volume['hostPath'] or {}).get('path', '?')} of the node"
    if manifest.get("kind") == "PersistentVolume":
        spec = manifest.get("spec") or {}
        yield from (f"it is {kind} of a node" for kind in ("hostPath", "local") if spec.get(kind) is not None)


CHECK = Check("host-path", "Mounts its node's files", _find)
