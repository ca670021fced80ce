"""Carries out what the engine decided, through the gateway. Repeating any of it changes nothing."""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

from environments.kube.apply import apply_object
from environments.kube.client import Gateway
from environments.kube.diagnose import diagnose, newest_pods
from environments.kube.errors import Denied, KubeError, Unauthorized
from environments.kube.objects import Manifest, Ref
from environments.kube.ownership import adopt
from environments.kube.prune import prune_object
from environments.kube.reasons import summary
from environments.kube.relevant import relevant
from environments.kube.status import stuck_pods
from environments.manifests.render import tracking_of
from releases.rollout.wants import (
    Action,
    Adopt,
    Apply,
    CountRestarts,
    Diagnose,
    Halt,
    Outcome,
    Prune,
    Read,
    Trouble,
)

SIDE_BY_SIDE = 4
BUDGET = 8.0  # seconds of one round after which nothing more is begun; what is left comes in the next

Result = dict[str, Any]


@cache
def _pool(_process: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="acting")


def _trouble(error: KubeError) -> Trouble:
    # A credential may be renewed while the rollout waits: it is all right where it stands.
    fault = "transient" if isinstance(error, Unauthorized) else error.fault
    return Trouble(fault, error.words, error.retry_after)


@dataclass(frozen=True)
class Hands:
    """What acting needs of one rollout's track.

    `manifests`: of the plan's object of an index, with the values of Secrets. `scalers`: indices of those whose
    replicas an autoscaler holds. `may_write`: whether the lease still lasts for a write.
    """

    gateway: Gateway
    application: str
    sequence: int
    manifests: Callable[[int], Manifest]
    scalers: frozenset[int]
    may_write: Callable[[], bool]

    def perform(self, actions: Sequence[Action]) -> tuple[Outcome, ...]:
        """Side by side; what could not begin in time, or with the lease, has no outcome."""
        deadline = time.monotonic() + BUDGET
        if len(actions) == 1:
            return tuple(filter(None, [self._one(actions[0], deadline)]))
        done = _pool(os.getpid()).map(lambda action: self._one(action, deadline), actions)
        return tuple(filter(None, done))

    def _one(self, action: Action, deadline: float) -> Outcome | None:
        if time.monotonic() > deadline or (action.writes and not self.may_write()):
            return None
        try:
            return Outcome(action, self._do(action))
        except KubeError as error:
            return Outcome(action, trouble=_trouble(error))

    def _do(self, action: Action) -> Result:
        match action:
            case Apply():
                return self._apply(self.manifests(action.index), action.index)
            case Halt():
                manifest = self.manifests(action.index)
                halted = {**manifest, "spec": {**manifest["spec"], "paused": True}}
                return self._apply(halted, action.index)
            case Adopt():
                return {"managers": list(adopt(self.gateway, action.ref))}
            case Prune():
                tracking = tracking_of(self.application, action.ref)
                return {"deleted": prune_object(self.gateway, action.ref, action.uid, tracking=tracking)}
            case Read():
                found = self.gateway.get(action.ref)
                return {"object": relevant(found) if found else None}
            case Diagnose():
                return self._diagnose(action.ref)
            case CountRestarts():
                return {"count": self._restarts(action.ref)}
        raise TypeError(f"Nobody knows how to do {action!r}.")

    def _apply(self, manifest: Manifest, index: int) -> Result:
        applied = apply_object(self.gateway, manifest, sequence=self.sequence, scaler=index in self.scalers)
        metadata = applied.object["metadata"]
        return {"uid": metadata["uid"], "generation": int(metadata.get("generation") or 0)}

    def _restarts(self, ref: Ref) -> int:
        found = self.gateway.get(ref)
        try:
            pods = newest_pods(self.gateway, found)[1] if found else []
        except Denied:
            return 0
        statuses = [each for pod in pods for each in pod.get("status", {}).get("containerStatuses") or ()]
        return sum(int(status.get("restartCount") or 0) for status in statuses)

    def _diagnose(self, ref: Ref) -> Result:
        found = self.gateway.get(ref)
        if found is None:
            return {"problems": [], "summary": "it is gone", "freed": []}
        freed = self._free(ref, found) if ref.kind == "StatefulSet" else []
        problems = diagnose(self.gateway, found)
        words = summary(problems)
        if freed:
            told = f"deleted {', '.join(freed)}, broken and of an earlier revision, so that it can go on"
            words = f"{told}; {words}" if words else told
        shown = [{"words": problem.words, "fatal": problem.fatal and not freed} for problem in problems]
        return {"problems": shown, "summary": words, "freed": freed}

    def _free(self, ref: Ref, found: Manifest) -> list[str]:
        """Deletes the pods that a StatefulSet would wait for, for ever."""
        labels = found["spec"].get("selector", {}).get("matchLabels", {})
        pods = self.gateway.list("v1", "Pod", ref.namespace, labels=",".join(f"{k}={v}" for k, v in labels.items()))
        stuck = stuck_pods(found, pods)
        return [
            name
            for name, uid in stuck
            if self.may_write() and self.gateway.delete(Ref("v1", "Pod", ref.namespace, name), uid=uid)
        ]
