"""HorizontalPodAutoscalers: bounds are kept at once, resource metrics follow from the pods' behaviour."""

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from kube_schema.quantity import parse
from sandbox import scalers
from sandbox.cluster import SimulatedCluster
from sandbox.controllers.base import Controller
from sandbox.controllers.rolling import name_of, replicas_of
from sandbox.errors import ApiError
from sandbox.meta import (
    NamespacedName,
    Object,
    changed,
    deleting,
    is_active,
    is_ready,
    key_of,
    kind_of,
    labels_of,
    matches,
    with_condition,
)
from sandbox.placement import requests_of

_SCALED = "keda.sh/ScaledObject"
_PERIOD = 15.0
_TOLERANCE = 0.1
_COMPONENT = "horizontal-pod-autoscaler"
_STABLE = 300.0


class MetricMissing(Exception):
    """`reason` is that of the condition ScalingActive."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Proposal(NamedTuple):
    """The wanted number of replicas and what was measured."""

    replicas: int
    current: list[dict[str, Any]]
    name: str


def target_of(autoscaler: Object) -> tuple[str, NamespacedName]:
    reference = autoscaler["spec"]["scaleTargetRef"]
    group = str(reference.get("apiVersion", "")).rpartition("/")[0]
    kind = f"{group}/{reference['kind']}" if group else str(reference["kind"])
    return kind, NamespacedName(autoscaler["metadata"]["namespace"], str(reference["name"]))


def bounds_of(autoscaler: Object) -> tuple[int, int]:
    spec = autoscaler["spec"]
    return int(spec.get("minReplicas") or 1), int(spec["maxReplicas"])


class HorizontalPodAutoscalerController(Controller):
    kind = "autoscaling/HorizontalPodAutoscaler"

    def __init__(self, cluster: SimulatedCluster) -> None:
        super().__init__(cluster)
        self._targets: dict[tuple[str, NamespacedName], NamespacedName] = {}
        self._wishes: dict[NamespacedName, list[tuple[float, int]]] = {}

    def concerned(self, event: str, obj: Object, old: Object | None) -> Iterable[NamespacedName]:
        kind = kind_of(obj)
        if kind == self.kind:
            if event == "DELETED":
                self._targets.pop(target_of(obj), None)
                self._wishes.pop(key_of(obj), None)
            else:
                self._targets[target_of(obj)] = key_of(obj)
            if old is None or old["spec"] != obj["spec"]:
                yield key_of(obj)
        elif self._targets and (kind, key_of(obj)) in self._targets and _resized(old, obj):
            yield self._targets[kind, key_of(obj)]

    def sync(self, key: NamespacedName) -> float | None:
        autoscaler = self.view.get(self.kind, key)
        if autoscaler is None or deleting(autoscaler):
            return None
        kind, target_key = target_of(autoscaler)
        target = self.view.get(kind, target_key)
        status = _Status(autoscaler, self.cluster)
        if target is None:
            plural = kind.rpartition("/")[2].lower() + "s"
            group = kind.rpartition("/")[0]
            words = f'{plural}{"." + group if group else ""} "{target_key.name}" not found'
            message = f"the HPA controller was unable to get the target's current scale: {words}"
            status.set("AbleToScale", "False", "FailedGetScale", message)
            self._say(autoscaler, "FailedGetScale", words)
        else:
            self._scale(autoscaler, target, status)
        status.write()
        return _PERIOD

    def _scale(self, autoscaler: Object, target: Object, status: "_Status") -> None:
        able = "the HPA controller was able to get the target's current scale"
        status.set("AbleToScale", "True", "SucceededGetScale", able)
        current, (least, most) = replicas_of(target), bounds_of(autoscaler)
        status.counts(current, current)
        if current == 0:
            words = "scaling is disabled since the replica count of the target is zero"
            status.set("ScalingActive", "False", "ScalingDisabled", words)
            status.counts(0, 0)
        elif current > most:
            self._rescale(autoscaler, target, status, most, "Current number of replicas above Spec.MaxReplicas")
        elif current < least:
            self._rescale(autoscaler, target, status, least, "Current number of replicas below Spec.MinReplicas")
        else:
            self._follow_metrics(autoscaler, target, status)

    def _follow_metrics(self, autoscaler: Object, target: Object, status: "_Status") -> None:
        current, (least, most) = replicas_of(target), bounds_of(autoscaler)
        try:
            proposal = self._proposal(autoscaler, target, current)
        except MetricMissing as error:
            words = f"the HPA was unable to compute the replica count: {error}"
            status.set("ScalingActive", "False", error.reason, words)
            self._say(autoscaler, error.reason, str(error))
            return
        words = f"the HPA was able to successfully calculate a replica count from {proposal.name}"
        status.set("ScalingActive", "True", "ValidMetricFound", words)
        status.metrics(proposal.current)
        stable = self._stabilised(autoscaler, proposal.replicas, current)
        if stable == proposal.replicas:
            status.set("AbleToScale", "True", "ReadyForNewScale", "recommended size matches current size")
        else:
            words = "recent recommendations were higher than current one, applying the highest recent recommendation"
            status.set("AbleToScale", "True", "ScaleDownStabilized", words)
        wanted = max(least, min(stable, most))
        status.limited(stable, least, most)
        if wanted != current:
            way = "above" if wanted > current else "below"
            reason = f"{proposal.name} {way} target" if way == "above" else "All metrics below target"
            self._rescale(autoscaler, target, status, wanted, reason)

    def _stabilised(self, autoscaler: Object, wished: int, current: int) -> int:
        """The highest wish of the last five minutes, so that it never shrinks in haste."""
        now, key = self.cluster.clock.seconds(), key_of(autoscaler)
        rules = (autoscaler["spec"].get("behavior") or {}).get("scaleDown") or {}
        window = rules.get("stabilizationWindowSeconds")
        limit = now - (_STABLE if window is None else float(window))
        kept = [wish for wish in self._wishes.get(key, [(now, current)]) if wish[0] >= limit]
        self._wishes[key] = [*kept, (now, wished)]
        return max(wish for _, wish in self._wishes[key])

    def _rescale(self, autoscaler: Object, target: Object, status: "_Status", size: int, reason: str) -> None:
        try:
            self.cluster.hands.update(changed(target, spec={**target["spec"], "replicas": size}), "scale")
        except ApiError as error:
            words = f"the HPA controller was unable to update the target scale: {error.message}"
            status.set("AbleToScale", "False", "FailedUpdateScale", words)
            self._say(autoscaler, "FailedRescale", f"New size: {size}; reason: {reason}; error: {error.message}")
            return
        words = f"the HPA controller was able to update the target scale to {size}"
        status.set("AbleToScale", "True", "SucceededRescale", words)
        status.rescaled(size)
        message = f"New size: {size}; reason: {reason}"
        self.cluster.hands.event(autoscaler, "Normal", "SuccessfulRescale", message, _COMPONENT)

    def _say(self, autoscaler: Object, reason: str, message: str) -> None:
        self.cluster.hands.event(autoscaler, "Warning", reason, message, _COMPONENT)

    def _proposal(self, autoscaler: Object, target: Object, current: int) -> Proposal:
        metrics = autoscaler["spec"].get("metrics") or [_default_metric()]
        pods = self._pods(target)
        found = [self._measure(metric, pods, current) for metric in metrics]
        best = max(found, key=lambda proposal: proposal.replicas)
        return Proposal(best.replicas, [item for proposal in found for item in proposal.current], best.name)

    def _pods(self, target: Object) -> list[Object]:
        selector = target["spec"].get("selector")
        everyone = self.view.all("Pod", target["metadata"]["namespace"])
        return [pod for pod in everyone if is_active(pod) and matches(selector, labels_of(pod))]

    def _measure(self, metric: dict[str, Any], pods: list[Object], current: int) -> Proposal:
        if metric["type"] == "External":
            return self._external(metric["external"], pods, current)
        if metric["type"] != "Resource":
            words = f"the sandbox has no metrics of type {metric['type']}"
            raise MetricMissing(f"FailedGet{metric['type']}Metric", words)
        source = metric["resource"]
        resource, target = source["name"], source["target"]
        ready = [pod for pod in pods if is_ready(pod)]
        usage = [self.cluster.usage(pod, resource) for pod in ready]
        known = [used for used in usage if used is not None]
        head = f"failed to get {resource} utilization: "
        if not known:
            words = f"unable to get metrics for resource {resource}: no metrics returned from resource metrics API"
            raise MetricMissing("FailedGetResourceMetric", head + words)
        value = sum(known) / len(known)
        shown: dict[str, Any] = {"averageValue": _shown(resource, value)}
        if target["type"] == "Utilization":
            percent = 100 * sum(known) / _requested(ready, resource, head)
            shown["averageUtilization"] = int(percent)
            ratio = percent / target["averageUtilization"]
            name = f"{resource} resource utilization (percentage of request)"
        else:
            aim = parse(target["averageValue"]) * (1000 if resource == "cpu" else 1)
            ratio, name = value / float(aim), f"{resource} resource"
        wished = current if abs(ratio - 1) <= _TOLERANCE else math.ceil(ratio * len(ready))
        return Proposal(wished, [{"type": "Resource", "resource": {"name": resource, "current": shown}}], name)

    def _external(self, metric: dict[str, Any], pods: list[Object], current: int) -> Proposal:
        """A metric of KEDA's: what the ScaledObject of its selector says."""
        name, target = metric["metric"]["name"], metric["target"]
        labels = (metric["metric"].get("selector") or {}).get("matchLabels") or {}
        namespace = pods[0]["metadata"]["namespace"] if pods else ""
        scaled = self.view.get(_SCALED, NamespacedName(namespace, labels.get(scalers.LABEL, "")))
        value = scalers.measured(scaled, name) if scaled is not None else None
        if value is None:
            words = f"unable to get external metric {namespace}/{name}: no metrics returned from external metrics API"
            raise MetricMissing("FailedGetExternalMetric", words)
        average = target["type"] == "AverageValue"
        aim = float(parse(target["averageValue" if average else "value"])) * (current if average else 1)
        ratio, base = value / aim, current if average else len([pod for pod in pods if is_ready(pod)])
        wished = current if abs(ratio - 1) <= _TOLERANCE else math.ceil(ratio * base)
        shown = {"averageValue": f"{int(value * 1000 / current)}m"} if average else {"value": f"{int(value * 1000)}m"}
        reading = {"type": "External", "external": {"metric": metric["metric"], "current": shown}}
        return Proposal(wished, [reading], f"external metric {name}({_selector_text(labels)})")


