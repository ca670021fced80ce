"""What Flagger makes of a Canary: names, weights, and the objects beside the target. Pure."""

import copy
import re
import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple

from sandbox.meta import Object, digest, generation_of, labels_of, owner_reference
from sandbox.store import encode

TOTAL = 100
SELECTOR_LABELS = ("app", "name", "app.kubernetes.io/name")
SHORTEST_INTERVAL = 10.0
INTERVAL = 60.0
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_UNIT = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_COPIED = ("progressDeadlineSeconds", "minReadySeconds", "revisionHistoryLimit", "strategy")


class Names(NamedTuple):
    """The Services: the one that others call, and those of either side. The primary Deployment is TARGET-primary."""

    apex: str
    primary: str
    canary: str


def target_of(canary: Object) -> str:
    return str(canary["spec"]["targetRef"]["name"])


def names_of(canary: Object) -> Names:
    apex = str((canary["spec"].get("service") or {}).get("name") or target_of(canary))
    return Names(apex, f"{apex}-primary", f"{apex}-canary")


def analysis_of(canary: Object) -> Mapping[str, Any]:
    return canary["spec"].get("analysis") or {}


def skips_analysis(canary: Object) -> bool:
    return "analysis" not in canary["spec"] or bool(canary["spec"].get("skipAnalysis"))


def seconds(text: str, default: float = INTERVAL) -> float:
    """A Go duration such as "1m30s"; the default where it is none."""
    found = _DURATION.findall(text)
    return sum(float(number) * _UNIT[unit] for number, unit in found) if found else default


def interval_of(canary: Object) -> float:
    """Seconds between two looks; Flagger takes no fewer than ten."""
    return max(SHORTEST_INTERVAL, seconds(str(analysis_of(canary).get("interval", ""))))


def threshold_of(canary: Object) -> int:
    return max(1, int(analysis_of(canary).get("threshold") or 0))


def max_weight(canary: Object) -> int:
    analysis = analysis_of(canary)
    if steps := analysis.get("stepWeights"):
        return min(TOTAL, int(steps[-1]))
    return int(analysis.get("maxWeight") or TOTAL)


def next_weight(canary: Object, weight: int) -> int:
    """The canary's weight after one step from `weight`; the same where the analysis names no steps."""
    analysis = analysis_of(canary)
    steps = [int(step) for step in analysis.get("stepWeights") or ()]
    if analysis.get("stepWeight") or not steps:
        return min(TOTAL, weight + int(analysis.get("stepWeight") or 0))
    return next((step for step in steps if step > weight), TOTAL)


def revision(deployment: Object) -> str:
    """A hash of the pod template; Flagger's has another form and the same use."""
    return digest(encode(deployment["spec"]["template"]).decode())


def selector_label(deployment: Object) -> tuple[str, str] | None:
    """The label by which the two sides are told apart, and the target's value of it."""
    labels = (deployment["spec"].get("selector") or {}).get("matchLabels") or {}
    return next(((name, labels[name]) for name in SELECTOR_LABELS if name in labels), None)


def primary_deployment(canary: Object, target: Object, label: tuple[str, str]) -> Object:
    """The Deployment that serves, new-made from the target."""
    name, value = label
    spec = {field: target["spec"][field] for field in _COPIED if field in target["spec"]}
    spec |= {
        "replicas": int(target["spec"].get("replicas") or 0) or 1,
        "selector": {"matchLabels": {name: f"{value}-primary"}},
        "template": _primary_template(target, label),
    }
    return _made("apps/v1", "Deployment", canary, f"{target_of(canary)}-primary", {name: f"{value}-primary"}, spec)


def promoted(primary: Object, target: Object, label: tuple[str, str], *, scaled: bool) -> None:
    """Copies the target's pods into the primary, in place. `scaled`: an autoscaler holds its replicas."""
    primary["spec"] |= {field: target["spec"][field] for field in _COPIED if field in target["spec"]}
    primary["spec"]["template"] = _primary_template(target, label)
    if not scaled:
        primary["spec"]["replicas"] = target["spec"].get("replicas", 1)


def _primary_template(target: Object, label: tuple[str, str]) -> dict[str, Any]:
    template = copy.deepcopy(target["spec"]["template"])
    metadata = template.setdefault("metadata", {})
    metadata["labels"] = {**(metadata.get("labels") or {}), label[0]: f"{label[1]}-primary"}
    # As the real one: a new id makes the primary roll even where only the configuration changed.
    metadata["annotations"] = {**(metadata.get("annotations") or {}), "flagger-id": secrets.token_hex(16)}
    return dict(template)


def primary_autoscaler(canary: Object, autoscaler: Object) -> Object:
    spec = copy.deepcopy(autoscaler["spec"])
    spec["scaleTargetRef"]["name"] = f"{target_of(canary)}-primary"
    name = f"{autoscaler['metadata']['name']}-primary"
    return _made(autoscaler["apiVersion"], autoscaler["kind"], canary, name, labels_of(autoscaler), spec)


