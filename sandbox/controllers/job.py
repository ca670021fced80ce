"""Jobs: pods that run to their end, as often as it takes and no oftener than the back-off limit."""

import math
from dataclasses import dataclass
from typing import Any

from sandbox.cluster import SimulatedCluster
from sandbox.controllers import adoption
from sandbox.controllers.base import Controller
from sandbox.controllers.pods import create, pod_from
from sandbox.controllers.replicaset import restarts_of
from sandbox.errors import ApiError
from sandbox.meta import (
    NamespacedName,
    Object,
    annotations_of,
    changed,
    condition,
    deleting,
    holds,
    is_active,
    is_over,
    is_ready,
    phase_of,
    uid_of,
)

_COMPONENT = "job-controller"
_FIRST_PAUSE, _LONGEST_PAUSE = 10.0, 600.0
_INDEX = "batch.kubernetes.io/job-completion-index"
_REACHED = ("CompletionsReached", "Reached expected number of succeeded pods")
_EXCEEDED = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
_LATE = ("DeadlineExceeded", "Job was active longer than specified deadline")


def is_finished(job: Object) -> bool:
    return holds(job, "Complete") or holds(job, "Failed")


@dataclass(frozen=True)
class JobTally:
    """A Job's pods, counted."""

    active: list[Object]
    succeeded: int
    failed: int
    terminating: int
    restarts: int


def tally(job: Object, pods: list[Object]) -> JobTally:
    """Pods that were deleted since stay counted: the status remembers them."""
    status = job.get("status") or {}
    active = [pod for pod in pods if is_active(pod)]
    return JobTally(
        active,
        max(int(status.get("succeeded") or 0), sum(phase_of(pod) == "Succeeded" for pod in pods)),
        max(int(status.get("failed") or 0), sum(phase_of(pod) == "Failed" for pod in pods)),
        sum(deleting(pod) and not is_over(pod) for pod in pods),
        sum(map(restarts_of, active)),
    )


def verdict(job: Object, counted: JobTally, age: float) -> tuple[str, str, str] | None:
    """("SuccessCriteriaMet" or "FailureTarget", reason, message) once the end is decided. `age` in seconds."""
    spec = job["spec"]
    limit = int(spec.get("backoffLimit", 6))
    on_failure = spec["template"]["spec"].get("restartPolicy") == "OnFailure"
    restarted_too_often = on_failure and counted.restarts >= max(limit, 1)
    if counted.failed > limit or restarted_too_often:
        return ("FailureTarget", *_EXCEEDED)
    if spec.get("activeDeadlineSeconds") is not None and age >= spec["activeDeadlineSeconds"]:
        return ("FailureTarget", *_LATE)
    completions = spec.get("completions")
    if completions is None:
        done = counted.succeeded > 0 and not counted.active
    else:
        done = counted.succeeded >= int(completions)
    return ("SuccessCriteriaMet", *_REACHED) if done else None


def missing(job: Object, counted: JobTally) -> int:
    """How many pods to start now; negative for how many too many there are."""
    spec = job["spec"]
    if spec.get("suspend"):
        return -len(counted.active)
    parallel = int(spec.get("parallelism", 1))
    completions = spec.get("completions")
    if completions is None:
        wanted = len(counted.active) if counted.succeeded else parallel
    else:
        wanted = min(parallel, max(0, int(completions) - counted.succeeded))
    return wanted - len(counted.active)


