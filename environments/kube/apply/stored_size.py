"""How large an object is where the API server stores it, and what etcd takes. Pure.

Custom resources are stored as JSON, the server's own kinds as protobuf, which has no names of fields: that is reckoned
from below, so what is refused here would be refused there. Both have the record of who set which field with them.
"""

import json
from typing import Any

from environments.kube.objects import Manifest
from kube_schema import SchemaNode, recorded

ETCD_BYTES = 3 * 1024 * 1024 // 2  # etcd's --max-request-bytes where nobody has set another
REQUEST_BYTES = 3 * 1024 * 1024  # what an API server takes as one request
AROUND = 1024  # the key, what etcd's request has beside the object, and our own annotations


def size_fault(obj: Manifest, most: int = ETCD_BYTES) -> str:
    """Why an object cannot be stored, "" where it can; `most` is what etcd takes as one request, in bytes."""
    schema = recorded().root(obj["apiVersion"], obj["kind"])
    stored = _protobuf(obj, schema) if schema else _json(obj)
    if stored + AROUND > most:
        return f"is too large for the cluster: {stored:,} bytes are stored of it, and etcd takes {most - AROUND:,}"
    sent = _json({**obj, "metadata": {**obj["metadata"], "managedFields": []}})
    if sent > REQUEST_BYTES:
        return f"is too large for the cluster: it has {sent:,} bytes, and an API server takes {REQUEST_BYTES:,}"
    return ""


def _json(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def _protobuf(value: Any, kind: SchemaNode | None) -> int:
    """At least so many bytes: contents, two for each field and entry, and names only in maps."""
    if isinstance(value, dict):
        if kind is not None and kind.type == "any":
            return _json(value)
        named = kind is not None and kind.type == "map"
        own = sum(len(key.encode()) + 4 for key in value) if named else 0
        return own + sum(2 + _protobuf(inner, kind.child(key) if kind else None) for key, inner in value.items())
    if isinstance(value, list):
        return sum(2 + _protobuf(item, kind.item if kind else None) for item in value)
    return len(value.encode()) if isinstance(value, str) else 1
