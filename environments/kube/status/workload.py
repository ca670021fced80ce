"""Whether a workload has arrived: kubectl's `rollout status`, with what kubectl leaves out.

Pure. The order of the questions is kubectl's. It also tells of no replicas, no fitting node, paused,
OnDelete, a quota, a StatefulSet that stands on a broken pod, and of changes without a deadline.
"""

import re
from collections.abc import Callable, Sequence
from math import ceil

from environments.kube.names import MANAGER
from environments.kube.status.health import health
from environments.kube.status.owner_references import REVISION_HASH, is_owned, label
from environments.kube.status.verdict import (
    Json,
    Verdict,
    VerdictState,
    condition,
    count,
    counted,
    holds,
    section,
    sentence,
    unseen,
)

__all__ = ["Verdict", "health", "stuck_pods", "workload_status"]

NO_DEADLINE = 2**31 - 1
OWN_TIMEOUT = "Kubernetes sets no deadline for this, the rollout's own timeout applies"
REFUSED = re.compile(r"forbidden|denied the request|is invalid|Invalid value", re.IGNORECASE)
REPLICA_SET = re.compile(r"replica ?set \"([^\"]+)\"", re.IGNORECASE)
REFUSED_POD = re.compile(r"pods \"([^\"]+)\"")


def workload_status(obj: Json, *, generation: int = 0) -> Verdict:
    """The verdict on a Deployment, StatefulSet, DaemonSet or Job; any other object is judged by health().

    `generation`: the metadata.generation that the caller's write led to; an older copy is "wait".
    """
    judge = JUDGES.get(obj.get("kind", ""))
    if judge is None:
        return health(obj)
    return judge(obj, unseen(obj, generation))


def stuck_pods(statefulset: Json, pods: Sequence[Json]) -> list[tuple[str, str]]:
    """(name, uid) of the pods to delete so that the StatefulSet can go on to its update revision.

    Its controller waits for ever for a broken pod of an earlier revision to become ready. Pods that a
    partition keeps back are left alone: they would come back as they were.
    """
    strategy, revision = (
        section(section(statefulset, "spec"), "updateStrategy"),
        section(statefulset, "status").get("updateRevision"),
    )
    if unseen(statefulset) or strategy.get("type") == "OnDelete" or not revision:
        return []
    keep = count(section(strategy, "rollingUpdate"), "partition")
    return [
        (pod["metadata"]["name"], pod["metadata"]["uid"])
        for pod in pods
        if is_owned(pod, statefulset) and _ordinal(pod) >= keep and _broken(pod, revision)
    ]


def _ordinal(pod: Json) -> int:
    tail = str(pod["metadata"]["name"]).rpartition("-")[2]
    return int(tail) if tail.isdigit() else 0


def _broken(pod: Json, revision: str) -> bool:
    metadata = section(pod, "metadata")
    other = label(pod, REVISION_HASH) != revision
    return other and not metadata.get("deletionTimestamp") and not holds(section(pod, "status"), "Ready")


# Deployment


def _deployment(obj: Json, unobserved: str) -> Verdict:
    spec, status = section(obj, "spec"), section(obj, "status")
    wanted = int(spec.get("replicas", 1))
    updated = count(status, "updatedReplicas")

    def verdict(state: VerdictState, why: str) -> Verdict:
        return Verdict(state, why, count(status, "readyReplicas"), wanted, updated)

    if unobserved:
        return verdict("wait", unobserved)
    going = _going(spec, status, wanted)
    if spec.get("paused") and (going or not wanted):
        return verdict(
            "suspended",
            f"the Deployment is paused: {going or 'no pod is wanted'}; nothing changes until it is resumed",
        )
    if going and (failure := _deployment_failure(obj)):
        return verdict("fail", f"{failure}: {going}")
    if going:
        return verdict("wait", "; ".join(filter(None, (going, _refused(status), _deadline_note(spec, status)))))
    if not wanted:
        return verdict("done", "no pod is wanted (replicas is 0), so nothing runs and nothing was tried")
    note = "; the Deployment is paused, the next change will wait" if spec.get("paused") else ""
    return verdict("done", f"{updated} of {counted(wanted, 'pod')} updated and available{note}")


