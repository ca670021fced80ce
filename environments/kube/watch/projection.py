"""What deciding reads of an object: the rest is let go as soon as it arrives, since thousands are kept. Pure."""

from collections.abc import Mapping
from typing import Any

Key = tuple[str, str]
METADATA = ("name", "namespace", "uid", "resourceVersion", "generation", "labels", "deletionTimestamp")
OURS = "slipway.dev/"
REVISION = "deployment.kubernetes.io/revision"
CONTENT = frozenset({"metadata", "spec", "data", "stringData", "binaryData"})
SPEC = frozenset(
    {
        "replicas", "paused", "selector", "strategy", "updateStrategy", "minReadySeconds", "progressDeadlineSeconds",
        "podManagementPolicy", "completions", "backoffLimit", "activeDeadlineSeconds", "suspend", "type",
    }
)  # fmt: skip


def relevant(obj: Mapping[str, Any]) -> dict[str, Any]:
    """The object less what neither status nor diagnosis reads: pod templates, foreign annotations, field
    ownership (but for who wrote when), and the contents of ConfigMaps and Secrets. Of a pod template only the
    `images` stay.
    """
    slim = {name: value for name, value in obj.items() if name not in CONTENT}
    slim["metadata"] = _metadata(obj["metadata"])
    if "spec" in obj:
        slim["spec"] = {name: value for name, value in (obj["spec"] or {}).items() if name in SPEC}
        if images := _images(obj["spec"] or {}):
            slim["images"] = images
    return slim


def _images(spec: Mapping[str, Any]) -> list[str]:
    """What a workload's pods run, container by container."""
    template = (spec.get("template") or {}).get("spec") or {}
    return [container.get("image", "") for container in template.get("containers") or ()]


def _metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    slim = {name: metadata[name] for name in METADATA if name in metadata}
    annotations = metadata.get("annotations") or {}
    slim["annotations"] = {n: v for n, v in annotations.items() if n.startswith(OURS) or n == REVISION}
    entries = metadata.get("managedFields") or ()
    slim["managedFields"] = [
        {name: e.get(name, "") for name in ("manager", "operation", "time")}
        for e in entries
        if not e.get("subresource")
    ]
    return slim


def key_of(obj: Mapping[str, Any]) -> Key:
    """(namespace, name), the namespace "" for objects of the whole cluster."""
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def version_of(obj: Mapping[str, Any]) -> str:
    """Its resourceVersion."""
    return str(obj["metadata"]["resourceVersion"])


def remains(key: Key, uid: str, version: str) -> dict[str, Any]:
    """What is left of an object that was gone when we looked again."""
    namespace, name = key
    metadata = {"name": name, "uid": uid, "resourceVersion": version}
    return {"metadata": {**metadata, "namespace": namespace} if namespace else metadata}
