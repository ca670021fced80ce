"""Whether an object without pods of its own is in order, as Argo CD and its own conditions have it. Pure."""

from collections.abc import Callable

from environments.kube.status.verdict import (
    Json,
    Verdict,
    condition,
    count,
    counted,
    holds,
    section,
    sentence,
    unseen,
)

HPA_FAILURES = frozenset({"FailedGetScale", "FailedUpdateScale", "FailedComputeMetricsReplicas", "InvalidSelector"})


def health(obj: Json) -> Verdict:
    """The verdict on any object; one that has nothing to say for itself is "done" once it is stored."""
    if section(obj, "metadata").get("deletionTimestamp") and obj.get("kind") != "Namespace":
        return Verdict("wait", unseen(obj))
    return JUDGES.get(obj.get("kind", ""), _by_conditions)(obj)


def _claim(obj: Json) -> Verdict:
    phase = section(obj, "status").get("phase", "Pending")
    if phase == "Bound":
        return Verdict("done", "the volume is bound")
    if phase == "Lost":
        return Verdict("fail", "the volume that the claim was bound to is gone")
    return Verdict(
        "wait", "no volume is bound yet; with some storage classes that comes with the first pod that uses it"
    )


def _ingress(obj: Json) -> Verdict:
    if addresses := _addresses(obj):
        return Verdict("done", f"reachable at {addresses}")
    return Verdict("wait", "no ingress controller has given it an address yet")


def _service(obj: Json) -> Verdict:
    if section(obj, "spec").get("type") != "LoadBalancer":
        return Verdict("done", "stored")
    if addresses := _addresses(obj):
        return Verdict("done", f"reachable at {addresses}")
    return Verdict("wait", "the load balancer has no address yet")


def _addresses(obj: Json) -> str:
    points = section(section(obj, "status"), "loadBalancer").get("ingress") or ()
    return ", ".join(str(p.get("hostname") or p.get("ip") or "an address") for p in points)


def _autoscaler(obj: Json) -> Verdict:
    status = section(obj, "status")
    failed = next((c for c in status.get("conditions") or () if _scaling_failed(c)), None)
    if failed:
        return Verdict("fail", f"the autoscaler cannot work: {sentence(failed.get('message') or failed['reason'])}")
    current, desired = count(status, "currentReplicas"), count(status, "desiredReplicas")
    if condition(status, "ScalingActive").get("reason") == "ScalingDisabled":
        return Verdict("suspended", "autoscaling is off while its target has 0 replicas")
    if not status.get("conditions"):
        return Verdict("wait", "the autoscaler has not looked at its target yet")
    limited = condition(status, "ScalingLimited")
    note = f"; {sentence(limited.get('message', ''))}" if limited.get("status") == "True" else ""
    return Verdict("done", f"{current} of {counted(desired, 'pod')} that the autoscaler wants{note}")


def _scaling_failed(one: Json) -> bool:
    reason = one.get("reason", "")
    metric = reason.startswith("FailedGet") and reason.endswith("Metric")
    return one.get("status") == "False" and (metric or reason in HPA_FAILURES)


def _definition(obj: Json) -> Verdict:
    status = section(obj, "status")
    names = condition(status, "NamesAccepted")
    if names.get("status") == "False":
        return Verdict("fail", f"its names are taken: {sentence(names.get('message', ''))}")
    if holds(status, "Established"):
        return Verdict("done", "the definition is established")
    return Verdict("wait", "the definition is not established yet")


def _namespace(obj: Json) -> Verdict:
    status = section(obj, "status")
    ending = section(obj, "metadata").get("deletionTimestamp") or status.get("phase") == "Terminating"
    if not ending:
        return Verdict("done", "the namespace is active")
    left = [sentence(c.get("message", "")) for c in status.get("conditions") or () if c.get("status") == "True"]
    return Verdict("wait", "; ".join(["the namespace is being deleted, nothing can be created in it", *left]))


def _budget(obj: Json) -> Verdict:
    status = section(obj, "status")
    if late := unseen(obj):
        return Verdict("wait", late)
    allowed = condition(status, "DisruptionAllowed")
    if allowed.get("reason") == "SyncFailed":
        return Verdict("fail", f"the budget cannot be worked out: {sentence(allowed.get('message', ''))}")
    healthy, needed = count(status, "currentHealthy"), count(status, "desiredHealthy")
    pods = counted(count(status, "disruptionsAllowed"), "pod")
    return Verdict("done", f"{pods} may be evicted now ({healthy} healthy, {needed} needed)")


def _pod(obj: Json) -> Verdict:
    status = section(obj, "status")
    phase = status.get("phase", "Pending")
    if phase == "Succeeded":
        return Verdict("done", "the pod has run to its end", 0, 0, 0)
    if phase == "Failed":
        return Verdict(
            "fail",
            f"the pod failed: {sentence(status.get('message') or status.get('reason') or 'no reason given')}",
            0,
            1,
            1,
        )
    ready = holds(status, "Ready")
    return Verdict(
        "done" if ready else "wait",
        "the pod is ready" if ready else f"the pod is {phase.lower()}, not ready",
        int(ready),
        1,
        1,
    )


def _by_conditions(obj: Json) -> Verdict:
    """What the objects of other controllers say by the conventional conditions Ready and Stalled."""
    status = section(obj, "status")
    stalled, ready = condition(status, "Stalled"), condition(status, "Ready")
    if stalled.get("status") == "True":
        return Verdict("fail", f"stalled: {sentence(stalled.get('message') or stalled.get('reason', ''))}")
    if ready.get("status", "True") == "True":
        return Verdict("done", "ready" if ready else "stored")
    return Verdict("wait", f"not ready: {sentence(ready.get('message') or ready.get('reason') or 'no reason given')}")


JUDGES: dict[str, Callable[[Json], Verdict]] = {
    "PersistentVolumeClaim": _claim,
    "Ingress": _ingress,
    "Service": _service,
    "HorizontalPodAutoscaler": _autoscaler,
    "CustomResourceDefinition": _definition,
    "Namespace": _namespace,
    "PodDisruptionBudget": _budget,
    "Pod": _pod,
}
