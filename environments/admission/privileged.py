"""Containers that have the node: its devices and every capability."""

from collections.abc import Iterator

from environments.admission.base import AdmissionScope, Check, containers, named, pod_spec, security
from environments.kube.objects import Manifest


def _find(manifest: Manifest, _place: AdmissionScope) -> Iterator[str]:
    for container in containers(pod_spec(manifest)):
        if security(container).get("privileged"):
            yield f"{named(container)} is privileged"


CHECK = Check("privileged", "Runs privileged", _find)
