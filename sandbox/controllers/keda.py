"""KEDA's operator: it keeps the HPA of a ScaledObject, and scales to and from zero, which no HPA can."""

from typing import Any

from sandbox import scalers
from sandbox.controllers.base import Controller
from sandbox.meta import NamespacedName, Object, annotations_of, changed, deleting, labels_of

_HPA = "autoscaling/HorizontalPodAutoscaler"
_POLL, _COOLDOWN = 2.0, 5.0
_COMPONENT = "keda-operator"
_READY = ("True", "ScaledObjectReady", "ScaledObject is defined correctly and is ready for scaling")
_PAUSED = ("True", "ScaledObjectPaused", "ScaledObject is paused")
_UNPAUSED = ("False", "ScaledObjectUnpaused", "pause annotation removed for ScaledObject")
_NO_FALLBACK = ("False", "NoFallbackFound", "No fallbacks are active on this scaled object")
_ACTIVE = ("True", "ScalerActive", "Scaling is performed because triggers are active")
_INACTIVE = ("False", "ScalerNotActive", "Scaling is not performed because triggers are not active")
_COOLING = ("False", "ScalerCooldown", "Scaler cooling down because triggers are not active")
_FAILING = ("False", "TriggerError", "Triggers defined in ScaledObject are not working correctly")
_Verdict = tuple[str, ...]