def _going(spec: Json, status: Json, wanted: int) -> str:
    """What is not there yet, by the counters; "" where all is."""
    replicas, updated = count(status, "replicas"), count(status, "updatedReplicas")
    available, old = count(status, "availableReplicas"), replicas - updated
    head = f"{updated} of {counted(wanted, 'pod')} updated"
    if updated < wanted:
        return f"{head}, {counted(old, 'old pod')} still running" if old > 0 else head
    if old > 0:
        return f"{head}, {counted(old, 'old pod')} still stopping"
    if replicas > wanted:
        return f"{counted(replicas - wanted, 'surplus pod')} still stopping"
    if available < updated:
        return f"{head}, {_not_available(spec, status, updated)}"
    return ""


def _not_available(spec: Json, status: Json, expected: int) -> str:
    ready, available = count(status, "readyReplicas"), count(status, "availableReplicas")
    settle = count(spec, "minReadySeconds")
    if settle and ready >= expected:
        return f"all ready, {available} of them for the {settle} s that minReadySeconds asks for"
    return f"{ready} of {expected} ready"


def _deployment_failure(obj: Json) -> str:
    spec, status = section(obj, "spec"), section(obj, "status")
    progressing = condition(status, "Progressing")
    if refusal := _final_refusal(spec, status):
        return refusal
    if progressing.get("reason") == "ProgressDeadlineExceeded" and not _before_our_write(obj, progressing):
        return f"no progress for {spec.get('progressDeadlineSeconds', 600)} s (progressDeadlineSeconds)"
    if progressing.get("reason") == "ReplicaSetCreateError":
        return sentence(progressing.get("message", "the ReplicaSet cannot be created"))
    return ""


def _before_our_write(obj: Json, progressing: Json) -> bool:
    """Whether the deadline was missed by what our newest write has replaced.

    On a return to an earlier ReplicaSet the controller lets the old condition stand until pods come or go.
    """
    entries = section(obj, "metadata").get("managedFields") or ()
    written = max((e.get("time", "") for e in entries if e.get("manager") == MANAGER), default="")
    return bool(written) and progressing.get("lastUpdateTime", "") <= written


def _refused(status: Json) -> str:
    """Why the cluster refuses to create pods of the current ReplicaSet; "" where it does not."""
    failure = condition(status, "ReplicaFailure")
    message = failure.get("message", "")
    if failure.get("status") != "True" or _of_an_old_replica_set(message, status):
        return ""
    return f"the cluster refuses new pods: {_refusal_words(message)}"


def _of_an_old_replica_set(message: str, status: Json) -> bool:
    current = REPLICA_SET.search(condition(status, "Progressing").get("message", ""))
    pod = REFUSED_POD.search(message)
    return bool(current and pod and not pod[1].startswith(f"{current[1]}-"))


def _refusal_words(message: str) -> str:
    return sentence(message.partition("is forbidden: ")[2] or message)


def _final_refusal(spec: Json, status: Json) -> str:
    """The refusal, where waiting does not lift it: no pod that counts against the quota is about to go."""
    refusal = _refused(status)
    if not REFUSED.search(condition(status, "ReplicaFailure").get("message", "")):
        return ""
    return "" if "exceeded quota" in refusal and _room_may_come(spec, status) else refusal


def _room_may_come(spec: Json, status: Json) -> bool:
    """Whether the rollout itself still frees quota: pods are stopping, or old ones may be stopped."""
    wanted, spare = int(spec.get("replicas", 1)), _max_unavailable(spec)
    if count(status, "terminatingReplicas"):
        return True
    if (
        count(status, "replicas") > count(status, "updatedReplicas")
        and count(status, "availableReplicas") > wanted - spare
    ):
        return True
    # Servers before 1.33 do not count the pods that are stopping.
    return "terminatingReplicas" not in status and count(status, "observedGeneration") > 1 and spare > 0