def service(canary: Object, name: str, selector: Mapping[str, str]) -> Object:
    """One of the three Services."""
    spec = {"type": "ClusterIP", "selector": dict(selector), "ports": service_ports(canary)}
    return _made("v1", "Service", canary, name, {next(iter(selector)): name}, spec)


def service_ports(canary: Object) -> list[dict[str, Any]]:
    wanted = canary["spec"]["service"]
    port = {
        "name": wanted.get("portName") or "http",
        "protocol": "TCP",
        "port": wanted["port"],
        "targetPort": wanted.get("targetPort") or wanted["port"],
    }
    return [port | ({"appProtocol": wanted["appProtocol"]} if wanted.get("appProtocol") else {})]


def virtual_service(canary: Object, weight: int) -> Object:
    """Istio's route with both destinations."""
    names, wanted = names_of(canary), canary["spec"]["service"]
    hosts, gateways = list(wanted.get("hosts") or ()), list(wanted.get("gateways") or ()) or ["mesh"]
    if names.apex not in hosts and "*" not in hosts:
        hosts.append(names.apex)
    rule = {key: wanted[key] for key in ("match", "timeout", "retries", "corsPolicy", "headers") if wanted.get(key)}
    rule["route"] = [
        {"destination": {"host": names.primary}, "weight": TOTAL - weight},
        {"destination": {"host": names.canary}, "weight": weight},
    ]
    spec = {"gateways": gateways, "hosts": hosts, "http": [rule]}
    return _made("networking.istio.io/v1", "VirtualService", canary, names.apex, {}, spec)


def _made(version: str, kind: str, canary: Object, name: str, labels: Mapping[str, str], spec: Object) -> Object:
    metadata = {
        "name": name,
        "namespace": canary["metadata"]["namespace"],
        "labels": dict(labels),
        "ownerReferences": [owner_reference(canary)],
    }
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}


_CONDITIONS = {
    "Initializing": ("Unknown", "New {kind} detected, starting initialization."),
    "Initialized": ("True", "{kind} initialization completed."),
    "Progressing": ("Unknown", "New revision detected, progressing canary analysis."),
    "Promoting": ("Unknown", "Canary analysis completed, starting primary rolling update."),
    "Finalising": ("Unknown", "Canary analysis completed, routing all traffic to primary."),
    "Succeeded": ("True", "Canary analysis completed successfully, promotion finished."),
    "Failed": ("False", "Canary analysis failed, {kind} scaled to zero."),
    "Terminating": ("Unknown", "New {kind} detected, starting initialization."),
}


def with_phase(canary: Object, phase: str, stamp: str) -> dict[str, Any]:
    """The status in another phase."""
    before = canary.get("status") or {}
    holds, words = _CONDITIONS[phase]
    old: dict[str, Any] = next(iter(before.get("conditions") or ()), {})
    condition = {
        "type": "Promoted",
        "status": holds,
        "lastUpdateTime": stamp,
        "lastTransitionTime": old["lastTransitionTime"] if old.get("status") == holds else stamp,
        "message": words.format(kind=canary["spec"]["targetRef"]["kind"]),
        "reason": phase,
    }
    status = {"canaryWeight": 0, "failedChecks": 0, "iterations": 0, **before}
    if phase not in ("Progressing", "Promoting"):
        status |= {"canaryWeight": 0, "iterations": 0}
    if phase == "Succeeded":
        status["lastPromotedSpec"] = before.get("lastAppliedSpec", "")
    kept = [condition] if old.get("reason") != phase else before["conditions"]
    return {**status, "phase": phase, "lastTransitionTime": stamp, "conditions": kept}


def synced(canary: Object, phase: str, spec: str, stamp: str) -> dict[str, Any]:
    """The status at the start of a phase: nothing counted, and the target's revision noted."""
    status = {**with_phase(canary, phase, stamp), "canaryWeight": 0, "failedChecks": 0, "iterations": 0}
    status["lastAppliedSpec"] = spec
    return status | ({"lastPromotedSpec": spec} if phase == "Initialized" else {})


def changed_since(canary: Object, target: Object) -> bool:
    """Whether the target is neither what was promoted last nor what was looked at last."""
    status, now = canary.get("status") or {}, revision(target)
    known = status.get("lastAppliedSpec")
    return not known or now not in (status.get("lastPromotedSpec"), known)


def not_ready(deployment: Object) -> str:
    """What is missing until a Deployment is up, in Flagger's words; "" where nothing is."""
    status, wanted = deployment.get("status") or {}, int(deployment["spec"].get("replicas", 1))
    updated, total = int(status.get("updatedReplicas") or 0), int(status.get("replicas") or 0)
    available = int(status.get("availableReplicas") or 0)
    head = "waiting for rollout to finish: "
    if int(status.get("observedGeneration") or 0) < generation_of(deployment):
        return f"{head}observed deployment generation less than desired generation"
    if updated < wanted:
        return f"{head}{updated} out of {wanted} new replicas have been updated"
    if total > updated:
        return f"{head}{total - updated} old replicas are pending termination"
    if available < updated:
        return f"{head}{available} of {updated} (readyThreshold 100%) updated replicas are available"
    return ""
