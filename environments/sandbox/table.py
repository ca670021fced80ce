"""Table output: the columns that kubectl prints. Pure but for the clock of ages."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from environments.sandbox.kinds import Kind
from environments.sandbox.selectors import selector_text
from environments.sandbox.store import Object

_Cell = Callable[[Object], Any]
_WIDE = 1


def age(stamp: str | None) -> str:
    """How long ago, as kubectl says it: 45s, 3m20s, 5h, 2d."""
    if not stamp:
        return "<unknown>"
    then = datetime.strptime(stamp[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    seconds = max(0, int((datetime.now(UTC) - then).total_seconds()))
    if seconds < 120:
        return f"{seconds}s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes < 10:
        rest = seconds % 60
        return f"{minutes}m{rest}s" if rest else f"{minutes}m"
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        rest = minutes % 60
        return f"{hours}h{rest}m" if rest else f"{hours}h"
    return f"{hours}h" if hours < 48 else f"{days}d"


def at(value: Any, path: str, default: Any = None) -> Any:
    """A field by its dotted path; the default where it is absent."""
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return default if value is None else value


def _get(path: str, default: Any = "") -> _Cell:
    return lambda value: at(value, path, default)


def _name(value: Object) -> Any:
    return value["metadata"]["name"]


def _age(value: Object) -> str:
    return age(value["metadata"].get("creationTimestamp"))


def _containers(value: Object, field: str) -> str:
    spec = at(value, "spec.template.spec") or value.get("spec") or {}
    return ",".join(container.get(field, "") for container in spec.get("containers") or ())


def _ratio(ready: str, wanted: str) -> _Cell:
    return lambda value: f"{at(value, ready, 0)}/{at(value, wanted, 0)}"


_NAME = ("Name", "string", 0, _name)
_AGE = ("Age", "string", 0, _age)
_IMAGES = [
    ("Containers", "string", _WIDE, lambda value: _containers(value, "name")),
    ("Images", "string", _WIDE, lambda value: _containers(value, "image")),
]
_SELECTOR = ("Selector", "string", _WIDE, lambda value: selector_text(at(value, "spec.selector")))


def _pod_ready(value: Object) -> str:
    ready = sum(bool(each.get("ready")) for each in at(value, "status.containerStatuses", ()))
    return f"{ready}/{len(at(value, 'spec.containers', ()))}"


def _pod_status(value: Object) -> str:
    if "deletionTimestamp" in value["metadata"]:
        return "Terminating"
    for each in at(value, "status.initContainerStatuses", ()):
        why = _why(each.get("state") or {})
        if why and why != "Completed":
            return f"Init:{why}"
    for each in at(value, "status.containerStatuses", ()):
        why = _why(each.get("state") or {})
        if why:
            return why
    return str(at(value, "status.reason") or at(value, "status.phase", "Unknown"))


def _why(state: Mapping[str, Any]) -> str:
    for form in ("waiting", "terminated"):
        if state.get(form):
            return str(state[form].get("reason") or "Error")
    return ""


def _restarts(value: Object) -> str:
    return str(sum(each.get("restartCount", 0) for each in at(value, "status.containerStatuses", ())))


def _ports(value: Object) -> str:
    parts = []
    for port in at(value, "spec.ports", ()):
        node = f":{port['nodePort']}" if port.get("nodePort") else ""
        parts.append(f"{port['port']}{node}/{port.get('protocol', 'TCP')}")
    return ",".join(parts) or "<none>"


def _load_balancer(value: Object) -> str:
    found = at(value, "status.loadBalancer.ingress", ())
    return ",".join(each.get("ip") or each.get("hostname", "") for each in found)


def _external(value: Object) -> str:
    return _load_balancer(value) or ("<pending>" if at(value, "spec.type") == "LoadBalancer" else "<none>")


def _node_status(value: Object) -> str:
    ready = any(
        each["type"] == "Ready" and each["status"] == "True" for each in at(value, "status.conditions", ())
    )
    return ("Ready" if ready else "NotReady") + (",SchedulingDisabled" if at(value, "spec.unschedulable") else "")


def _job_status(value: Object) -> str:
    true = {each["type"] for each in at(value, "status.conditions", ()) if each["status"] == "True"}
    return next((word for word in ("Complete", "Failed", "Suspended") if word in true), "Running")


_COLUMNS: dict[tuple[str, str], list[tuple[str, str, int, _Cell]]] = {
    ("apps", "Deployment"): [
        _NAME,
        ("Ready", "string", 0, _ratio("status.readyReplicas", "spec.replicas")),
        ("Up-to-date", "string", 0, _get("status.updatedReplicas", 0)),
        ("Available", "string", 0, _get("status.availableReplicas", 0)),
        _AGE,
        *_IMAGES,
        _SELECTOR,
    ],
    ("apps", "ReplicaSet"): [
        _NAME,
        ("Desired", "integer", 0, _get("spec.replicas", 0)),
        ("Current", "integer", 0, _get("status.replicas", 0)),
        ("Ready", "integer", 0, _get("status.readyReplicas", 0)),
        _AGE,
        *_IMAGES,
        _SELECTOR,
    ],
    ("apps", "StatefulSet"): [_NAME, ("Ready", "string", 0, _ratio("status.readyReplicas", "spec.replicas")), _AGE, *_IMAGES],
    ("apps", "DaemonSet"): [
        _NAME,
        ("Desired", "integer", 0, _get("status.desiredNumberScheduled", 0)),
        ("Current", "integer", 0, _get("status.currentNumberScheduled", 0)),
        ("Ready", "integer", 0, _get("status.numberReady", 0)),
        ("Up-to-date", "integer", 0, _get("status.updatedNumberScheduled", 0)),
        ("Available", "integer", 0, _get("status.numberAvailable", 0)),
        ("Node Selector", "string", 0, lambda value: selector_text(at(value, "spec.template.spec.nodeSelector")) or "<none>"),
        _AGE,
        *_IMAGES,
        _SELECTOR,
    ],
    ("", "Pod"): [
        _NAME,
        ("Ready", "string", 0, _pod_ready),
        ("Status", "string", 0, _pod_status),
        ("Restarts", "string", 0, _restarts),
        _AGE,
        ("IP", "string", _WIDE, _get("status.podIP", "<none>")),
        ("Node", "string", _WIDE, _get("spec.nodeName", "<none>")),
    ],
    ("", "Service"): [
        _NAME,
        ("Type", "string", 0, _get("spec.type")),
        ("Cluster-IP", "string", 0, _get("spec.clusterIP", "<none>")),
        ("External-IP", "string", 0, _external),
        ("Port(s)", "string", 0, _ports),
        _AGE,
        _SELECTOR,
    ],
    ("", "Namespace"): [_NAME, ("Status", "string", 0, _get("status.phase")), _AGE],
    ("", "Node"): [
        _NAME,
        ("Status", "string", 0, _node_status),
        ("Roles", "string", 0, lambda _: "<none>"),
        _AGE,
        ("Version", "string", 0, _get("status.nodeInfo.kubeletVersion")),
    ],
    ("", "ConfigMap"): [
        _NAME,
        ("Data", "string", 0, lambda value: len(value.get("data") or {}) + len(value.get("binaryData") or {})),
        _AGE,
    ],
    ("", "Secret"): [
        _NAME,
        ("Type", "string", 0, _get("type")),
        ("Data", "string", 0, lambda value: len(value.get("data") or {})),
        _AGE,
    ],
    ("", "ServiceAccount"): [_NAME, ("Secrets", "string", 0, lambda value: len(value.get("secrets") or ())), _AGE],
    ("", "Event"): [
        ("Last Seen", "string", 0, lambda value: age(value.get("lastTimestamp") or value["metadata"].get("creationTimestamp"))),
        ("Type", "string", 0, _get("type")),
        ("Reason", "string", 0, _get("reason")),
        ("Object", "string", 0, lambda value: f"{at(value, 'involvedObject.kind', '').lower()}/{at(value, 'involvedObject.name', '')}"),
        ("Message", "string", 0, _get("message")),
    ],
    ("", "PersistentVolumeClaim"): [
        _NAME,
        ("Status", "string", 0, _get("status.phase")),
        ("Volume", "string", 0, _get("spec.volumeName")),
        ("Capacity", "string", 0, _get("status.capacity.storage")),
        ("Access Modes", "string", 0, lambda value: ",".join(at(value, "spec.accessModes", ()))),
        ("StorageClass", "string", 0, _get("spec.storageClassName")),
        _AGE,
    ],
    ("batch", "Job"): [
        _NAME,
        ("Status", "string", 0, _job_status),
        ("Completions", "string", 0, _ratio("status.succeeded", "spec.completions")),
        ("Duration", "string", 0, lambda value: age(at(value, "status.startTime"))),
        _AGE,
    ],
    ("batch", "CronJob"): [
        _NAME,
        ("Schedule", "string", 0, _get("spec.schedule")),
        ("Suspend", "boolean", 0, lambda value: str(at(value, "spec.suspend", False))),
        ("Active", "integer", 0, lambda value: len(at(value, "status.active", ()))),
        ("Last Schedule", "string", 0, lambda value: age(at(value, "status.lastScheduleTime"))),
        _AGE,
    ],
    ("autoscaling", "HorizontalPodAutoscaler"): [
        _NAME,
        ("Reference", "string", 0, lambda value: f"{at(value, 'spec.scaleTargetRef.kind')}/{at(value, 'spec.scaleTargetRef.name')}"),
        ("MinPods", "string", 0, lambda value: str(at(value, "spec.minReplicas", 1))),
        ("MaxPods", "integer", 0, _get("spec.maxReplicas", 0)),
        ("Replicas", "integer", 0, _get("status.currentReplicas", 0)),
        _AGE,
    ],
    ("networking.k8s.io", "Ingress"): [
        _NAME,
        ("Class", "string", 0, _get("spec.ingressClassName", "<none>")),
        ("Hosts", "string", 0, lambda value: ",".join(rule.get("host", "*") for rule in at(value, "spec.rules", ())) or "*"),
        ("Address", "string", 0, _load_balancer),
        _AGE,
    ],
    ("policy", "PodDisruptionBudget"): [
        _NAME,
        ("Min Available", "string", 0, _get("spec.minAvailable", "N/A")),
        ("Max Unavailable", "string", 0, _get("spec.maxUnavailable", "N/A")),
        ("Allowed Disruptions", "integer", 0, _get("status.disruptionsAllowed", 0)),
        _AGE,
    ],
    ("apiextensions.k8s.io", "CustomResourceDefinition"): [
        _NAME,
        ("Created At", "date", 0, _get("metadata.creationTimestamp")),
    ],
}
_PLAIN = [_NAME, _AGE]


def table(kind: Kind, values: Iterable[Object], version: int, include: str, metadata: Object | None = None) -> Object:
    """A Table of objects. `include` is "None", "Metadata" or "Object"."""
    columns = _columns(kind)
    rows = [{"cells": [cell(value) for *_, cell in columns], "object": _included(value, include)} for value in values]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata or {"resourceVersion": str(version)},
        "columnDefinitions": [
            {
                "name": name,
                "type": form,
                "format": "name" if name == "Name" else "",
                "description": "",
                "priority": priority,
            }
            for name, form, priority, _ in columns
        ],
        "rows": rows,
    }


def _included(value: Object, include: str) -> Any:
    if include == "None":
        return None
    if include == "Object":
        return value
    return partial(value)


def partial(value: Object) -> Object:
    """PartialObjectMetadata of an object."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": value["metadata"]}


def _columns(kind: Kind) -> list[tuple[str, str, int, _Cell]]:
    if kind.definition is None:
        return _COLUMNS.get((kind.group, kind.kind), _PLAIN)
    own = [
        (column["name"], column["type"], column.get("priority", 0), _custom(column))
        for column in kind.definition["columns"]
    ]
    return [_NAME, *own] if own else _PLAIN


def _custom(column: Mapping[str, Any]) -> _Cell:
    path = column["jsonPath"].lstrip(".")
    if column["type"] == "date":
        return lambda value: age(at(value, path)) if at(value, path) else ""
    return lambda value: at(value, path, "")