class ScaledObjectController(Controller):
    kind = "keda.sh/ScaledObject"

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._awake: dict[NamespacedName, float] = {}

    def sync(self, key: NamespacedName) -> float | None:
        scaled = self.view.get(self.kind, key)
        if scaled is None or deleting(scaled):
            self._awake.pop(key, None)
            return None
        if labels_of(scaled).get(scalers.LABEL) != key.name:
            fresh = changed(scaled)
            fresh["metadata"]["labels"] = {**labels_of(scaled), scalers.LABEL: key.name}
            self.cluster.hands.update(fresh)
            return _POLL
        before = scaled.get("status") or {}
        status = self._status(scaled, key, before)
        if status != before:
            self.cluster.hands.update_status(changed(scaled, status=status))
        self._tell(scaled, before, status)
        return _POLL

    def _status(self, scaled: Object, key: NamespacedName, before: dict[str, Any]) -> dict[str, Any]:
        verdicts = _verdicts(before)
        version, kind, name = scalers.target_of(scaled)
        group = version.rpartition("/")[0]
        target = self.view.get(f"{group}/{kind}" if group else kind, NamespacedName(key.namespace, name))
        trouble = _trouble(scaled, target, name)
        if target is None or trouble:
            words = f"ScaledObject doesn't have correct scaleTargetRef specification: {trouble}"
            verdicts |= {
                "Ready": ("False", "ScaledObjectCheckFailed", words),
                "Active": ("Unknown", "UnknownState", "ScaledObject check failed"),
            }
            return {**before, "conditions": _conditions(verdicts)}
        status = {**before, **_about(scaled, target)}
        said = annotations_of(scaled)
        if said.get(scalers.PAUSED) == "true" or scalers.PAUSED_REPLICAS in said:
            status |= self._paused(scaled, target, verdicts)
        else:
            self._keep_hpa(scaled)
            if verdicts["Paused"][0] == "True":
                verdicts["Paused"] = _UNPAUSED
                status.pop("pausedReplicaCount", None)
            status |= self._scaled(scaled, key, target, verdicts)
        return {**status, "conditions": _conditions(verdicts)}

    def _paused(self, scaled: Object, target: Object, verdicts: dict[str, _Verdict]) -> dict[str, Any]:
        hpa = self.view.get(_HPA, NamespacedName(scaled["metadata"]["namespace"], scalers.hpa_name(scaled)))
        if hpa is not None:
            self.cluster.hands.delete(hpa)
        verdicts |= {"Paused": _PAUSED, "Ready": _READY}
        wanted = annotations_of(scaled).get(scalers.PAUSED_REPLICAS, "")
        if not wanted.isdigit():
            return {}
        self._scale(target, int(wanted))
        return {"pausedReplicaCount": int(wanted)}

    def _keep_hpa(self, scaled: Object) -> None:
        wanted = scalers.hpa_of(scaled)
        found = self.view.get(_HPA, NamespacedName(wanted["metadata"]["namespace"], wanted["metadata"]["name"]))
        if found is None:
            self.cluster.hands.create(wanted)
            self._say(scaled, "Normal", "KEDAScalersStarted", "Started scalers watch")
        elif any(found["spec"].get(name) != value for name, value in wanted["spec"].items()):
            self.cluster.hands.update(changed(found, spec={**found["spec"], **wanted["spec"]}))

    def _scaled(
        self, scaled: Object, key: NamespacedName, target: Object, verdicts: dict[str, _Verdict]
    ) -> dict[str, Any]:
        """Decides between zero and more; what is above one is the HPA's."""
        current, failing = _replicas(target), annotations_of(scaled).get(scalers.FAIL, "")
        on = {} if failing else {place: _on(scaled, place) for place in range(len(scalers.triggers_of(scaled)))}
        verdicts |= {"Ready": _FAILING if failing else _READY, "Fallback": _NO_FALLBACK}
        if annotations_of(scaled).get(scalers.FORCED) == "true" or _wakes(scaled, on, current):
            verdicts["Active"] = _ACTIVE
            self._awake[key] = self.cluster.clock.seconds()
            self._wake(scaled, target, current)
        else:
            verdicts["Active"] = _INACTIVE if failing else self._sleep(scaled, key, target, current)
        if failing:
            self._say(scaled, "Warning", "KEDAScalerFailed", failing)
        return _activity(scaled, on, failing=bool(failing))

    def _wake(self, scaled: Object, target: Object, current: int) -> None:
        least, idle = scaled["spec"].get("minReplicaCount") or 0, scaled["spec"].get("idleReplicaCount")
        if current == 0 or (idle is not None and current < least):
            wanted = max(least, 1)
            types = ",".join(item["type"] for item in scalers.triggers_of(scaled))
            words = f"Scaled {_named(target)} from {current} to {wanted}, triggered by {types}"
            self._say(scaled, "Normal", "KEDAScaleTargetActivated", words)
            self._scale(target, wanted)

    def _sleep(self, scaled: Object, key: NamespacedName, target: Object, current: int) -> _Verdict:
        spec = scaled["spec"]
        least, idle = spec.get("minReplicaCount") or 0, spec.get("idleReplicaCount")
        if (least == 0 or idle is not None) and current > (idle or 0):
            cooldown = min(_COOLDOWN, float(spec.get("cooldownPeriod") or 300))
            if self.cluster.clock.seconds() - self._awake.get(key, float("-inf")) < cooldown:
                return _COOLING
            words = f"Deactivated {_named(target)} from {current} to {idle or 0}"
            self._say(scaled, "Normal", "KEDAScaleTargetDeactivated", words)
            self._scale(target, idle or 0)
        elif idle is None and current < least:
            self._scale(target, least)
        return _INACTIVE

    def _scale(self, target: Object, wanted: int) -> None:
        if _replicas(target) != wanted:
            self.cluster.hands.update(changed(target, spec={**target["spec"], "replicas": wanted}), "scale")

    def _tell(self, scaled: Object, before: dict[str, Any], after: dict[str, Any]) -> None:
        """Events of what turned."""
        old, new = _verdicts(before), _verdicts(after)
        if new["Ready"][0] == "True" and old["Ready"][0] != "True":
            self._say(scaled, "Normal", "ScaledObjectReady", "ScaledObject is ready for scaling")
        if new["Ready"][0] == "False" and old["Ready"][0] != "False" and new["Ready"][1] == "ScaledObjectCheckFailed":
            self._say(scaled, "Warning", *new["Ready"][1:])
        if new["Paused"] != old["Paused"] and len(new["Paused"]) == 3:
            self._say(scaled, "Normal", *new["Paused"][1:])

    def _say(self, scaled: Object, kind: str, reason: str, message: str) -> None:
        self.cluster.hands.event(scaled, kind, reason, message, _COMPONENT)


