"""What the server fills in: one function a kind, as the real server's defaults are. Pure."""

import base64
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from sandbox.defaults_pod import admitted_pod_spec, default_pod_spec
from sandbox.kinds import ApiResource
from sandbox.schema_rules import defaults_filled
from sandbox.store import Object

_Default = Callable[[Object, Object | None], None]
_DEFAULTS: dict[tuple[str, str], _Default] = {}


def defaulted(kind: ApiResource, new: Object, old: Object | None) -> Object:
    """The object with its defaults; belongs to the caller alone down to the parts that were filled in."""
    made = {**new, "metadata": dict(new["metadata"])}
    if kind.schema is not None:
        rest = {name: value for name, value in made.items() if name not in ("apiVersion", "kind", "metadata")}
        return {**made, **defaults_filled(rest, kind.schema.raw)}
    default = _DEFAULTS.get((kind.group, kind.kind))
    if default is not None:
        default(made, old)
    return made


def prepared(kind: ApiResource, new: Object) -> Object:
    """A new object with what the server adds after it noted who owns what; in place."""
    match kind.group, kind.kind:
        case "", "Namespace":
            fill(new, spec={})
            fill(new["spec"], finalizers=["kubernetes"])
        case "batch", "Job" if not new["spec"].get("manualSelector"):
            _select_own_pods(new, new["spec"])
        case "", "Pod":
            admitted_pod_spec(new["spec"])
        case "", "Service" if new["spec"]["type"] != "ExternalName":
            fill(new["spec"], ipFamilies=["IPv4"], ipFamilyPolicy="SingleStack")
    return new


def _defaults(group: str, kind: str) -> Callable[[_Default], _Default]:
    def register(function: _Default) -> _Default:
        _DEFAULTS[group, kind] = function
        return function

    return register


def fill(value: Object, **defaults: Any) -> None:
    """Sets what is absent."""
    for name, default in defaults.items():
        if value.get(name) is None:
            value[name] = default


@_defaults("apps", "Deployment")
def _deployment(new: Object, _: Object | None) -> None:
    spec = new.setdefault("spec", {})
    fill(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600)
    fill(spec, strategy={})
    fill(spec["strategy"], type="RollingUpdate")
    if spec["strategy"]["type"] == "RollingUpdate":
        fill(spec["strategy"], rollingUpdate={})
        fill(spec["strategy"]["rollingUpdate"], maxUnavailable="25%", maxSurge="25%")
    _template(spec)


@_defaults("apps", "StatefulSet")
def _stateful_set(new: Object, _: Object | None) -> None:
    spec = new.setdefault("spec", {})
    fill(spec, replicas=1, revisionHistoryLimit=10, podManagementPolicy="OrderedReady", updateStrategy={})
    fill(spec, persistentVolumeClaimRetentionPolicy={})
    fill(spec["persistentVolumeClaimRetentionPolicy"], whenDeleted="Retain", whenScaled="Retain")
    fill(spec["updateStrategy"], type="RollingUpdate")
    if spec["updateStrategy"]["type"] == "RollingUpdate":
        fill(spec["updateStrategy"], rollingUpdate={})
        fill(spec["updateStrategy"]["rollingUpdate"], partition=0)
    for claim in spec.get("volumeClaimTemplates") or ():
        fill(claim, apiVersion="v1", kind="PersistentVolumeClaim")
        fill(claim["spec"], volumeMode="Filesystem")
        claim["status"] = {"phase": "Pending"}
    _template(spec)


@_defaults("apps", "DaemonSet")
def _daemon_set(new: Object, old: Object | None) -> None:
    spec = new.setdefault("spec", {})
    if old is None:
        annotations = new["metadata"].get("annotations") or {}
        new["metadata"]["annotations"] = {**annotations, "deprecated.daemonset.template.generation": "1"}
    fill(spec, revisionHistoryLimit=10, updateStrategy={})
    fill(spec["updateStrategy"], type="RollingUpdate")
    if spec["updateStrategy"]["type"] == "RollingUpdate":
        fill(spec["updateStrategy"], rollingUpdate={})
        fill(spec["updateStrategy"]["rollingUpdate"], maxUnavailable=1, maxSurge=0)
    _template(spec)


@_defaults("apps", "ReplicaSet")
def _replica_set(new: Object, _: Object | None) -> None:
    spec = new.setdefault("spec", {})
    fill(spec, replicas=1)
    _template(spec)


def _template(spec: Object) -> None:
    fill(spec, template={})
    fill(spec["template"], metadata={}, spec={})
    default_pod_spec(spec["template"]["spec"], template=True)


