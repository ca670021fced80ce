"""HorizontalPodAutoscalers: how many pods, by which metrics, and what limits them."""

from collections.abc import Mapping
from typing import Any, ClassVar

from environments.kube.autoscaling.base import Autoscaler, AutoscalerState, Beside, Detail, Scaler, said
from environments.kube.objects import Manifest
from environments.kube.quantity import amount, plain
from environments.kube.status.verdict import condition, count, counted, section, sentence

SOURCES = {
    "Resource": "resource",
    "ContainerResource": "containerResource",
    "Pods": "pods",
    "Object": "object",
    "External": "external",
}
KEDA = "scaledobject.keda.sh/name"
SELECTOR = "(&LabelSelector"


class HorizontalPodAutoscaler(Scaler):
    api_version: ClassVar[str] = "autoscaling/v2"
    kind: ClassVar[str] = "HorizontalPodAutoscaler"

    def describe(self, obj: Manifest, beside: Beside) -> Autoscaler:  # noqa: ARG002
        state, why = state_of(obj)
        line = pods_of(obj) + (f"; {why}" if why else "")
        return Autoscaler("HPA", obj["metadata"]["name"], line, state, (*metrics_of(obj), *_rules(obj)))


def pods_of(obj: Manifest) -> str:
    """ "4 of 5 wanted pods (2 to 10)"."""
    spec, status = section(obj, "spec"), section(obj, "status")
    current, desired = count(status, "currentReplicas"), count(status, "desiredReplicas")
    bounds = f"{spec.get('minReplicas', 1)} to {spec.get('maxReplicas', '?')}"
    if current == desired:
        return f"{counted(current, 'pod')}, as wanted ({bounds})"
    return f"{current} of {counted(desired, 'wanted pod')} ({bounds})"


def state_of(obj: Manifest) -> tuple[AutoscalerState, str]:
    """How it does, and what a person has to know of it."""
    status = section(obj, "status")
    if not status.get("conditions"):
        return "wait", "it has not looked at its target yet"
    if condition(status, "ScalingActive").get("reason") == "ScalingDisabled":
        return "hold", "it rests while its target has 0 replicas"
    for kind in ("AbleToScale", "ScalingActive"):
        if condition(status, kind).get("status") == "False":
            return "fail", f"it cannot scale: {_short(said(status, kind))}"
    limited = condition(status, "ScalingLimited")
    if limited.get("status") == "True":
        reasons = {"TooManyReplicas": "held at its maximum", "TooFewReplicas": "held at its minimum"}
        return "hold", reasons.get(limited.get("reason", ""), _short(said(status, "ScalingLimited")))
    return "good", ""


def metrics_of(obj: Manifest) -> tuple[Detail, ...]:
    """Each metric's value beside its target, in the order of the spec."""
    spec, status = section(obj, "spec"), section(obj, "status")
    current = {_name(each): each for each in status.get("currentMetrics") or () if each.get("type") in SOURCES}
    return tuple(_metric(each, current.get(_name(each))) for each in spec.get("metrics") or ())


def _source(metric: Mapping[str, Any]) -> Mapping[str, Any]:
    return metric.get(SOURCES.get(metric.get("type", ""), "")) or {}


def _name(metric: Mapping[str, Any]) -> str:
    source = _source(metric)
    name = source.get("name") or (source.get("metric") or {}).get("name") or metric.get("type", "")
    where = source.get("container") or (source.get("describedObject") or {}).get("name") or ""
    return f"{name} of {where}" if where else str(name)


def _metric(wanted: Mapping[str, Any], current: Mapping[str, Any] | None) -> Detail:
    target = _source(wanted).get("target") or {}
    resource = _source(wanted).get("name", "")
    now = (_source(current).get("current") or {}) if current else {}
    field, each = _measured(target)
    value, limit = now.get(field), target.get(field)
    if value is None:
        return Detail(_name(wanted), f"no value; wanted {_amount(field, limit, resource)}{each}", "fail")
    words = f"{_amount(field, value, resource)} of {_amount(field, limit, resource)}{each}"
    return Detail(_name(wanted), words)


def _measured(target: Mapping[str, Any]) -> tuple[str, str]:
    if target.get("type") == "Utilization":
        return "averageUtilization", " of the request"
    return ("value", "") if target.get("type") == "Value" else ("averageValue", " a pod")


def _amount(field: str, value: Any, resource: str) -> str:
    if field == "averageUtilization":
        return f"{value} %"
    return amount(value, resource) if resource else plain(value)


def _rules(obj: Manifest) -> tuple[Detail, ...]:
    behavior = section(obj, "spec").get("behavior") or {}
    found = (("Scaling up", behavior.get("scaleUp")), ("Scaling down", behavior.get("scaleDown")))
    return tuple(Detail(label, _rule(rules)) for label, rules in found if rules)


def _rule(rules: Mapping[str, Any]) -> str:
    if rules.get("selectPolicy") == "Disabled":
        return "off"
    words = [_policy(each) for each in rules.get("policies") or ()]
    least = "the least of " if rules.get("selectPolicy") == "Min" and len(words) > 1 else ""
    after = rules.get("stabilizationWindowSeconds")
    wait = f", after {after} s" if after else ""
    return f"{least}{' or '.join(words) or 'as the cluster does'}{wait}"


def _policy(each: Mapping[str, Any]) -> str:
    what = f"{each.get('value')} %" if each.get("type") == "Percent" else counted(int(each.get("value", 0)), "pod")
    return f"{what} in {each.get('periodSeconds')} s"


def _short(words: str) -> str:
    """Without the selector that the controller prints as Go has it."""
    head, found, rest = words.partition(SELECTOR)
    return sentence(head + rest.partition(")")[2]) if found else words


SCALER = HorizontalPodAutoscaler()
