"""Does actions side by side, each once, within the time of a pass and of a lease."""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from environments.kube.api.client import Gateway
from environments.kube.api.errors import KubeError, Unauthorized
from environments.kube.objects import Manifest
from environments.prometheus import Prometheus
from releases.rollout.acting.performers import performer_of
from releases.rollout.wants import Action, Outcome, Trouble

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
    replicas an autoscaler holds. `may_write`: whether the lease still lasts for a write. `prometheus`: None where
    the environment has none.
    """

    gateway: Gateway
    application: str
    sequence: int
    manifests: Callable[[int], Manifest]
    scalers: frozenset[int]
    may_write: Callable[[], bool]
    prometheus: Prometheus | None = field(default=None, repr=False)

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
            return Outcome(action, performer_of(action)(self, action))
        except KubeError as error:
            return Outcome(action, trouble=_trouble(error))