@_defaults("", "Pod")
def _pod(new: Object, old: Object | None) -> None:
    default_pod_spec(new.setdefault("spec", {}), template=False)
    if old is None:
        new["status"] = {"phase": "Pending", "qosClass": quality(new["spec"])}


def quality(spec: Object) -> str:
    """Guaranteed, Burstable or BestEffort."""
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    parts = [each.get("resources") or {} for each in containers]
    named = [
        (part.get(side) or {}).get(resource) for part in parts for side in ("requests", "limits") for resource in _CORE
    ]
    if not any(named):
        return "BestEffort"
    even = all(
        (part.get("requests") or {}).get(one) == (part.get("limits") or {}).get(one) for part in parts for one in _CORE
    )
    return "Guaranteed" if all(named) and even else "Burstable"


_CORE = ("cpu", "memory")


@_defaults("batch", "Job")
def _job(new: Object, _: Object | None) -> None:
    spec = new.setdefault("spec", {})
    default_job_spec(spec)
    labels = spec["template"]["metadata"].get("labels")
    if labels and not new["metadata"].get("labels"):
        new["metadata"]["labels"] = labels


def default_job_spec(spec: Object) -> None:
    if spec.get("completions") is None and spec.get("parallelism") is None:
        fill(spec, completions=1)
    fill(spec, parallelism=1, backoffLimit=6, completionMode="NonIndexed", suspend=False, manualSelector=False)
    fill(spec, podReplacementPolicy="TerminatingOrFailed")
    _template(spec)


def _select_own_pods(new: Object, spec: Object) -> None:
    """The labels by which a Job finds its pods carry its uid, which it gets here."""
    uid = new["metadata"].setdefault("uid", str(uuid.uuid4()))
    name = new["metadata"]["name"]
    mine = {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": name,
        "controller-uid": uid,
        "job-name": name,
    }
    metadata = spec["template"]["metadata"]
    before = metadata.get("labels") or {}
    metadata["labels"] = {**before, **mine}
    if not new["metadata"].get("labels") or new["metadata"]["labels"] is before:
        new["metadata"]["labels"] = metadata["labels"]
    spec["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}


@_defaults("batch", "CronJob")
def _cron_job(new: Object, _: Object | None) -> None:
    spec = new.setdefault("spec", {})
    fill(spec, concurrencyPolicy="Allow", suspend=False, successfulJobsHistoryLimit=3, failedJobsHistoryLimit=1)
    template = spec.setdefault("jobTemplate", {}).setdefault("spec", {})
    _template(template)


@_defaults("", "Service")
def _service(new: Object, _: Object | None) -> None:
    spec = new.setdefault("spec", {})
    fill(spec, sessionAffinity="None", type="ClusterIP")
    if spec["sessionAffinity"] == "ClientIP":
        fill(spec, sessionAffinityConfig={"clientIP": {"timeoutSeconds": 10800}})
    for port in spec.get("ports") or ():
        fill(port, protocol="TCP")
        fill(port, targetPort=port["port"])
    if spec["type"] != "ExternalName":
        fill(spec, internalTrafficPolicy="Cluster")
    if spec["type"] in ("NodePort", "LoadBalancer"):
        fill(spec, externalTrafficPolicy="Cluster")
    if spec["type"] == "LoadBalancer":
        fill(spec, allocateLoadBalancerNodePorts=True)
    fill(new, status={"loadBalancer": {}})


@_defaults("autoscaling", "HorizontalPodAutoscaler")
def _autoscaler(new: Object, _: Object | None) -> None:
    spec = new.setdefault("spec", {})
    fill(spec, minReplicas=1)
    if not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    fill(new, status={"currentMetrics": None, "desiredReplicas": 0})
    for direction in ("scaleUp", "scaleDown"):
        rules = (spec.get("behavior") or {}).get(direction)
        if rules is not None:
            _scaling_rules(direction, rules)
    if spec.get("behavior") is not None:
        _missing_rules(spec["behavior"])


_UP = [{"type": "Pods", "value": 4, "periodSeconds": 15}, {"type": "Percent", "value": 100, "periodSeconds": 15}]
_DOWN = [{"type": "Percent", "value": 100, "periodSeconds": 15}]


def _scaling_rules(direction: str, rules: Object) -> None:
    if direction == "scaleUp":
        fill(rules, stabilizationWindowSeconds=0)
    fill(rules, selectPolicy="Max", policies=_UP if direction == "scaleUp" else _DOWN)


def _missing_rules(behavior: Object) -> None:
    for direction in ("scaleUp", "scaleDown"):
        if behavior.get(direction) is None:
            behavior[direction] = {}
            _scaling_rules(direction, behavior[direction])


@_defaults("networking.k8s.io", "Ingress")
def _ingress(new: Object, _: Object | None) -> None:
    fill(new, spec={}, status={"loadBalancer": {}})


@_defaults("networking.k8s.io", "NetworkPolicy")
def _network_policy(new: Object, _: Object | None) -> None:
    spec = new.setdefault("spec", {})
    fill(spec, podSelector={})
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]
    for rule in (*(spec.get("ingress") or ()), *(spec.get("egress") or ())):
        _protocols(rule.get("ports") or ())


