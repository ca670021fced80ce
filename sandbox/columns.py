"""The columns that the server prints of each built-in kind. Pure but for the clock of ages."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sandbox.selectors import selector_text
from sandbox.store import Object

Cell = Callable[[Object], Any]


class Column(NamedTuple):
    """One column; `priority` 1 is printed only with -o wide."""

    name: str
    cell: Cell
    type: str = "string"
    priority: int = 0


def age(stamp: str | None) -> str:
    """How long ago, as kubectl says it: 45s, 3m20s, 5h, 2d."""
    if not stamp:
        return "<unknown>"
    then = datetime.strptime(stamp[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    return duration((datetime.now(UTC) - then).total_seconds())


def duration(length: float) -> str:
    seconds = max(0, int(length))
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if seconds < 120:
        return f"{seconds}s"
    if minutes < 10:
        return _two(minutes, "m", seconds % 60, "s")
    if hours < 3:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    return _two(days, "d", hours % 24, "h") if days < 8 else f"{days}d"


def _two(first: int, unit: str, second: int, other: str) -> str:
    return f"{first}{unit}{second}{other}" if second else f"{first}{unit}"


def at(value: Any, path: str, default: Any = None) -> Any:
    """A field by its dotted path; the default where it is absent."""
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return default if value is None else value


def _get(path: str, default: Any = "") -> Cell:
    return lambda value: at(value, path, default)


def _age_of(path: str, default: str = "<unknown>") -> Cell:
    return lambda value: age(at(value, path)) if at(value, path) else default


def _joined(path: str, default: str = "") -> Cell:
    return lambda value: ",".join(map(str, at(value, path, ()))) or default


def _count(path: str) -> Cell:
    return lambda value: len(at(value, path, ()))


def _selected(path: str, default: str = "<none>") -> Cell:
    return lambda value: selector_text(at(value, path)) or default


def _ratio(ready: str, wanted: str) -> Cell:
    return lambda value: f"{at(value, ready, 0)}/{at(value, wanted, 0)}"


def _containers(value: Object, field: str) -> str:
    spec = at(value, "spec.jobTemplate.spec.template.spec") or at(value, "spec.template.spec", {})
    return ",".join(container.get(field, "") for container in spec.get("containers") or ())


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
    reasons = (_why(each.get("state") or {}) for each in at(value, "status.containerStatuses", ()))
    found = next((why for why in reasons if why), "")
    return found or str(at(value, "status.reason") or at(value, "status.phase", "Unknown"))


def _why(state: Mapping[str, Any]) -> str:
    for form in ("waiting", "terminated"):
        if state.get(form):
            return str(state[form].get("reason") or "Error")
    return ""


def _restarts(value: Object) -> str:
    return str(sum(each.get("restartCount", 0) for each in at(value, "status.containerStatuses", ())))


def _service_ports(value: Object) -> str:
    parts = []
    for port in at(value, "spec.ports", ()):
        node = f":{port['nodePort']}" if port.get("nodePort") else ""
        parts.append(f"{port['port']}{node}/{port.get('protocol', 'TCP')}")
    return ",".join(parts) or "<none>"


def _load_balancer(value: Object) -> str:
    return ",".join(each.get("ip") or each.get("hostname", "") for each in at(value, "status.loadBalancer.ingress", ()))


def _external(value: Object) -> str:
    return _load_balancer(value) or ("<pending>" if at(value, "spec.type") == "LoadBalancer" else "<none>")


def _node_status(value: Object) -> str:
    conditions = at(value, "status.conditions", ())
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    return ("Ready" if ready else "NotReady") + (",SchedulingDisabled" if at(value, "spec.unschedulable") else "")


def _address(kind: str) -> Cell:
    def cell(value: Object) -> str:
        found = (each["address"] for each in at(value, "status.addresses", ()) if each["type"] == kind)
        return next(found, "<none>")

    return cell


def _job_status(value: Object) -> str:
    true = {each["type"] for each in at(value, "status.conditions", ()) if each["status"] == "True"}
    return next((word for word in ("Complete", "Failed", "Suspended") if word in true), "Running")


def _job_duration(value: Object) -> str:
    start, end = at(value, "status.startTime"), at(value, "status.completionTime")
    if not start:
        return ""
    if not end:
        return age(start)
    form = "%Y-%m-%dT%H:%M:%SZ"
    return duration((datetime.strptime(end, form) - datetime.strptime(start, form)).total_seconds())  # noqa: DTZ007


def _endpoint_ports(value: Object) -> str:
    return ",".join(str(port.get("port")) for port in value.get("ports") or ()) or "<unset>"


def _slice_endpoints(value: Object) -> str:
    found = [address for each in value.get("endpoints") or () for address in each["addresses"]]
    return ",".join(found[:3]) + (f" + {len(found) - 3} more..." if len(found) > 3 else "") or "<unset>"


def _targets(value: Object) -> str:
    metrics, now = at(value, "spec.metrics", ()), at(value, "status.currentMetrics", ()) or ()
    parts = []
    for place, metric in enumerate(metrics):
        wanted = at(metric, "resource.target.averageUtilization", "<unknown>")
        found = at(now[place] if place < len(now) else {}, "resource.current.averageUtilization")
        name = at(metric, "resource.name", metric["type"].lower())
        parts.append(f"{name}: {'<unknown>' if found is None else f'{found}%'}/{wanted}%")
    return ", ".join(parts) or "<none>"


def _subjects(kind: str) -> Cell:
    def cell(value: Object) -> str:
        found = [each for each in value.get("subjects") or () if each.get("kind") == kind]
        return ", ".join("/".join(filter(None, (each.get("namespace"), each["name"]))) for each in found)

    return cell


def _event_object(value: Object) -> str:
    return f"{at(value, 'involvedObject.kind', '').lower()}/{at(value, 'involvedObject.name', '')}"


NAME = Column("Name", lambda value: value["metadata"]["name"])
AGE = Column("Age", _age_of("metadata.creationTimestamp"))
CREATED = Column("Created At", _get("metadata.creationTimestamp"), "date")
_IMAGES = [
    Column("Containers", lambda value: _containers(value, "name"), priority=1),
    Column("Images", lambda value: _containers(value, "image"), priority=1),
]
_SELECTOR = Column("Selector", _selected("spec.selector", ""), priority=1)
_STATUS = Column("Status", _get("status.phase"))
_BOUND = [
    Column("Role", lambda value: f"{at(value, 'roleRef.kind')}/{at(value, 'roleRef.name')}"),
    AGE,
    Column("Users", _subjects("User"), priority=1),
    Column("Groups", _subjects("Group"), priority=1),
    Column("ServiceAccounts", _subjects("ServiceAccount"), priority=1),
]


def _number(name: str, path: str) -> Column:
    return Column(name, _get(path, 0), "integer")


COLUMNS: dict[tuple[str, str], list[Column]] = {
    ("apps", "Deployment"): [
        Column("Ready", _ratio("status.readyReplicas", "spec.replicas")),
        Column("Up-to-date", _get("status.updatedReplicas", 0)),
        Column("Available", _get("status.availableReplicas", 0)),
        AGE,
        *_IMAGES,
        _SELECTOR,
    ],
    ("apps", "ReplicaSet"): [
        _number("Desired", "spec.replicas"),
        _number("Current", "status.replicas"),
        _number("Ready", "status.readyReplicas"),
        AGE,
        *_IMAGES,
        _SELECTOR,
    ],
    ("apps", "StatefulSet"): [Column("Ready", _ratio("status.readyReplicas", "spec.replicas")), AGE, *_IMAGES],
    ("apps", "DaemonSet"): [
        _number("Desired", "status.desiredNumberScheduled"),
        _number("Current", "status.currentNumberScheduled"),
        _number("Ready", "status.numberReady"),
        _number("Up-to-date", "status.updatedNumberScheduled"),
        _number("Available", "status.numberAvailable"),
        Column("Node Selector", _selected("spec.template.spec.nodeSelector")),
        AGE,
        *_IMAGES,
        _SELECTOR,
    ],
    ("apps", "ControllerRevision"): [
        Column(
            "Controller",
            lambda value: next(
                (
                    f"{each['kind'].lower()}.apps/{each['name']}"
                    for each in value["metadata"].get("ownerReferences") or ()
                ),
                "<none>",
            ),
        ),
        Column("Revision", _get("revision", 0)),
        AGE,
    ],
    ("", "Pod"): [
        Column("Ready", _pod_ready),
        Column("Status", _pod_status),
        Column("Restarts", _restarts),
        AGE,
        Column("IP", _get("status.podIP", "<none>"), priority=1),
        Column("Node", _get("spec.nodeName", "<none>"), priority=1),
        Column("Nominated Node", _get("status.nominatedNodeName", "<none>"), priority=1),
        Column("Readiness Gates", lambda _: "<none>", priority=1),
    ],
    ("", "Service"): [
        Column("Type", _get("spec.type")),
        Column("Cluster-IP", _get("spec.clusterIP", "<none>")),
        Column("External-IP", _external),
        Column("Port(s)", _service_ports),
        AGE,
        Column("Selector", _selected("spec.selector"), priority=1),
    ],
    ("", "Namespace"): [_STATUS, AGE],
    ("", "Node"): [
        Column("Status", _node_status),
        Column("Roles", lambda _: "<none>"),
        AGE,
        Column("Version", _get("status.nodeInfo.kubeletVersion")),
        Column("Internal-IP", _address("InternalIP"), priority=1),
        Column("External-IP", _address("ExternalIP"), priority=1),
        Column("OS-Image", _get("status.nodeInfo.osImage", "<unknown>"), priority=1),
        Column("Kernel-Version", _get("status.nodeInfo.kernelVersion", "<unknown>"), priority=1),
        Column("Container-Runtime", _get("status.nodeInfo.containerRuntimeVersion", "<unknown>"), priority=1),
    ],
    ("", "ConfigMap"): [
        Column("Data", lambda value: len(value.get("data") or ()) + len(value.get("binaryData") or ())),
        AGE,
    ],
    ("", "Secret"): [Column("Type", _get("type")), Column("Data", _count("data")), AGE],
    ("", "Event"): [
        Column("Type", _get("type")),
        Column("Reason", _get("reason")),
        Column("Object", _event_object),
        Column("Subobject", _get("involvedObject.fieldPath"), priority=1),
        Column("Source", _get("source.component"), priority=1),
        Column("Message", _get("message")),
        Column("First Seen", _age_of("firstTimestamp"), priority=1),
        Column("Count", _get("count", 1), priority=1),
        Column("Name", _get("metadata.name"), priority=1),
    ],
    ("", "PersistentVolumeClaim"): [
        _STATUS,
        Column("Volume", _get("spec.volumeName")),
        Column("Capacity", _get("status.capacity.storage")),
        Column("Access Modes", _joined("status.accessModes")),
        Column("StorageClass", _get("spec.storageClassName")),
        Column("VolumeAttributesClass", _get("spec.volumeAttributesClassName", "<unset>")),
        AGE,
        Column("VolumeMode", _get("spec.volumeMode"), priority=1),
    ],
    ("batch", "Job"): [
        Column("Status", _job_status),
        Column("Completions", _ratio("status.succeeded", "spec.completions")),
        Column("Duration", _job_duration),
        AGE,
        *_IMAGES,
        _SELECTOR,
    ],
    ("batch", "CronJob"): [
        Column("Schedule", _get("spec.schedule")),
        Column("Timezone", _get("spec.timeZone", "<none>")),
        Column("Suspend", lambda value: str(at(value, "spec.suspend", False)), "boolean"),
        Column("Active", _count("status.active"), "integer"),
        Column("Last Schedule", _age_of("status.lastScheduleTime", "<none>")),
        AGE,
        *_IMAGES,
        Column("Selector", lambda _: "<none>", priority=1),
    ],
    ("autoscaling", "HorizontalPodAutoscaler"): [
        Column(
            "Reference",
            lambda value: f"{at(value, 'spec.scaleTargetRef.kind')}/{at(value, 'spec.scaleTargetRef.name')}",
        ),
        Column("Targets", _targets),
        Column("MinPods", lambda value: str(at(value, "spec.minReplicas", "<unset>"))),
        Column("MaxPods", _get("spec.maxReplicas", 0)),
        Column("Replicas", _get("status.currentReplicas", 0)),
        AGE,
    ],
    ("networking.k8s.io", "Ingress"): [
        Column("Class", _get("spec.ingressClassName", "<none>")),
        Column("Hosts", lambda value: ",".join(rule.get("host", "*") for rule in at(value, "spec.rules", ())) or "*"),
        Column("Address", _load_balancer),
        Column("Ports", lambda value: "80, 443" if at(value, "spec.tls") else "80"),
        AGE,
    ],
    ("networking.k8s.io", "NetworkPolicy"): [Column("Pod-Selector", _selected("spec.podSelector")), AGE],
    ("policy", "PodDisruptionBudget"): [
        Column("Min Available", lambda value: str(at(value, "spec.minAvailable", "N/A"))),
        Column("Max Unavailable", lambda value: str(at(value, "spec.maxUnavailable", "N/A"))),
        _number("Allowed Disruptions", "status.disruptionsAllowed"),
        AGE,
    ],
    ("discovery.k8s.io", "EndpointSlice"): [
        Column("AddressType", _get("addressType")),
        Column("Ports", _endpoint_ports),
        Column("Endpoints", _slice_endpoints),
        AGE,
    ],
    ("", "LimitRange"): [CREATED],
    ("rbac.authorization.k8s.io", "Role"): [CREATED],
    ("rbac.authorization.k8s.io", "ClusterRole"): [CREATED],
    ("rbac.authorization.k8s.io", "RoleBinding"): _BOUND,
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): _BOUND,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): [CREATED],
    ("coordination.k8s.io", "Lease"): [Column("Holder", _get("spec.holderIdentity")), AGE],
    ("storage.k8s.io", "StorageClass"): [
        Column("Provisioner", _get("provisioner")),
        Column("ReclaimPolicy", _get("reclaimPolicy")),
        Column("VolumeBindingMode", _get("volumeBindingMode")),
        Column("AllowVolumeExpansion", _get("allowVolumeExpansion", False)),
        AGE,
    ],
    ("scheduling.k8s.io", "PriorityClass"): [
        _number("Value", "value"),
        Column("Global-Default", _get("globalDefault", False), "boolean"),
        AGE,
        Column("PreemptionPolicy", _get("preemptionPolicy", "PreemptLowerPriority")),
    ],
}
LAST_SEEN = Column("Last Seen", lambda value: age(value.get("lastTimestamp") or value["metadata"]["creationTimestamp"]))