def _selector_text(labels: dict[str, str]) -> str:
    """A selector as Go prints it."""
    pairs = "".join(f"{name}: {value}," for name, value in sorted(labels.items()))
    return (
        f"&LabelSelector{{MatchLabels:map[string]string{{{pairs}}},MatchExpressions:[]LabelSelectorRequirement{{}},}}"
    )


def _resized(old: Object | None, new: Object) -> bool:
    return old is None or old.get("spec", {}).get("replicas") != new.get("spec", {}).get("replicas")


def _default_metric() -> dict[str, Any]:
    target = {"type": "Utilization", "averageUtilization": 80}
    return {"type": "Resource", "resource": {"name": "cpu", "target": target}}


def _shown(resource: str, value: float) -> str:
    return f"{int(value)}m" if resource == "cpu" else str(int(value))


def _requested(pods: list[Object], resource: str, head: str) -> int:
    """What the pods ask for together, in millicores or bytes."""
    total = 0
    for pod in pods:
        asked = requests_of(pod)
        one = asked.cpu if resource == "cpu" else asked.memory
        if not one:
            container = pod["spec"]["containers"][0]["name"]
            words = f"missing request for {resource} in container {container} of Pod {name_of(pod)}"
            raise MetricMissing("FailedGetResourceMetric", head + words)
        total += one
    return total


