"""The status of a Deployment: counters, availability, progress and its deadline. Pure."""

from collections.abc import Sequence
from typing import Any

from sandbox.clock import Moment
from sandbox.controllers.rolling import available, fenceposts, name_of, replicas_of, total
from sandbox.meta import Object, condition, generation_of, set_counts, with_condition, without_condition

NO_DEADLINE = 2**31 - 1
AVAILABLE, COMPLETE, TIMED_OUT = "Available", "NewReplicaSetAvailable", "ProgressDeadlineExceeded"
Status = dict[str, Any]


def deadline_of(deployment: Object) -> int | None:
    """progressDeadlineSeconds, or None where there is none."""
    seconds = int(deployment["spec"].get("progressDeadlineSeconds", 600))
    return None if seconds == NO_DEADLINE else seconds


def count(status: Status, name: str) -> int:
    return int(status.get(name) or 0)


def progressing(status: str, reason: str, message: str) -> dict[str, Any]:
    return {"type": "Progressing", "status": status, "reason": reason, "message": message}


def counted(deployment: Object, replica_sets: Sequence[Object], new: Object | None, now: Moment) -> Status:
    """The counters that the ReplicaSets add up to, and the condition Available."""
    statuses = [item.get("status") or {} for item in replica_sets]
    before = deployment.get("status") or {}
    sums = {name: sum(count(status, name) for status in statuses) for name in ("replicas", "readyReplicas")}
    ready = sum(map(available, replica_sets))
    status: Status = {"observedGeneration": generation_of(deployment)}
    updated = count((new or {}).get("status") or {}, "replicas")
    missing = max(0, total(replica_sets) - ready)
    status = set_counts(status, **sums, updatedReplicas=updated, availableReplicas=ready, unavailableReplicas=missing)
    status["terminatingReplicas"] = sum(count(item, "terminatingReplicas") for item in statuses)
    if "collisionCount" in before:
        status["collisionCount"] = before["collisionCount"]
    enough = ready >= replicas_of(deployment) - fenceposts(deployment)[1]
    status["conditions"] = with_condition(before.get("conditions") or (), _availability(enough), now, dated=True)
    return status


def _availability(enough: bool) -> dict[str, Any]:
    words = "has minimum availability" if enough else "does not have minimum availability"
    return {
        "type": AVAILABLE,
        "status": "True" if enough else "False",
        "reason": f"MinimumReplicas{'Available' if enough else 'Unavailable'}",
        "message": f"Deployment {words}.",
    }


def is_complete(deployment: Object, status: Status) -> bool:
    wanted = replicas_of(deployment)
    counters = (count(status, name) for name in ("updatedReplicas", "replicas", "availableReplicas"))
    return all(number == wanted for number in counters) and count(status, "observedGeneration") >= generation_of(
        deployment
    )


def has_progressed(old: Status, fresh: Status) -> bool:
    def leftover(status: Status) -> int:
        return count(status, "replicas") - count(status, "updatedReplicas")

    grown = ("updatedReplicas", "readyReplicas", "availableReplicas")
    return leftover(fresh) < leftover(old) or any(count(fresh, name) > count(old, name) for name in grown)


def rollout_status(
    deployment: Object, replica_sets: Sequence[Object], new: Object | None, now: Moment, since: float
) -> Status:
    """The status during a rollout. `since` is when (in simulated seconds) the last progress was noted."""
    status = counted(deployment, replica_sets, new, now)
    if deadline_of(deployment) is None:
        status["conditions"] = without_condition(status["conditions"], "Progressing")
    else:
        status["conditions"] = _progress(deployment, status, new, now, since)
    failure = _replica_failure(replica_sets, new)
    if failure is None:
        status["conditions"] = without_condition(status["conditions"], "ReplicaFailure")
    else:
        status["conditions"] = with_condition(status["conditions"], failure, now, dated=True)
    return status


def _progress(
    deployment: Object, status: Status, new: Object | None, now: Moment, since: float
) -> list[dict[str, Any]]:
    conditions: list[dict[str, Any]] = status["conditions"]
    current = condition(deployment, "Progressing")
    reason = current["reason"] if current else ""
    if reason == COMPLETE and count(status, "replicas") == count(status, "updatedReplicas"):
        return conditions
    what = f'ReplicaSet "{name_of(new)}"' if new else f'Deployment "{name_of(deployment)}"'
    if is_complete(deployment, status):
        return with_condition(
            conditions, progressing("True", COMPLETE, f"{what} has successfully progressed."), now, dated=True
        )
    if has_progressed(deployment.get("status") or {}, status):
        fresh = progressing("True", "ReplicaSetUpdated", f"{what} is progressing.")
        return _renewed(conditions, current, fresh, now)
    if current and reason not in (COMPLETE, TIMED_OUT) and now.seconds - since > (deadline_of(deployment) or 0):
        fresh = progressing("False", TIMED_OUT, f"{what} has timed out progressing.")
        return with_condition(conditions, fresh, now, dated=True)
    return conditions


def _renewed(
    conditions: list[dict[str, Any]], current: dict[str, Any] | None, fresh: dict[str, Any], now: Moment
) -> list[dict[str, Any]]:
    """The condition anew, so that its update time moves; its transition time stays while it was True."""
    renewed = with_condition(without_condition(conditions, "Progressing"), fresh, now, dated=True)
    if current and current["status"] == "True":
        renewed[-1]["lastTransitionTime"] = current["lastTransitionTime"]
    return renewed


def _replica_failure(replica_sets: Sequence[Object], new: Object | None) -> dict[str, Any] | None:
    """The ReplicaFailure of a ReplicaSet, of the new one first."""
    for item in [*([new] if new else []), *replica_sets]:
        found = condition(item, "ReplicaFailure")
        if found:
            return {name: value for name, value in found.items() if not name.startswith("last")}
    return None


def pause_condition(deployment: Object) -> dict[str, Any] | None:
    """The condition that a pause or its end calls for, or None."""
    current = condition(deployment, "Progressing") or {}
    if deadline_of(deployment) is None or current.get("reason") == TIMED_OUT:
        return None
    paused, noted = bool(deployment["spec"].get("paused")), current.get("reason") == "DeploymentPaused"
    if paused and not noted:
        return progressing("Unknown", "DeploymentPaused", "Deployment is paused")
    if noted and not paused:
        return progressing("Unknown", "DeploymentResumed", "Deployment is resumed")
    return None
