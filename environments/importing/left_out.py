"""Which objects are no part of an application's bundle, though they are in its namespace: somebody else makes them.

Pure. Every answer is a reason in words, "" for what a bundle may have.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from environments.kube.names import TRACKING
from environments.kube.objects import Manifest
from environments.manifests.exported import CONTROLLED, made_by
from environments.manifests.kinds import kind_id
from environments.manifests.node import Origin, lift

# Made again by controllers whenever they are gone, and never listed.
MADE_BY_CONTROLLERS = CONTROLLED | {
    *("Pod", "Endpoints", "Node", "Lease.coordination.k8s.io", "ReplicaSet.apps", "EndpointSlice.discovery.k8s.io")
}
BOOTSTRAP = "bootstrap.kubernetes.io/token"
TOKEN = "kubernetes.io/service-account-token"  # noqa: S105 - the name of a type
CERTIFICATE = "cert-manager.io/certificate-name"
ORDINAL = re.compile(r"-\d+$")


def why_left_out(obj: Manifest, *, owner: str = "", claims: Iterable[str] = ()) -> str:
    """Why the object is nobody's to write in a file, in words.

    `owner` ("Kind/name") is whose objects are asked for all the same; `claims` are prefixes of the names of claims that
    StatefulSets make.
    """
    metadata, kind = obj["metadata"], kind_id(obj["apiVersion"], obj["kind"])
    if kind in MADE_BY_CONTROLLERS:
        return "controllers make it"
    if metadata.get("deletionTimestamp"):
        return "it is being deleted"
    if found := _owned(metadata.get("ownerReferences") or (), owner):
        return f"{found} makes it"
    unowned = {**obj, "metadata": {name: value for name, value in metadata.items() if name != "ownerReferences"}}
    if found := made_by(lift(unowned, Origin("")), kind):
        return found
    return _of_kind(obj, kind, tuple(claims)) or _of_slipway(metadata)


def claim_prefixes(objects: Iterable[Manifest]) -> tuple[str, ...]:
    """What the names of claims begin with that the StatefulSets among the objects make."""
    return tuple(
        f"{template['metadata']['name']}-{obj['metadata']['name']}-"
        for obj in objects
        if obj["kind"] == "StatefulSet"
        for template in obj["spec"].get("volumeClaimTemplates") or ()
    )


def _owned(references: Iterable[Mapping[str, Any]], owner: str) -> str:
    owners = [f"{each.get('kind')}/{each.get('name')}" for each in references]
    return next((each for each in owners if each != owner), "") if owner not in owners else ""


def _of_kind(obj: Manifest, kind: str, claims: tuple[str, ...]) -> str:
    name = obj["metadata"]["name"]
    if kind == "Secret" and CERTIFICATE in (obj["metadata"].get("annotations") or {}):
        return "cert-manager makes it"
    if kind == "Secret" and obj.get("type") in (BOOTSTRAP, TOKEN):
        return "the cluster makes it for a service account or a node"
    if kind == "Service" and name == "kubernetes":
        return "it is the cluster's own"
    if kind == "PersistentVolumeClaim" and ORDINAL.sub("-", name) in claims:
        return "its StatefulSet makes it"
    if kind == "Job.batch" and _is_over(obj):
        return "it has run already: as a part of the bundle it would run again elsewhere"
    return ""


def _is_over(job: Manifest) -> bool:
    conditions = (job.get("status") or {}).get("conditions") or ()
    return any(each.get("type") in ("Complete", "Failed") and each.get("status") == "True" for each in conditions)


def _of_slipway(metadata: Mapping[str, Any]) -> str:
    tracked = (metadata.get("annotations") or {}).get(TRACKING, "")
    return f"{tracked.partition(':')[0].replace('@', ' in ')} releases it already" if tracked else ""