def _max_unavailable(spec: Json) -> int:
    """How many pods an update may miss, as the controller rounds it; all of them where it recreates."""
    wanted, strategy = int(spec.get("replicas", 1)), section(spec, "strategy")
    if strategy.get("type") == "Recreate":
        return wanted
    rolling = section(strategy, "rollingUpdate")
    unavailable = _share(rolling.get("maxUnavailable", "25%"), wanted, up=False)
    surge = _share(rolling.get("maxSurge", "25%"), wanted, up=True)
    return unavailable if unavailable or surge else 1


def _share(value: int | str, whole: int, *, up: bool) -> int:
    if isinstance(value, int) or not value.endswith("%"):
        return int(value)
    part = int(value[:-1]) * whole / 100
    return ceil(part) if up else int(part)


def _deadline_note(spec: Json, status: Json) -> str:
    unlimited = spec.get("progressDeadlineSeconds", 600) >= NO_DEADLINE
    settled = condition(status, "Progressing").get("reason") == "NewReplicaSetAvailable"
    return OWN_TIMEOUT if unlimited or settled else ""


# StatefulSet


def _stateful_set(obj: Json, unobserved: str) -> Verdict:
    spec, status = section(obj, "spec"), section(obj, "status")
    wanted, updated = int(spec.get("replicas", 1)), count(status, "updatedReplicas")

    def verdict(state: VerdictState, why: str) -> Verdict:
        return Verdict(state, why, count(status, "readyReplicas"), wanted, updated)

    if unobserved or not count(status, "observedGeneration"):
        return verdict("wait", unobserved or "its controller has not seen it yet")
    if going := _members_going(spec, status, wanted):
        return verdict("wait", "; ".join(filter(None, (going, _standing(spec, status), OWN_TIMEOUT))))
    if _on_delete(spec) and updated < wanted:
        return verdict("suspended", _on_delete_words(updated, wanted))
    if waits := _revision_going(spec, status, wanted):
        return verdict("wait", f"{waits}; {OWN_TIMEOUT}")
    return verdict("done", _stateful_done(spec, updated, wanted))


def _on_delete(spec: Json) -> bool:
    return section(spec, "updateStrategy").get("type") == "OnDelete"


def _on_delete_words(updated: int, wanted: int) -> str:
    old = counted(wanted - updated, "old pod")
    return (
        f"{updated} of {counted(wanted, 'pod')} updated; its updateStrategy is OnDelete: "
        f"{old} will run until somebody deletes them"
    )


def _partition(spec: Json) -> int:
    return count(section(section(spec, "updateStrategy"), "rollingUpdate"), "partition")


def _members_going(spec: Json, status: Json, wanted: int) -> str:
    ready, available, replicas = (count(status, f"{name}eplicas") for name in ("readyR", "availableR", "r"))
    if ready < wanted:
        return f"{ready} of {counted(wanted, 'pod')} ready, {count(status, 'updatedReplicas')} updated"
    if available < wanted and "availableReplicas" in status:
        return _not_available(spec, status, wanted)
    if replicas > wanted:
        return f"{counted(replicas - wanted, 'surplus pod')} still stopping"
    return ""


def _standing(spec: Json, status: Json) -> str:
    """The words for a StatefulSet that waits on a pod of neither the current nor the update revision."""
    strays = count(status, "replicas") - count(status, "currentReplicas") - count(status, "updatedReplicas")
    between = status.get("currentRevision") != status.get("updateRevision")
    if not between or strays <= 0 or spec.get("podManagementPolicy") == "Parallel" or _on_delete(spec):
        return ""
    return (
        f"the update stands still while {counted(strays, 'pod')} of an earlier revision is not ready: "
        "if it is broken, it has to be deleted"
    )


