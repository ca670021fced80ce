"""VerticalPodAutoscalers: recommendations from what the pods use now. Nothing is evicted."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from kube_schema.quantity import parse, text
from sandbox.controllers.base import Controller
from sandbox.meta import NamespacedName, Object, changed, deleting, is_active, labels_of, matches

_POLL, _MARGIN = 5.0, 1.15
_LEAST = {"cpu": 0.025, "memory": 250.0 * 2**20}
_PROVIDED, _NO_PODS, _UNSUPPORTED = "RecommendationProvided", "NoPodsMatched", "ConfigUnsupported"
_Usage = dict[str, dict[str, float]]


class VerticalPodAutoscalerController(Controller):
    kind = "autoscaling.k8s.io/VerticalPodAutoscaler"

    def sync(self, key: NamespacedName) -> float | None:
        autoscaler = self.view.get(self.kind, key)
        if autoscaler is None or deleting(autoscaler):
            return None
        before = autoscaler.get("status") or {}
        verdicts, usage = self._seen(autoscaler)
        status = {**before, "conditions": self._conditions(before, verdicts)}
        if usage:
            found = (recommendation(autoscaler, name, usage[name], len(usage)) for name in sorted(usage))
            status["recommendation"] = {"containerRecommendations": [item for item in found if item]}
        if status != before:
            self.cluster.hands.update_status(changed(autoscaler, status=status))
        return _POLL

    def _seen(self, autoscaler: Object) -> tuple[dict[str, tuple[str, str, str]], _Usage]:
        """What the conditions say, and what each container uses."""
        reference = (autoscaler.get("spec") or {}).get("targetRef")
        target = self._target(autoscaler, reference) if reference else None
        if target is None:
            words = "Cannot read targetRef. Reason: " + (_missing(reference) if reference else "targetRef not defined")
            return {_UNSUPPORTED: ("True", "", words), _PROVIDED: ("False", "", "")}, {}
        pods = self._pods(target)
        if not pods:
            words = "No pods match this VPA object"
            return {_NO_PODS: ("True", _NO_PODS, words), _PROVIDED: ("False", _NO_PODS, words)}, {}
        usage = self._usage(pods)
        return {_PROVIDED: ("True" if usage else "False", "", "")}, usage

    def _target(self, autoscaler: Object, reference: Mapping[str, Any]) -> Object | None:
        group = str(reference.get("apiVersion", "")).rpartition("/")[0]
        kind = f"{group}/{reference['kind']}" if group else str(reference["kind"])
        return self.view.get(kind, NamespacedName(autoscaler["metadata"]["namespace"], str(reference["name"])))

    def _pods(self, target: Object) -> list[Object]:
        selector, namespace = target["spec"].get("selector"), target["metadata"]["namespace"]
        return [pod for pod in self.view.all("Pod", namespace) if is_active(pod) and matches(selector, labels_of(pod))]

    def _usage(self, pods: list[Object]) -> _Usage:
        """The highest use of each container by any pod of which all containers run: cores and bytes."""
        highest: _Usage = {}
        for pod in pods:
            containers, behaviours = pod["spec"]["containers"], self.cluster.behaviours(pod)
            if len(containers) == len(behaviours):
                for container, behaviour in zip(containers, behaviours, strict=True):
                    known = highest.setdefault(container["name"], {"cpu": 0.0, "memory": 0.0})
                    known["cpu"] = max(known["cpu"], behaviour.cpu_millicores / 1000)
                    known["memory"] = max(known["memory"], behaviour.memory_mib * 2.0**20)
        return highest

    def _conditions(
        self, before: Mapping[str, Any], verdicts: Mapping[str, tuple[str, str, str]]
    ) -> list[dict[str, str]]:
        old = {(item["type"], item["status"]): item["lastTransitionTime"] for item in before.get("conditions") or ()}
        now = self.cluster.clock.moment().stamp
        return [
            {
                "type": kind,
                "status": status,
                "lastTransitionTime": old.get((kind, status), now),
                **({"reason": reason} if reason else {}),
                **({"message": message} if message else {}),
            }
            for kind, (status, reason, message) in verdicts.items()
        ]


def _missing(reference: Mapping[str, Any]) -> str:
    group = str(reference.get("apiVersion", "")).rpartition("/")[0]
    return f'{reference["kind"].lower()}s{"." + group if group else ""} "{reference["name"]}" not found'


def recommendation(autoscaler: Object, name: str, usage: Mapping[str, float], containers: int) -> dict[str, Any] | None:
    """What a container should ask for: cores and bytes, within what its policy allows. None where that is "Off"."""
    policy = _policy(autoscaler, name)
    if policy.get("mode") == "Off":
        return None
    found: dict[str, Any] = {"containerName": name}
    for resource in policy.get("controlledResources") or ("cpu", "memory"):
        target = max(usage[resource] * _MARGIN, _LEAST[resource] / containers)
        for bound, share in (("lowerBound", 0.8), ("target", 1.0), ("upperBound", 1.6)):
            found.setdefault(bound, {})[resource] = _capped(_quantity(resource, target * share), resource, policy)
        found.setdefault("uncappedTarget", {})[resource] = _quantity(resource, target)
    return found


def _policy(autoscaler: Object, name: str) -> Mapping[str, Any]:
    policies = (autoscaler["spec"].get("resourcePolicy") or {}).get("containerPolicies") or ()
    named = {item.get("containerName"): item for item in policies}
    return named.get(name) or named.get("*") or {}


def _quantity(resource: str, value: float) -> str:
    if resource == "cpu":
        return text(Decimal(int(round(value * 1000, 6))) / 1000)
    return text(Decimal(int(value)))


def _capped(quantity: str, resource: str, policy: Mapping[str, Any]) -> str:
    least, most = ((policy.get(name) or {}).get(resource) for name in ("minAllowed", "maxAllowed"))
    if least is not None and parse(quantity) < parse(least):
        return str(least)
    return str(most) if most is not None and parse(quantity) > parse(most) else quantity
