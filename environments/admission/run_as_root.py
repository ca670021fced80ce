"""Containers that are told to run as root. Where nothing is said the image decides, which is not known here."""

from collections.abc import Iterator

from environments.admission.base import AdmissionScope, Check, containers, named, pod_spec, security
from environments.kube.objects import Manifest


def _find(manifest: Manifest, _place: AdmissionScope) -> Iterator[str]:
    spec = pod_spec(manifest)
    whole = security(spec).get("runAsUser")
    for container in containers(spec):
        own = security(container).get("runAsUser")
        if (whole if own is None else own) == 0:
            yield f"{named(container)} runs as user 0"


CHECK = Check("run-as-root", "Runs as root", _find)
