"""What stands in a cluster, so that before and after can be compared object by object."""

import json
from collections.abc import Mapping
from typing import Any

from tests.acceptance.portal import KINDS, Portal

# What counts writes and times, and what differs though nothing that anybody wants does.
COUNTERS = ("resourceVersion", "generation", "managedFields", "creationTimestamp")
NOTES = ("slipway.dev/sequence", "deployment.kubernetes.io/revision")
Snapshot = dict[str, dict[str, Any]]


def snapshot(portal: Portal, namespace: str) -> Snapshot:
    """{"Kind/name": object without status, counters and notes}; with it who owns the replicas."""
    found = [(kind, each) for kind in KINDS for each in portal.objects(kind, namespace)]
    return {f"{kind}/{each['metadata']['name']}": _bare(each) for kind, each in found}


def owners_of_replicas(obj: Mapping[str, Any]) -> set[str]:
    """The field managers that hold spec.replicas."""
    entries = obj["metadata"].get("managedFields", ())
    return {entry["manager"] for entry in entries if "f:replicas" in entry.get("fieldsV1", {}).get("f:spec", {})}


def _bare(obj: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {key: value for key, value in obj["metadata"].items() if key not in COUNTERS}
    notes = metadata.get("annotations") or {}
    metadata["annotations"] = {key: value for key, value in notes.items() if key not in NOTES}
    rest = {key: value for key, value in obj.items() if key not in ("metadata", "status")}
    return {**json.loads(json.dumps(rest)), "metadata": metadata, "replicas of": sorted(owners_of_replicas(obj))}