def _trouble(scaled: Object, target: Object | None, name: str) -> str:
    """Why it cannot be scaled, or ""."""
    least, most = (scaled["spec"].get(f"{end}ReplicaCount") for end in ("min", "max"))
    if not name:
        return "ScaledObject.spec.scaleTargetRef.name is missing"
    if target is None:
        version, kind, _ = scalers.target_of(scaled)
        group = version.rpartition("/")[0]
        return f'{kind.lower()}s{"." + group if group else ""} "{name}" not found'
    if least is not None and most is not None and least > most:
        return f"MinReplicaCount={least} must be less than MaxReplicaCount={most}"
    return ""


def _about(scaled: Object, target: Object) -> dict[str, Any]:
    """What the status tells of the target and the triggers."""
    group, _, version = target["apiVersion"].rpartition("/")
    kind, triggers = target["kind"], scalers.triggers_of(scaled)
    status: dict[str, Any] = {
        "scaleTargetKind": f"{target['apiVersion']}.{kind}",
        "scaleTargetGVKR": {"group": group, "version": version, "kind": kind, "resource": f"{kind.lower()}s"},
        "originalReplicaCount": (scaled.get("status") or {}).get("originalReplicaCount", _replicas(target)),
        "hpaName": scalers.hpa_name(scaled),
        "triggersTypes": ",".join(item["type"] for item in triggers),
        "externalMetricNames": scalers.external_names(scaled),
        "resourceMetricNames": [item["type"] for item in triggers if scalers.of_pods(item)],
    }
    return {name: value for name, value in status.items() if value != []}


def _on(scaled: Object, place: int) -> bool:
    trigger = scalers.triggers_of(scaled)[place]
    return scalers.of_pods(trigger) or scalers.value_of(scaled, place) > scalers.activation(trigger)


def _wakes(scaled: Object, on: dict[int, bool], current: int) -> bool:
    """Whether anything is to be done; processor and memory alone never wake a target that sleeps."""
    triggers = scalers.triggers_of(scaled)
    return any(active and (not scalers.of_pods(triggers[place]) or current > 0) for place, active in on.items())


def _activity(scaled: Object, on: dict[int, bool], *, failing: bool) -> dict[str, Any]:
    outer = {
        scalers.metric_name(place, item): on.get(place, False)
        for place, item in enumerate(scalers.triggers_of(scaled))
        if not scalers.of_pods(item)
    }
    if not outer:
        return {}
    health = {"numberOfFailures": int(failing), "status": "Failing" if failing else "Happy"}
    return {
        "triggersActivity": {name: {"isActive": active} for name, active in outer.items()},
        "health": dict.fromkeys(outer, health),
    }


def _verdicts(status: dict[str, Any]) -> dict[str, _Verdict]:
    """Status, reason and message by the condition's type."""
    known = {
        item["type"]: (item["status"], *((item["reason"], item.get("message", "")) if item.get("reason") else ()))
        for item in status.get("conditions") or ()
    }
    first: dict[str, _Verdict] = {"Ready": ("Unknown",), "Active": ("Unknown",), "Fallback": ("Unknown",)}
    return {**first, "Paused": ("False",), **known}


def _conditions(verdicts: dict[str, _Verdict]) -> list[dict[str, str]]:
    return [
        {"type": kind, **dict(zip(("status", "reason", "message"), verdicts[kind], strict=False))}
        for kind in ("Ready", "Active", "Fallback", "Paused")
    ]


def _replicas(target: Object) -> int:
    found = target["spec"].get("replicas")
    return 1 if found is None else int(found)


def _named(target: Object) -> str:
    metadata = target["metadata"]
    return f"{target['apiVersion']}.{target['kind']} {metadata['namespace']}/{metadata['name']}"