def _protocols(ports: Iterable[Object]) -> None:
    for port in ports:
        fill(port, protocol="TCP")


@_defaults("", "PersistentVolumeClaim")
def _claim(new: Object, old: Object | None) -> None:
    fill(new.setdefault("spec", {}), volumeMode="Filesystem")
    if old is None:
        new["status"] = {"phase": "Pending"}


@_defaults("", "PersistentVolume")
def _volume(new: Object, old: Object | None) -> None:
    fill(new.setdefault("spec", {}), persistentVolumeReclaimPolicy="Retain", volumeMode="Filesystem")
    if old is None:
        new["status"] = {"phase": "Pending"}


@_defaults("", "Namespace")
def _namespace(new: Object, old: Object | None) -> None:
    name = new["metadata"]["name"]
    new["metadata"]["labels"] = {**(new["metadata"].get("labels") or {}), "kubernetes.io/metadata.name": name}
    if old is None:
        new["status"] = {"phase": "Active"}


@_defaults("", "Secret")
def _secret(new: Object, _: Object | None) -> None:
    fill(new, type="Opaque")
    plain = new.pop("stringData", None)
    if plain:
        coded = {name: base64.b64encode(value.encode()).decode() for name, value in plain.items()}
        new["data"] = {**(new.get("data") or {}), **coded}


@_defaults("discovery.k8s.io", "EndpointSlice")
def _endpoint_slice(new: Object, _: Object | None) -> None:
    for port in new.get("ports") or ():
        fill(port, name="", protocol="TCP")
    new["endpoints"] = new.get("endpoints") or None


@_defaults("", "LimitRange")
def _limits(new: Object, _: Object | None) -> None:
    for item in (new.get("spec") or {}).get("limits") or ():
        if item.get("type") == "Container":
            limits = {**(item.get("max") or {}), **(item.get("default") or {})}
            requests = {**(item.get("min") or {}), **limits, **(item.get("defaultRequest") or {})}
            requests |= {name: value for name, value in (item.get("min") or {}).items() if name not in limits}
            item |= {name: value for name, value in (("default", limits), ("defaultRequest", requests)) if value}


@_defaults("storage.k8s.io", "StorageClass")
def _storage_class(new: Object, _: Object | None) -> None:
    fill(new, reclaimPolicy="Delete", volumeBindingMode="Immediate")


@_defaults("rbac.authorization.k8s.io", "RoleBinding")
@_defaults("rbac.authorization.k8s.io", "ClusterRoleBinding")
def _binding(new: Object, _: Object | None) -> None:
    fill(new.setdefault("roleRef", {}), apiGroup="rbac.authorization.k8s.io")
    for subject in new.get("subjects") or ():
        if subject.get("kind") in ("User", "Group"):
            fill(subject, apiGroup="rbac.authorization.k8s.io")


@_defaults("apiextensions.k8s.io", "CustomResourceDefinition")
def _definition(new: Object, _: Object | None) -> None:
    spec = new.setdefault("spec", {})
    fill(spec, conversion={"strategy": "None"})
    names = spec.setdefault("names", {})
    kind = names.get("kind", "")
    fill(names, singular=kind.lower(), listKind=f"{kind}List")


@_defaults("admissionregistration.k8s.io", "ValidatingAdmissionPolicy")
def _policy(new: Object, _: Object | None) -> None:
    spec = new.setdefault("spec", {})
    fill(spec, failurePolicy="Fail")
    if spec.get("matchConstraints") is not None:
        _constraints(spec["matchConstraints"])


@_defaults("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding")
def _policy_binding(new: Object, _: Object | None) -> None:
    matched = new.setdefault("spec", {}).get("matchResources")
    if matched is not None:
        _constraints(matched)


def _constraints(found: Object) -> None:
    fill(found, namespaceSelector={}, objectSelector={}, matchPolicy="Equivalent")
    for rule in (*(found.get("resourceRules") or ()), *(found.get("excludeResourceRules") or ())):
        fill(rule, scope="*")