class JobController(Controller):
    kind = "batch/Job"
    owns = ("Pod",)

    def __init__(self, cluster: SimulatedCluster) -> None:
        super().__init__(cluster)
        self._begun: dict[str, float] = {}
        self._failed_at: dict[str, tuple[int, float]] = {}
        self._finished_at: dict[str, float] = {}

    def see(self, event: str, obj: Object, old: Object | None) -> None:
        super().see(event, obj, old)
        if event == "DELETED":
            for memory in (self._begun, self._failed_at, self._finished_at):
                memory.pop(uid_of(obj), None)

    def sync(self, key: NamespacedName) -> float | None:
        job = self.view.get(self.kind, key)
        if job is None or deleting(job):
            return None
        if is_finished(job):
            return self._expire(job)
        adoption.adopt(self.cluster, job, "Pod")
        counted = tally(job, self._pods(job))
        known = self._decided(job)
        decided = known or verdict(job, counted, self._age(job))
        pause = None
        if decided:
            self._delete_pods(job, counted.active)
        else:
            pause = self._manage(job, counted)
        self._write_status(job, decided)
        if decided:
            return None if known else 0.0
        return self._again(job, pause)

    def _pods(self, job: Object) -> list[Object]:
        self.cluster.catch_up()
        return self.view.owned("Pod", uid_of(job))

    def _decided(self, job: Object) -> tuple[str, str, str] | None:
        for kind in ("SuccessCriteriaMet", "FailureTarget"):
            found = condition(job, kind)
            if found and found["status"] == "True":
                return kind, found["reason"], found["message"]
        return None

    def _age(self, job: Object) -> float:
        now = self.cluster.clock.seconds()
        return now - self._begun.setdefault(uid_of(job), now)

    def _again(self, job: Object, pause: float | None) -> float | None:
        limit = job["spec"].get("activeDeadlineSeconds")
        waits = [pause, None if limit is None else max(0.05, limit - self._age(job))]
        return min((wait for wait in waits if wait is not None), default=None)

    def _manage(self, job: Object, counted: JobTally) -> float | None:
        """Starts or ends pods; returns how long to wait with starting one after a failure."""
        count = missing(job, counted)
        if count < 0:
            self._delete_pods(job, counted.active[count:])
        if count <= 0:
            return None
        pause = self._pause(job, counted)
        if pause > 0:
            return pause
        indexes = self._free_indexes(job)
        for number in range(count):
            self._create(job, indexes[number] if indexes else None)
        return None

    def _pause(self, job: Object, counted: JobTally) -> float:
        """10 s after the first failure, twice as long after every other."""
        if not counted.failed:
            return 0.0
        now = self.cluster.clock.seconds()
        known = self._failed_at.get(uid_of(job))
        if known is None or known[0] != counted.failed:
            known = self._failed_at[uid_of(job)] = (counted.failed, now)
        wait = min(_FIRST_PAUSE * math.pow(2, counted.failed - 1), _LONGEST_PAUSE)
        return known[1] + wait - now

    def _free_indexes(self, job: Object) -> list[int]:
        if job["spec"].get("completionMode") != "Indexed":
            return []
        pods = (pod for pod in self._pods(job) if phase_of(pod) != "Failed" and not deleting(pod))
        taken = {annotations_of(pod).get(_INDEX) for pod in pods}
        return [index for index in range(int(job["spec"]["completions"])) if str(index) not in taken]

    def _create(self, job: Object, index: int | None) -> None:
        pod = pod_from(job, job["spec"]["template"])
        if index is not None:
            pod["metadata"].setdefault("annotations", {})[_INDEX] = str(index)
            pod["metadata"]["labels"][_INDEX] = str(index)
            pod["spec"]["hostname"] = f"{job['metadata']['name']}-{index}"
        create(self.cluster, job, pod, _COMPONENT)

    def _delete_pods(self, job: Object, pods: list[Object]) -> None:
        for pod in pods:
            if self.cluster.hands.delete(pod):
                words = f"Deleted pod: {pod['metadata']['name']}"
                self.cluster.hands.event(job, "Normal", "SuccessfulDelete", words, _COMPONENT)

    def _write_status(self, job: Object, decided: tuple[str, str, str] | None) -> None:
        counted = tally(job, self._pods(job))
        status = self._status(job, counted)
        known = self._decided(job)
        if decided and known is None:
            status["conditions"] = [*status.get("conditions", ()), self._condition(*decided)]
        elif decided and not counted.active and not counted.terminating:
            self._finish(job, status, decided)
        if status == (job.get("status") or {}):
            return
        try:
            self.cluster.hands.update_status(changed(job, status=status))
        except ApiError as error:
            if error.code != 404:
                raise

    def _finish(self, job: Object, status: dict[str, Any], decided: tuple[str, str, str]) -> None:
        complete = decided[0] == "SuccessCriteriaMet"
        fresh = self._condition("Complete" if complete else "Failed", decided[1], decided[2])
        status["conditions"] = [*status.get("conditions", ()), fresh]
        if complete:
            status["completionTime"] = fresh["lastTransitionTime"]
            self.cluster.hands.event(job, "Normal", "Completed", "Job completed", _COMPONENT)
        else:
            self.cluster.hands.event(job, "Warning", decided[1], decided[2], _COMPONENT)

    def _status(self, job: Object, counted: JobTally) -> dict[str, Any]:
        before = job.get("status") or {}
        status: dict[str, Any] = {}
        conditions = self._suspension(job)
        if conditions:
            status["conditions"] = conditions
        if not job["spec"].get("suspend"):
            status["startTime"] = before.get("startTime") or self.cluster.clock.moment().stamp
        counts = {"active": len(counted.active), "succeeded": counted.succeeded, "failed": counted.failed}
        status |= {name: count for name, count in counts.items() if count}
        status["terminating"] = counted.terminating
        status["uncountedTerminatedPods"] = {}
        status["ready"] = sum(map(is_ready, counted.active))
        return status

    def _suspension(self, job: Object) -> list[dict[str, Any]]:
        conditions = list((job.get("status") or {}).get("conditions") or ())
        known, wanted = holds(job, "Suspended"), bool(job["spec"].get("suspend"))
        if known == wanted:
            return conditions
        others = [item for item in conditions if item["type"] != "Suspended"]
        if wanted:
            return [*others, self._condition("Suspended", "JobSuspended", "Job suspended")]
        return [*others, {**self._condition("Suspended", "JobResumed", "Job resumed"), "status": "False"}]

    def _condition(self, kind: str, reason: str, message: str) -> dict[str, Any]:
        stamp = self.cluster.clock.moment().stamp
        times = {"lastProbeTime": stamp, "lastTransitionTime": stamp}
        return {"type": kind, "status": "True", **times, "reason": reason, "message": message}

    def _expire(self, job: Object) -> float | None:
        """Deletes a finished Job when its time to live is over."""
        limit = job["spec"].get("ttlSecondsAfterFinished")
        if limit is None:
            return None
        now = self.cluster.clock.seconds()
        left = self._finished_at.setdefault(uid_of(job), now) + float(limit) - now
        if left > 0:
            return left
        self.cluster.hands.delete(job, propagation="Foreground")
        return None
