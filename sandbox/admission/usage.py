"""What objects use of a ResourceQuota. Pure."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from kube_schema.quantity import parse
from sandbox.store import Object

Usage = dict[str, Decimal]
_ALIASES = {"cpu": "requests.cpu", "memory": "requests.memory", "ephemeral-storage": "requests.ephemeral-storage"}
_COUNTED = {
    "pods": ("", "Pod"),
    "services": ("", "Service"),
    "secrets": ("", "Secret"),
    "configmaps": ("", "ConfigMap"),
    "persistentvolumeclaims": ("", "PersistentVolumeClaim"),
    "replicationcontrollers": ("", "ReplicationController"),
    "resourcequotas": ("", "ResourceQuota"),
}


def used_by(obj: Object, plural: str) -> Usage:
    """The quota resources that one object uses, under all their names."""
    group = obj["apiVersion"].rpartition("/")[0]
    found: Usage = {f"count/{plural}{'.' + group if group else ''}": Decimal(1)}
    if _COUNTED.get(plural) == (group, obj["kind"]):
        found[plural] = Decimal(1)
    match (group, obj["kind"]):
        case ("", "Pod"):
            found = {} if is_over(obj) else {**found, **_compute(obj)}
        case ("", "Service"):
            found |= _service(obj)
        case ("", "PersistentVolumeClaim"):
            found |= _claim(obj)
    return found


def is_over(pod: Object) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def _compute(pod: Object) -> Usage:
    """Requests and limits of the containers together, or of the largest init container."""
    spec = pod["spec"]
    total = _summed(spec["containers"])
    for container in spec.get("initContainers") or ():
        for name, value in _summed([container]).items():
            total[name] = max(value, total.get(name, Decimal(0)))
    return total | {alias: total[name] for alias, name in _ALIASES.items() if name in total}


def _summed(containers: Iterable[Mapping[str, Any]]) -> Usage:
    total: Usage = {}
    for container in containers:
        for member in ("requests", "limits"):
            for name, value in ((container.get("resources") or {}).get(member) or {}).items():
                total[f"{member}.{name}"] = total.get(f"{member}.{name}", Decimal(0)) + parse(value)
    return total


def _service(service: Object) -> Usage:
    kind = service["spec"].get("type", "ClusterIP")
    found: Usage = {}
    if kind == "LoadBalancer":
        found["services.loadbalancers"] = Decimal(1)
    if kind in ("NodePort", "LoadBalancer"):
        found["services.nodeports"] = Decimal(len(service["spec"].get("ports") or ()))
    return found


def _claim(claim: Object) -> Usage:
    storage = parse(((claim["spec"].get("resources") or {}).get("requests") or {}).get("storage", 0))
    name = claim["spec"].get("storageClassName", "")
    prefix = f"{name}.storageclass.storage.k8s.io"
    own = {f"{prefix}/requests.storage": storage, f"{prefix}/persistentvolumeclaims": Decimal(1)} if name else {}
    return {"requests.storage": storage, **own}


def missing(pod: Object, hard: Iterable[str]) -> dict[str, list[str]]:
    """Names of containers that do not say what the quota asks every container to say, by resource."""
    found: dict[str, list[str]] = {}
    for resource in sorted(set(hard)):
        member, _, name = _ALIASES.get(resource, resource).partition(".")
        if member not in ("requests", "limits") or name not in ("cpu", "memory"):
            continue
        containers = [*pod["spec"]["containers"], *(pod["spec"].get("initContainers") or ())]
        silent = [item["name"] for item in containers if name not in _member(item, member)]
        if silent:
            found[resource] = sorted(silent)
    return found


def _member(container: Mapping[str, Any], member: str) -> Mapping[str, str]:
    return (container.get("resources") or {}).get(member) or {}


def in_scope(quota: Object, obj: Object) -> bool:
    """Whether the quota's scopes take the object in; all but pods are out of a quota with scopes."""
    scopes = quota["spec"].get("scopes") or []
    listed = (quota["spec"].get("scopeSelector") or {}).get("matchExpressions") or ()
    if not scopes and not listed:
        return True
    if obj["kind"] != "Pod":
        return False
    return all(_scope_holds(scope, obj) for scope in scopes) and all(_matches(item, obj) for item in listed)


def _scope_holds(scope: str, pod: Object) -> bool:
    containers = pod["spec"]["containers"]
    best_effort = not any(_member(item, member) for item in containers for member in ("requests", "limits"))
    terminating = pod["spec"].get("activeDeadlineSeconds") is not None
    return {
        "BestEffort": best_effort,
        "NotBestEffort": not best_effort,
        "Terminating": terminating,
        "NotTerminating": not terminating,
    }.get(scope, True)


def _matches(expression: Mapping[str, Any], pod: Object) -> bool:
    if expression["scopeName"] != "PriorityClass":
        return _scope_holds(expression["scopeName"], pod)
    name = pod["spec"].get("priorityClassName")
    values = expression.get("values") or ()
    checks = {"In": name in values, "NotIn": name not in values, "Exists": bool(name), "DoesNotExist": not name}
    return checks.get(expression["operator"], False)
