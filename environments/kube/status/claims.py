"""Why a volume claim that a pod waits for is not bound, by the claim's own events. Pure."""

import re
from collections.abc import Iterable, Mapping

from environments.kube.status.pod_diagnosis import Problem, cut, message_of, newest
from environments.kube.status.verdict import Json, condition, section

NO_CLASS = re.compile(r"storageclass(?:\.storage\.k8s\.io)? \"([^\"]+)\" not found", re.IGNORECASE)
NO_DEFAULT = re.compile(r"no storage class is set", re.IGNORECASE)


def claims_of(pod: Json) -> tuple[str, ...]:
    """The names of the claims of a pod that no node has taken yet; those of others are bound."""
    if condition(section(pod, "status"), "PodScheduled").get("status") != "False":
        return ()
    volumes = section(pod, "spec").get("volumes") or ()
    named = ((volume.get("persistentVolumeClaim") or {}).get("claimName", "") for volume in volumes)
    return tuple(name for name in named if name)


def claim_problem(pod: str, claim: Mapping[str, object], events: Iterable[Json]) -> Problem | None:
    """What keeps the claim from its volume; None where it is bound or nothing is said about it."""
    name = str(section(claim, "metadata").get("name", ""))
    if section(claim, "status").get("phase") == "Bound":
        return None
    said = message_of(newest(events, "ProvisioningFailed", "FailedBinding", "ExternalProvisioning"))
    if missing := NO_CLASS.search(said):
        words = f"the claim {name} needs the StorageClass {missing[1]}, which is not there"
        return Problem(pod, "", "volume", words, True)
    if NO_DEFAULT.search(said):
        words = f"the claim {name} names no StorageClass, the cluster has no default one, and no volume fits it"
        return Problem(pod, "", "volume", words, True)
    return Problem(pod, "", "volume", f"the claim {name} has no volume: {cut(said)}", False) if said else None
