"""What a kubelet reports of a pod."""

from collections.abc import Iterable
from typing import Any

from sandbox.kubelet.container import Container
from sandbox.kubelet.pod import PodRun
from sandbox.meta import condition, deleting, generation_of

_OWN = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady")


def status_of(run: PodRun) -> dict[str, Any]:
    """The status as it is now, with the conditions that others (the scheduler) have set."""
    old = run.object.get("status") or {}
    initialized = all(map(_initialized, run.inits))
    phase = _phase(run, initialized)
    status: dict[str, Any] = {
        "observedGeneration": generation_of(run.object),
        "phase": phase,
        "conditions": _conditions(run, phase, initialized),
        "hostIP": run.node.address,
        "hostIPs": [{"ip": run.node.address}],
        "startTime": run.began,
    }
    if run.failed and run.failed[0]:
        status["reason"], status["message"] = run.failed
    if run.address:
        status["podIP"], status["podIPs"] = run.address, [{"ip": run.address}]
    if run.inits:
        status["initContainerStatuses"] = [item.status("PodInitializing") for item in run.inits]
    waiting = "ContainerCreating" if initialized else "PodInitializing"
    status["containerStatuses"] = [item.status(waiting) for item in run.mains]
    if "qosClass" in old:
        status["qosClass"] = old["qosClass"]
    return status


def _initialized(container: Container) -> bool:
    if container.sidecar:
        return container.started
    return container.terminated is not None and container.terminated["exitCode"] == 0


def _phase(run: PodRun, initialized: bool) -> str:
    if run.failed is not None:
        return "Failed"
    if not initialized and not deleting(run.object):
        return "Pending"
    ended = [item.terminated for item in run.mains if item.terminated and item.final]
    if len(ended) == len(run.mains):
        return "Failed" if any(item["exitCode"] for item in ended) else "Succeeded"
    begun = any(item.running or item.terminated or item.last for item in run.mains)
    return "Running" if begun else "Pending"


def _conditions(run: PodRun, phase: str, initialized: bool) -> list[dict[str, Any]]:
    over = phase in ("Succeeded", "Failed")
    containers = [*run.mains, *(item for item in run.inits if item.sidecar)]
    ready = initialized and not over and all(item.ready for item in containers)
    unready = (_reason(phase, "ContainersNotReady"), _words(over, "unready status", run.mains))
    incomplete = (_reason(phase, "ContainersNotInitialized"), _words(over, "incomplete status", run.inits))
    gate = _closed_gate(run) if ready else ""
    held = ("ReadinessGatesNotReady", gate) if gate else unready
    fresh = [
        _condition(run, "PodReadyToStartContainers", bool(run.address) and not over, "", ""),
        _condition(run, "Initialized", initialized or phase == "Succeeded", *incomplete),
        _condition(run, "Ready", ready and not gate, *held),
        _condition(run, "ContainersReady", ready, *unready),
    ]
    others = (run.object.get("status") or {}).get("conditions") or ()
    return [*fresh, *(item for item in others if item["type"] not in _OWN)]


def _reason(phase: str, reason: str) -> str:
    return {"Succeeded": "PodCompleted", "Failed": "PodFailed"}.get(phase, reason)


def _words(over: bool, what: str, containers: Iterable[Container]) -> str:
    names = [item.name for item in containers if not (item.ready or (item.init and _initialized(item)))]
    return "" if over else f"containers with {what}: [{' '.join(names)}]"


def _condition(run: PodRun, kind: str, holds: bool, reason: str, message: str) -> dict[str, Any]:
    old = condition(run.object, kind)
    value = "True" if holds else "False"
    since = old["lastTransitionTime"] if old and old["status"] == value else run.stamp()
    fresh = {
        "type": kind,
        "observedGeneration": generation_of(run.object),
        "status": value,
        "lastProbeTime": None,
        "lastTransitionTime": since,
    }
    if not holds:
        fresh |= {name: text for name, text in (("reason", reason), ("message", message)) if text}
    return fresh


def _closed_gate(run: PodRun) -> str:
    """Words on a readiness gate that is not open, or ""."""
    for gate in run.object["spec"].get("readinessGates") or ():
        found = condition(run.object, gate["conditionType"])
        if not found or found["status"] != "True":
            name = gate["conditionType"]
            return f'corresponding condition of pod readiness gate "{name}" does not exist or is not True.'
    return ""
