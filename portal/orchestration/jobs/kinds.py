"""The kinds of long jobs: classes that apps register by a name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

if TYPE_CHECKING:
    from portal.models import Job
    from portal.orchestration.jobs.running import RunningJob


class JobKind:
    """What a job of this kind does. A new object for each taking-up, in the worker's main thread.

    `tries`: how often it is begun at most, where its worker was ended in the middle; 1: it is cleaned up after, and
    has failed. `resumable`: a later try goes on from `job.checkpoint`, and nothing is cleaned up before it.
    `quiet_seconds`: how long it may go without a report; a worker that is silent for longer is ended.
    """

    tries: ClassVar[int] = 1
    resumable: ClassVar[bool] = False
    quiet_seconds: ClassVar[float] = 900.0

    def run(self, job: RunningJob) -> Mapping[str, Any] | None:
        """Does the work and reports on it; its result, as JSON. What it raises fails the job, in the error's words.

        What it writes outside carries `job.token`, and a lower one is refused there. It may be ended at any point;
        programs that it starts by `portal.orchestration.programs` are ended with it.
        """
        raise NotImplementedError

    def clean_up(self, job: RunningJob) -> None:
        """Removes what tries have left: after a failure and a cancellation, and before a try that does not resume.

        Whoever finds the lease over calls it, so what it removes may be gone in part, or never have been.
        """

    def ended(self, job: Job) -> None:
        """Called in the transaction that stores the job's end, once: `job.state` says which."""


K = TypeVar("K", bound=type[JobKind])
_kinds: dict[str, type[JobKind]] = {}


def job_kind(name: str) -> Callable[[K], K]:
    """Registers a class by a name such as "backups.dump", which stays while rows have it. ValueError for one twice."""

    def register(kind: K) -> K:
        if name in _kinds:
            raise ValueError(f"There is a kind of job named {name} already.")
        _kinds[name] = kind
        return kind

    return register


def kind_of(name: str) -> type[JobKind]:
    """The class that has the name. KeyError."""
    return _kinds[name]


def names() -> list[str]:
    """All names; a worker takes up jobs of these alone, so that another version's stay for its workers."""
    return sorted(_kinds)
