"""Has operations carried out side by side, each once, within the time of a pass and of a lease."""

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from environments.kube.api.errors import KubeError, Unauthorized
from portal.steps.operations import Operation, Outcome, Trouble
from releases.strategies.shared.handling import HANDLERS, Execution

SIDE_BY_SIDE = 4
BUDGET = 8.0  # seconds of one round after which nothing more is begun; what is left comes in the next


@cache
def _pool(_process: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="executor")


def execute(execution: Execution, operations: Sequence[Operation]) -> tuple[Outcome, ...]:
    """Side by side; what could not begin in time, or with the lease, has no outcome."""
    deadline = time.monotonic() + BUDGET
    if len(operations) == 1:
        return tuple(filter(None, [_one(execution, operations[0], deadline)]))
    done = _pool(os.getpid()).map(lambda operation: _one(execution, operation, deadline), operations)
    return tuple(filter(None, done))


def _one(execution: Execution, operation: Operation, deadline: float) -> Outcome | None:
    if time.monotonic() > deadline or (operation.writes and not execution.may_write()):
        return None
    try:
        return Outcome(operation, HANDLERS.handle(execution, operation))
    except KubeError as error:
        return Outcome(operation, trouble=_trouble(error))


def _trouble(error: KubeError) -> Trouble:
    # A credential may be renewed while the rollout waits: it is all right where it stands.
    fault = "transient" if isinstance(error, Unauthorized) else error.fault
    return Trouble(fault, error.words, error.retry_after)
