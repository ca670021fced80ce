"""Whether the cluster has taken a policy: it is there, and its controller says no word against it. Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from environments.kube.objects import Manifest
from environments.kube.policies.base import Around, PolicyState
from environments.kube.status.verdict import condition, count, section, sentence

RECONCILED = "Reconciled"
MESH_GROUP = ".istio.io/"


class Acceptance(NamedTuple):
    """`state` is "missing", "waiting", "refused", "accepted" or "stored" (nobody has said anything)."""

    state: PolicyState
    words: str = ""


def acceptance(live: Manifest | None, around: Around) -> Acceptance:
    """What the live object says of itself."""
    if live is None:
        return Acceptance("missing", "it is not in the cluster")
    if live["metadata"].get("deletionTimestamp"):
        return Acceptance("missing", "it is being deleted")
    if live["kind"] == "Ingress":
        return _taken_up(live, around)
    if MESH_GROUP in live["apiVersion"]:
        return _of_mesh(live, around)
    return Acceptance("accepted")


def _taken_up(live: Manifest, around: Around) -> Acceptance:
    if section(section(live, "status"), "loadBalancer").get("ingress"):
        return Acceptance("accepted")
    words = around.warnings.get(live["metadata"].get("uid", ""), "")
    if words:
        return Acceptance("refused", words)
    return Acceptance("waiting", "no ingress controller has taken it up yet")


def _of_mesh(live: Manifest, around: Around) -> Acceptance:
    status = section(live, "status")
    if not status.get("observedGeneration") and not status.get("conditions"):
        words = around.warnings.get(live["metadata"].get("uid", ""), "")
        return Acceptance("refused", words) if words else Acceptance("stored", "the mesh has said nothing of it")
    if _observed(status) < count(section(live, "metadata"), "generation"):
        return Acceptance("waiting", "the mesh has not looked at it yet")
    levels = {str(each.get("level", "")) for each in status.get("validationMessages") or ()}
    said = condition(status, RECONCILED)
    words = sentence(said.get("message") or ", ".join(_codes(status)))
    if "ERROR" in levels or (said.get("status") == "False" and not levels):
        return Acceptance("refused", words or "the mesh does not take it")
    return Acceptance("accepted", words if levels else "")


def _observed(status: Mapping[str, Any]) -> int:
    said = [condition(status, RECONCILED).get("observedGeneration"), status.get("observedGeneration")]
    return max((int(each) for each in said if each), default=0)


def _codes(status: Mapping[str, Any]) -> list[str]:
    types = [each.get("type") or {} for each in status.get("validationMessages") or ()]
    return [f"[{each.get('code', '')}] {each.get('name', '')}" for each in types]
