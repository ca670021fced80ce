"""VerticalPodAutoscalers: what they recommend beside what the release requests."""

from collections.abc import Mapping
from typing import Any, ClassVar

from environments.kube.autoscaling.base import (
    Autoscaler,
    AutoscalerState,
    Beside,
    Detail,
    Scaler,
    said,
)
from environments.kube.objects import Manifest, Ref, scale_target
from environments.kube.quantity import amount, quantity
from environments.kube.status.verdict import condition, section

MODES = {
    "Off": "only recommends",
    "Initial": "sets requests when a pod is made",
    "Recreate": "sets requests and evicts pods for that",
    "Auto": "sets requests and evicts pods for that",
    "InPlaceOrRecreate": "sets requests in place, or evicts pods",
}
NEAR = 0.1
RESOURCES = ("cpu", "memory")


class VerticalPodAutoscaler(Scaler):
    api_version: ClassVar[str] = "autoscaling.k8s.io/v1"
    kind: ClassVar[str] = "VerticalPodAutoscaler"

    def target(self, obj: Manifest) -> Ref:
        return scale_target(obj, "targetRef")

    def describe(self, obj: Manifest, beside: Beside) -> Autoscaler:
        mode = (section(obj, "spec").get("updatePolicy") or {}).get("updateMode") or "Auto"
        state, why = _state(obj)
        rows = _rows(obj, beside.requests)
        details = tuple(detail for detail, _ in rows)
        if state == "good" and any(detail.state != "good" for detail in details):
            state = "hold"
        words = why or "; ".join(off for _, off in rows if off) or "the requests are about right"
        return Autoscaler("VPA", obj["metadata"]["name"], f"{MODES.get(mode, mode)}: {words}", state, details)


def _state(obj: Manifest) -> tuple[AutoscalerState, str]:
    status = section(obj, "status")
    if condition(status, "ConfigUnsupported").get("status") == "True":
        return "fail", said(status, "ConfigUnsupported")
    if condition(status, "NoPodsMatched").get("status") == "True":
        return "wait", "no pod matches it yet"
    if not (status.get("recommendation") or {}).get("containerRecommendations"):
        return "wait", "no recommendation yet"
    return "good", ""


def _rows(obj: Manifest, requests: Mapping[str, Mapping[str, str]]) -> list[tuple[Detail, str]]:
    """Each container and resource, and what is off about its request ("" for nothing)."""
    found = (section(obj, "status").get("recommendation") or {}).get("containerRecommendations") or ()
    return [
        _row(each, resource, requests.get(each.get("containerName", ""), {}).get(resource))
        for each in found
        for resource in RESOURCES
        if (each.get("target") or {}).get(resource) is not None
    ]


def _row(each: Mapping[str, Any], resource: str, request: str | None) -> tuple[Detail, str]:
    container, target = each.get("containerName", ""), each["target"][resource]
    low, high = ((each.get(name) or {}).get(resource) for name in ("lowerBound", "upperBound"))
    bounds = f" ({amount(low, resource)} to {amount(high, resource)})" if low and high else ""
    label, advice = f"{container} {resource}", f"the recommended {amount(target, resource)}{bounds}"
    wanted, asked = quantity(target), quantity(request) if request is not None else None
    if not wanted or not asked:
        return Detail(label, f"requests nothing beside {advice}", "hold"), f"{label} requests nothing"
    off = difference(asked, wanted)
    words = f"requests {amount(request, resource)}, {off or 'about'} {advice}"
    return Detail(label, words, _grade(asked, low, high)), f"{label} {off}" if off else ""


def difference(asked: float, wanted: float) -> str:
    """ "150 % above", "40 % below"; "" within a tenth."""
    share = (asked - wanted) / wanted
    if abs(share) <= NEAR:
        return ""
    return f"{abs(share) * 100:.0f} % {'above' if share > 0 else 'below'}"


def _grade(asked: float, low: Any, high: Any) -> AutoscalerState:
    """Out of the bounds is to be looked at; below them pods may be starved."""
    least, most = quantity(low), quantity(high)
    if least is not None and asked < least:
        return "fail"
    return "hold" if most is not None and asked > most else "good"


SCALER = VerticalPodAutoscaler()
