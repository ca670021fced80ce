"""Ports that are opened on the node itself."""

from collections.abc import Iterator

from environments.admission.base import AdmissionScope, Check, containers, named, pod_spec
from environments.kube.objects import Manifest


def _find(manifest: Manifest, _place: AdmissionScope) -> Iterator[str]:
    for container in containers(pod_spec(manifest)):
        for port in container.get("ports") or ():
            if port.get("hostPort"):
                yield f"{named(container)} takes port {port['hostPort']} of the node"


CHECK = Check("host-ports", "Takes ports of its node", _find)
