"""What a worker does with a job that it has taken up. Pure."""

from dataclasses import dataclass

from portal.models import Job
from portal.orchestration.jobs.kinds import JobKind

State = Job.State
CLEAN_UPS = 10  # tries to clean up, beyond those to run, before what was left is left


@dataclass(frozen=True)
class Course:
    """`ending`: it does not run any more, and enters this state. `clean_first`: what is left of the last try goes."""

    ending: State | None = None
    why: str = ""
    clean_first: bool = False
    resumed: bool = False


def course_of(job: Job, kind: type[JobKind]) -> Course:
    """What comes next for a job, from its row as the last worker left it."""
    if job.ending:
        return Course(State(job.ending), job.why)
    if job.cancel_asked_at:
        return Course(State.CANCELLED, why_cancelled(job))
    if job.state != State.RUNNING:
        return Course()
    if job.attempts >= kind.tries:
        return Course(State.FAILED, _why_not_again(job, kind))
    return Course(resumed=True) if kind.resumable else Course(clean_first=True)


def why_cancelled(job: Job) -> str:
    return f"Cancelled by {job.cancel_asked_by}." if job.cancel_asked_by else "Cancelled."


def _why_not_again(job: Job, kind: type[JobKind]) -> str:
    if kind.tries == 1:
        return "Its worker ended before it was done, and it is not begun twice."
    return f"Its worker ended before it was done, {job.attempts} times."


def gives_up_cleaning(job: Job, kind: type[JobKind]) -> bool:
    """Whether it ends though what it left could not be removed."""
    return job.attempts >= kind.tries + CLEAN_UPS