class _Status:
    """The status of one autoscaler as it is being worked out."""

    def __init__(self, autoscaler: Object, cluster: SimulatedCluster) -> None:
        self._autoscaler, self._cluster = autoscaler, cluster
        self._before = autoscaler.get("status") or {}
        self._now = cluster.clock.moment()
        self._status: dict[str, Any] = {"desiredReplicas": 0, "currentMetrics": None, **self._before}
        self._conditions: list[dict[str, Any]] = list(self._before.get("conditions") or ())

    def set(self, kind: str, status: str, reason: str, message: str) -> None:
        """Sets a condition where it stood, so that the order stays."""
        fresh = {"type": kind, "status": status, "reason": reason, "message": message}
        made = with_condition(self._conditions, fresh, self._now)
        newest = {**next(item for item in made if item["type"] == kind), "message": message}
        if all(item["type"] != kind for item in self._conditions):
            self._conditions.append(newest)
        else:
            self._conditions = [newest if item["type"] == kind else item for item in self._conditions]

    def counts(self, current: int, desired: int) -> None:
        self._status |= {"currentReplicas": current, "desiredReplicas": desired}
        if not current:
            self._status.pop("currentReplicas")

    def metrics(self, current: list[dict[str, Any]]) -> None:
        self._status["currentMetrics"] = current

    def limited(self, wished: int, least: int, most: int) -> None:
        if wished > most:
            words = ("TooManyReplicas", "the desired replica count is more than the maximum replica count")
        elif wished < least:
            words = ("TooFewReplicas", "the desired replica count is less than the minimum replica count")
        else:
            words = ("DesiredWithinRange", "the desired count is within the acceptable range")
        self.set("ScalingLimited", "False" if words[0] == "DesiredWithinRange" else "True", *words)

    def rescaled(self, size: int) -> None:
        self._status |= {"desiredReplicas": size, "lastScaleTime": self._now.stamp}

    def write(self) -> None:
        wanted = {**self._status, "conditions": self._conditions}
        if wanted["currentMetrics"] is None:
            wanted["currentMetrics"] = [{"type": ""}] if self._before else None
        if wanted != self._before:
            self._cluster.hands.update_status(changed(self._autoscaler, status=wanted))
