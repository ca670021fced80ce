"""Defaults of a pod and its containers. Pure, in place."""

import re
from typing import Any

Object = dict[str, Any]

_UNTAGGED = re.compile(r"^[^@]*?(?P<tag>:[^/@:]+)?(?P<digest>@.+)?$")


def _fill(value: Object, **defaults: Any) -> None:
    for name, default in defaults.items():
        if value.get(name) is None:
            value[name] = default


def default_pod_spec(spec: Object, *, template: bool) -> None:
    """A pod's specification, in a template or of a Pod itself."""
    _fill(spec, restartPolicy="Always", terminationGracePeriodSeconds=30, dnsPolicy="ClusterFirst")
    _fill(spec, securityContext={}, schedulerName="default-scheduler")
    if spec.get("serviceAccountName"):
        spec["serviceAccount"] = spec["serviceAccountName"]
    elif spec.get("serviceAccount"):
        spec["serviceAccountName"] = spec["serviceAccount"]
    if not template:
        _fill(spec, enableServiceLinks=True)
    for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
        _container(container, limits_default=not template)
    for container in spec.get("ephemeralContainers") or ():
        _container(container, limits_default=False)
    for volume in spec.get("volumes") or ():
        _volume(volume)


_AWAY = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


def admitted_pod_spec(spec: Object) -> None:
    """What every cluster's own admission adds to a Pod: its account, its priority, patience with lost nodes."""
    _fill(spec, serviceAccountName="default", preemptionPolicy="PreemptLowerPriority", priority=0)
    spec["serviceAccount"] = spec["serviceAccountName"]
    present = spec.get("tolerations") or []
    known = {each.get("key") for each in present}
    away = [
        {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
        for key in _AWAY
        if key not in known
    ]
    spec["tolerations"] = [*present, *away]


def _container(container: Object, *, limits_default: bool) -> None:
    _fill(container, resources={}, terminationMessagePath="/dev/termination-log", terminationMessagePolicy="File")
    _fill(container, imagePullPolicy=_pull_policy(container.get("image") or ""))
    for port in container.get("ports") or ():
        _fill(port, protocol="TCP")
    for variable in container.get("env") or ():
        source = variable.get("valueFrom") or {}
        if source.get("fieldRef") is not None:
            _fill(source["fieldRef"], apiVersion="v1")
        if source.get("resourceFieldRef") is not None:
            _fill(source["resourceFieldRef"], divisor="0")
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(name) is not None:
            _probe(container[name])
    for hook in (container.get("lifecycle") or {}).values():
        if isinstance(hook, dict) and hook.get("httpGet") is not None:
            _fill(hook["httpGet"], path="/", scheme="HTTP")
    if limits_default:
        _requests_from_limits(container["resources"])


def _requests_from_limits(resources: Object) -> None:
    limits = resources.get("limits") or {}
    if limits:
        resources["requests"] = {**limits, **(resources.get("requests") or {})}


def _pull_policy(image: str) -> str:
    found = _UNTAGGED.match(image)
    if found is None or found["digest"]:
        return "IfNotPresent"
    return "Always" if (found["tag"] or ":latest") == ":latest" else "IfNotPresent"


def _probe(probe: Object) -> None:
    _fill(probe, timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)
    if probe.get("httpGet") is not None:
        _fill(probe["httpGet"], path="/", scheme="HTTP")
    if probe.get("grpc") is not None:
        _fill(probe["grpc"], service="")


def _volume(volume: Object) -> None:
    for name in ("secret", "configMap", "downwardAPI", "projected"):
        if volume.get(name) is not None:
            _fill(volume[name], defaultMode=420)
    if not any(name != "name" for name in volume):
        volume["emptyDir"] = {}
    if volume.get("hostPath") is not None:
        _fill(volume["hostPath"], type="")
    for item in (volume.get("downwardAPI") or {}).get("items") or ():
        if item.get("fieldRef") is not None:
            _fill(item["fieldRef"], apiVersion="v1")
    for source in (volume.get("projected") or {}).get("sources") or ():
        if source.get("serviceAccountToken") is not None:
            _fill(source["serviceAccountToken"], expirationSeconds=3600)
