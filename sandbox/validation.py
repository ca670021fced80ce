"""What the server refuses with 422: names, required values, what must not change. Pure."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.causes import bad, required, unsupported
from sandbox.errors import StatusCause
from sandbox.kinds import ApiResource
from sandbox.schema_rules import schema_causes
from sandbox.selectors import selects
from sandbox.store import Object
from sandbox.validation_metadata import label_causes, metadata_causes
from sandbox.validation_pod import pod_spec_causes
from sandbox.validation_unions import on_delete_causes

_LARGEST_CONFIG = 1024 * 1024
_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_KEY_WORDS = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or "
    "'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)

Causes = list[StatusCause]
_Check = Callable[[Object], Causes]
_Change = Callable[[Object, Object], Causes]
_NEW: dict[tuple[str, str], _Check] = {}
_CHANGED: dict[tuple[str, str], _Change] = {}


def validate_creation(kind: ApiResource, new: Object) -> Causes:
    """What is wrong with a new object."""
    return [*metadata_causes(kind, new), *_content(kind, new)]


def validate_update(kind: ApiResource, new: Object, old: Object, subresource: str) -> Causes:
    """What is wrong with a change."""
    if subresource == "status":
        return schema_causes(kind.schema, new) if kind.definition is not None else []
    change = _CHANGED.get((kind.group, kind.kind))
    causes = change(new, old) if change else []
    return [*label_causes(new), *causes, *_content(kind, new)]


def _content(kind: ApiResource, new: Object) -> Causes:
    if kind.definition is not None:
        return schema_causes(kind.schema, new)
    check = _NEW.get((kind.group, kind.kind))
    return check(new) if check else []


def _check(group: str, kind: str) -> Callable[[_Check], _Check]:
    def register(function: _Check) -> _Check:
        _NEW[group, kind] = function
        return function

    return register


def _change(group: str, kind: str) -> Callable[[_Change], _Change]:
    def register(function: _Change) -> _Change:
        _CHANGED[group, kind] = function
        return function

    return register


# -- workloads ------------------------------------------------------------------------------------------------------


@_check("apps", "Deployment")
def _deployment(new: Object) -> Causes:
    return [*_workload(new), *_rolling(new["spec"].get("strategy") or {}, "spec.strategy")]


@_check("apps", "StatefulSet")
def _stateful_set(new: Object) -> Causes:
    return [*_workload(new), *on_delete_causes(new["spec"].get("updateStrategy") or {}, "spec.updateStrategy")]


@_check("apps", "ReplicaSet")
@_check("apps", "DaemonSet")
def _workload(new: Object) -> Causes:
    spec = new["spec"]
    causes = _replicas(spec)
    selector, template = spec.get("selector"), spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    if selector is None:
        causes.append(required("spec.selector"))
        causes.append(
            bad("spec.template.metadata.labels", labels or None, "`selector` does not match template `labels`")
        )
    elif not selector.get("matchLabels") and not selector.get("matchExpressions"):
        causes.append(bad("spec.selector", {}, "empty selector is invalid for deployment"))
    elif not selects(selector, labels):
        causes.append(
            bad("spec.template.metadata.labels", labels or None, "`selector` does not match template `labels`")
        )
    pod = template.get("spec") or {}
    if pod.get("restartPolicy", "Always") != "Always":
        causes.append(unsupported("spec.template.spec.restartPolicy", pod["restartPolicy"], ("Always",)))
    claims = [claim["metadata"]["name"] for claim in spec.get("volumeClaimTemplates") or ()]
    return [*causes, *pod_spec_causes(pod, "spec.template.spec", claims)]


def _replicas(spec: Object) -> Causes:
    wanted = spec.get("replicas", 0)
    return [bad("spec.replicas", wanted, "must be greater than or equal to 0")] if wanted < 0 else []


def _rolling(strategy: Object, path: str) -> Causes:
    if strategy.get("type") not in ("RollingUpdate", "Recreate"):
        found = {"Type": strategy.get("type"), "RollingUpdate": None}
        return [unsupported(path, found, ("Recreate", "RollingUpdate"))]
    rolling = strategy.get("rollingUpdate")
    if strategy["type"] == "Recreate" and rolling:
        words = "Forbidden: may not be specified when strategy `type` is 'Recreate'"
        return [StatusCause("FieldValueForbidden", words, f"{path}.rollingUpdate")]
    if rolling and all(rolling.get(name) in (0, "0%") for name in ("maxSurge", "maxUnavailable")):
        return [
            bad(f"{path}.rollingUpdate.maxUnavailable", rolling["maxUnavailable"], "may not be 0 when `maxSurge` is 0")
        ]
    return []


@_change("apps", "Deployment")
@_change("apps", "ReplicaSet")
@_change("apps", "DaemonSet")
def _selector_kept(new: Object, old: Object) -> Causes:
    found = new["spec"].get("selector")
    return [] if found == old["spec"].get("selector") else [bad("spec.selector", found, "field is immutable")]


_STATEFUL = (
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
)


@_change("apps", "StatefulSet")
def _stateful_kept(new: Object, old: Object) -> Causes:
    mine, other = (
        {name: value for name, value in each["spec"].items() if name not in _STATEFUL} for each in (new, old)
    )
    if mine == other:
        return []
    named = ", ".join(f"'{name}'" for name in _STATEFUL[:-1])
    words = f"Forbidden: updates to statefulset spec for fields other than {named} and '{_STATEFUL[-1]}' are forbidden"
    return [StatusCause("FieldValueForbidden", words, "spec")]


@_check("batch", "Job")
def _job(new: Object) -> Causes:
    pod = new["spec"]["template"].get("spec") or {}
    causes = []
    if pod.get("restartPolicy") not in ("OnFailure", "Never"):
        words = 'Required value: valid values: "OnFailure", "Never"'
        causes.append(StatusCause("FieldValueRequired", words, "spec.template.spec.restartPolicy"))
    return [*causes, *pod_spec_causes(pod, "spec.template.spec")]


@_change("batch", "Job")
def _job_kept(new: Object, old: Object) -> Causes:
    causes = []
    for name in ("completions", "selector", "completionMode"):
        mine, other = new["spec"].get(name), old["spec"].get(name)
        if mine != other and not (name == "completions" and new["spec"].get("completionMode") == "Indexed"):
            causes.append(bad(f"spec.{name}", mine, "field is immutable"))
    mine, other = new["spec"]["template"], old["spec"]["template"]
    if old["spec"].get("suspend") and mine["spec"] != other["spec"]:
        causes.append(bad("spec.template.spec", mine["spec"], "field is immutable"))
    elif not old["spec"].get("suspend") and mine != other:
        causes.append(bad("spec.template", mine, "field is immutable"))
    return causes


@_check("batch", "CronJob")
def _cron_job(new: Object) -> Causes:
    spec = new["spec"]
    causes = [] if spec.get("schedule") else [required("spec.schedule")]
    pod = spec["jobTemplate"]["spec"]["template"].get("spec") or {}
    if pod.get("restartPolicy") not in ("OnFailure", "Never"):
        words = 'Required value: valid values: "OnFailure", "Never"'
        causes.append(StatusCause("FieldValueRequired", words, "spec.jobTemplate.spec.template.spec.restartPolicy"))
    return [*causes, *pod_spec_causes(pod, "spec.jobTemplate.spec.template.spec")]


@_check("", "Pod")
def _pod(new: Object) -> Causes:
    return pod_spec_causes(new["spec"], "spec")


_POD_FREE = ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "nodeName", "schedulingGates")


@_change("", "Pod")
def _pod_kept(new: Object, old: Object) -> Causes:
    if _fixed(new["spec"]) == _fixed(old["spec"]):
        return []
    words = (
        "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
        "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing "
        "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
    )
    return [StatusCause("FieldValueForbidden", words, "spec")]


def _fixed(spec: Object) -> Object:
    rest = {name: value for name, value in spec.items() if name not in _POD_FREE}
    for part in ("containers", "initContainers"):
        rest[part] = [{**each, "image": ""} for each in spec.get(part) or ()]
    return rest


# -- configuration --------------------------------------------------------------------------------------------------


@_check("", "ConfigMap")
def _config_map(new: Object) -> Causes:
    causes = [bad(f"data[{name}]", name, _KEY_WORDS) for name in new.get("data") or () if not _KEY.fullmatch(name)]
    size = sum(len(str(value).encode()) for part in ("data", "binaryData") for value in (new.get(part) or {}).values())
    if size > _LARGEST_CONFIG:
        words = f"Too long: may not be more than {_LARGEST_CONFIG} bytes"
        causes.append(StatusCause("FieldValueTooLong", words, "[]"))
    return causes


@_change("", "ConfigMap")
def _config_map_kept(new: Object, old: Object) -> Causes:
    return _immutable(new, old, ("data", "binaryData"))


def _immutable(new: Object, old: Object, parts: tuple[str, ...]) -> Causes:
    if not old.get("immutable"):
        return []
    words = "Forbidden: field is immutable when `immutable` is set"
    causes = [] if new.get("immutable") else [StatusCause("FieldValueForbidden", words, "immutable")]
    return causes + [
        StatusCause("FieldValueForbidden", words, part)
        for part in parts
        if (new.get(part) or {}) != (old.get(part) or {})
    ]


_SECRET_KEYS = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
}


@_check("", "Secret")
def _secret(new: Object) -> Causes:
    data = new.get("data") or {}
    if new["type"] == "kubernetes.io/basic-auth" and not {"username", "password"} & data.keys():
        return [required("data[username]"), required("data[password]")]
    return [required(f"data[{name}]") for name in _SECRET_KEYS.get(new["type"], ()) if name not in data]


@_change("", "Secret")
def _secret_kept(new: Object, old: Object) -> Causes:
    causes = [] if new["type"] == old["type"] else [bad("type", new["type"], "field is immutable")]
    return [*causes, *_immutable(new, old, ("data",))]


@_change("", "PersistentVolumeClaim")
def _claim_kept(new: Object, old: Object) -> Causes:
    free = ("resources", "volumeName", "volumeAttributesClassName", "storageClassName")
    mine, other = ({name: value for name, value in each["spec"].items() if name not in free} for each in (new, old))
    if mine == other:
        return []
    words = (
        "Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound "
        "claims"
    )
    return [StatusCause("FieldValueForbidden", words, "spec")]


# -- network --------------------------------------------------------------------------------------------------------


@_check("", "Service")
def _service(new: Object) -> Causes:
    spec = new["spec"]
    ports = spec.get("ports") or []
    causes = []
    if spec["type"] not in ("ClusterIP", "NodePort", "LoadBalancer", "ExternalName"):
        allowed = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
        causes.append(unsupported("spec.type", spec["type"], allowed))
    if not ports and spec["type"] != "ExternalName" and spec.get("clusterIP") != "None":
        causes.append(required("spec.ports"))
    for index, port in enumerate(ports):
        causes += _port(port, f"spec.ports[{index}]", named=len(ports) > 1)
    return causes


def _port(port: Object, path: str, *, named: bool) -> Causes:
    causes = [required(f"{path}.name")] if named and not port.get("name") else []
    if not 0 < port.get("port", 0) < 65_536:
        causes.append(bad(f"{path}.port", port.get("port", 0), "must be between 1 and 65535, inclusive"))
    return causes


@_change("", "Service")
def _address_kept(new: Object, old: Object) -> Causes:
    before, found = old["spec"].get("clusterIP"), new["spec"].get("clusterIP")
    if (
        before in (None, found)
        or old["spec"].get("type") == "ExternalName"
        or new["spec"].get("type") == "ExternalName"
    ):
        return []
    return [bad("spec.clusterIPs[0]", [found], "may not change once set")]


@_check("networking.k8s.io", "Ingress")
def _ingress(new: Object) -> Causes:
    spec = new["spec"]
    if not spec.get("rules") and not spec.get("defaultBackend"):
        return [bad("spec", None, "either `defaultBackend` or `rules` must be specified")]
    causes = []
    for rule_index, rule in enumerate(spec.get("rules") or ()):
        for index, path in enumerate((rule.get("http") or {}).get("paths") or ()):
            if not path.get("pathType"):
                words = "pathType must be specified"
                causes.append(required(f"spec.rules[{rule_index}].http.paths[{index}].pathType", words))
    return causes


@_check("autoscaling", "HorizontalPodAutoscaler")
def _autoscaler(new: Object) -> Causes:
    spec = new["spec"]
    causes = []
    most, least = spec.get("maxReplicas", 0), spec.get("minReplicas", 1)
    if most < 1:
        causes.append(bad("spec.maxReplicas", most, "must be greater than 0"))
    elif most < least:
        causes.append(bad("spec.maxReplicas", most, "must be greater than or equal to `minReplicas`"))
    target = spec.get("scaleTargetRef") or {}
    return causes + [required(f"spec.scaleTargetRef.{name}") for name in ("kind", "name") if not target.get(name)]


@_check("policy", "PodDisruptionBudget")
def _budget(new: Object) -> Causes:
    spec = new["spec"]
    if spec.get("minAvailable") is not None and spec.get("maxUnavailable") is not None:
        return [bad("spec", _short(spec), "minAvailable and maxUnavailable cannot be both set")]
    return []


def _short(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: spec[name] for name in ("minAvailable", "maxUnavailable") if name in spec}


@_change("rbac.authorization.k8s.io", "RoleBinding")
@_change("rbac.authorization.k8s.io", "ClusterRoleBinding")
def _role_kept(new: Object, old: Object) -> Causes:
    found = new.get("roleRef")
    return [] if found == old.get("roleRef") else [bad("roleRef", found, "cannot change roleRef")]


@_check("apiextensions.k8s.io", "CustomResourceDefinition")
def _definition(new: Object) -> Causes:
    spec = new["spec"]
    wanted = f"{spec['names'].get('plural')}.{spec.get('group')}"
    if new["metadata"]["name"] != wanted:
        return [bad("metadata.name", new["metadata"]["name"], 'must be spec.names.plural+"."+spec.group')]
    return []