def _revision_going(spec: Json, status: Json, wanted: int) -> str:
    if _on_delete(spec):
        return ""
    updated, target = count(status, "updatedReplicas"), wanted - _partition(spec)
    if section(spec, "updateStrategy").get("rollingUpdate") is not None:
        return f"{updated} of {counted(target, 'pod')} updated" if updated < target else ""
    if status.get("updateRevision") != status.get("currentRevision"):
        return f"{updated} of {counted(wanted, 'pod')} updated"
    return ""


def _stateful_done(spec: Json, updated: int, wanted: int) -> str:
    head = f"{updated} of {counted(wanted, 'pod')} updated"
    if not wanted:
        return "no pod is wanted (replicas is 0), so nothing runs and nothing was tried"
    if partition := min(_partition(spec), wanted):
        return f"{head}; the partition keeps {partition} at the old revision"
    return f"{head} and available"


# DaemonSet


def _daemon_set(obj: Json, unobserved: str) -> Verdict:
    spec, status = section(obj, "spec"), section(obj, "status")
    wanted, updated = count(status, "desiredNumberScheduled"), count(status, "updatedNumberScheduled")
    available, ready = count(status, "numberAvailable"), count(status, "numberReady")

    def verdict(state: VerdictState, why: str) -> Verdict:
        return Verdict(state, why, ready, wanted, updated)

    head = f"{updated} of {counted(wanted, 'pod')} updated"
    if unobserved:
        return verdict("wait", unobserved)
    if updated < wanted and _on_delete(spec):
        return verdict("suspended", _on_delete_words(updated, wanted))
    if updated < wanted:
        return verdict("wait", f"{head}; {OWN_TIMEOUT}")
    if available < wanted:
        return verdict("wait", f"{head}, {available} available; {OWN_TIMEOUT}")
    if not wanted:
        return verdict("done", "no node fits its pods, so nothing runs and nothing was tried")
    return verdict("done", f"{head} and available, one on each fitting node")


# Job


def _job(obj: Json, unobserved: str) -> Verdict:
    del unobserved  # a Job has no observedGeneration: its template never changes
    spec, status = section(obj, "spec"), section(obj, "status")
    succeeded, wanted = count(status, "succeeded"), int(spec.get("completions") or 1)

    def verdict(state: VerdictState, why: str) -> Verdict:
        return Verdict(state, why, succeeded, wanted, succeeded)

    if section(obj, "metadata").get("deletionTimestamp"):
        return verdict("wait", unseen(obj))
    if holds(status, "Complete"):
        return verdict("done", f"the job is complete: {succeeded} of {counted(wanted, 'run')} succeeded")
    if holds(status, "Failed"):
        return verdict("fail", f"the job failed: {_job_failure(spec, status)}")
    if spec.get("suspend") or holds(status, "Suspended"):
        return verdict("suspended", "the job is suspended; it starts when spec.suspend becomes false")
    if holds(status, "FailureTarget"):
        return verdict("wait", "the job has failed, its last pods are stopping")
    tries = (
        f", {count(status, 'failed')} failed of {spec.get('backoffLimit', 6) + 1} tries"
        if count(status, "failed")
        else ""
    )
    return verdict(
        "wait", f"{succeeded} of {counted(wanted, 'run')} succeeded, {count(status, 'active')} running{tries}"
    )


def _job_failure(spec: Json, status: Json) -> str:
    failed = condition(status, "Failed")
    reason = failed.get("reason", "")
    if reason == "BackoffLimitExceeded":
        tries = counted(count(status, "failed"), "run")
        return f"{tries} failed, its backoffLimit is {spec.get('backoffLimit', 6)}"
    if reason == "DeadlineExceeded":
        return f"it ran longer than its {spec.get('activeDeadlineSeconds', '?')} s (activeDeadlineSeconds)"
    return sentence(failed.get("message") or reason or "no reason given")


JUDGES: dict[str, Callable[[Json, str], Verdict]] = {
    "Deployment": _deployment,
    "StatefulSet": _stateful_set,
    "DaemonSet": _daemon_set,
    "Job": _job,
}
