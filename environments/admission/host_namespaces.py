"""Pods in the node's own network, processes or memory."""

from collections.abc import Iterator

from environments.admission.base import AdmissionScope, Check, containers, named, pod_spec, security
from environments.kube.objects import Manifest

NAMESPACES = ("hostNetwork", "hostPID", "hostIPC")


def _find(manifest: Manifest, _place: AdmissionScope) -> Iterator[str]:
    spec = pod_spec(manifest)
    yield from (name for name in NAMESPACES if spec.get(name))
    for holder, whose in ((spec, "its pods"), *((each, named(each)) for each in containers(spec))):
        if (security(holder).get("windowsOptions") or {}).get("hostProcess"):
            yield f"hostProcess for {whose}"


CHECK = Check("host-namespaces", "Shares namespaces with its node", _find)
