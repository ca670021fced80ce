"""Carries out one job: begins, runs, cleans up, ends. Whatever is not saved is found by the next worker."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from portal.models import Job, JobAttempt
from portal.orchestration.jobs.course import Course, State, course_of, gives_up_cleaning, why_cancelled
from portal.orchestration.jobs.kinds import JobKind, kind_of
from portal.orchestration.jobs.leasing import JobLease
from portal.orchestration.jobs.pulse import Pulse
from portal.orchestration.jobs.running import (
    Cancelled,
    JobStopped,
    LeaseLost,
    RunningJob,
    WorkerStopping,
    must_save,
    while_held,
)

log = structlog.get_logger(__name__)
LONGEST_PAUSE = 300.0


@dataclass(frozen=True)
class End:
    """How a job ends."""

    state: State
    why: str = ""
    result: Mapping[str, Any] | None = None


def execute(lease: JobLease, pulse: Pulse) -> None:
    """Carries out what comes next for the job, to its end where it comes to one."""
    kind = kind_of(lease.row.kind)()
    course = course_of(lease.row, type(kind))
    try:
        job = while_held(lease, lambda: _begin(lease, pulse, course))
        end = End(course.ending, course.why, lease.row.result) if course.ending else _run(kind, job, course, lease.row)
        _bring_to(end, kind, job, lease, pulse)
    except WorkerStopping:
        _hand_over(lease, kind)
    except LeaseLost:
        log.warning("A job was lost to another worker.", job=lease.row.pk)


def _begin(lease: JobLease, pulse: Pulse, course: Course) -> RunningJob:
    row = lease.row
    fields: dict[str, Any] = {"state": State.RUNNING, "attempts": row.attempts + 1}
    fields["started_at"] = row.started_at or timezone.now()
    if not course.resumed and not course.ending:
        fields["checkpoint"] = {}
    with transaction.atomic():
        token = JobAttempt.objects.create(job=row, worker=lease.owner).pk
        must_save(lease, fields)
    pulse.expect()
    return RunningJob(lease, pulse, token)


def _run(kind: JobKind, job: RunningJob, course: Course, row: Job) -> End:
    try:
        if course.clean_first:
            _clean_up(kind, job)
        return End(State.DONE, result=_as_json(kind.run(job)))
    except Cancelled:
        row.refresh_from_db(fields=["cancel_asked_by"])
        return End(State.CANCELLED, why_cancelled(row))
    except Exception as error:
        log.exception("A job failed.", job=row.pk, kind=row.kind)
        return End(State.FAILED, _words(error))


def _as_json(result: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """TypeError for what is no JSON, which fails the job before its end is stored."""
    return None if result is None else dict(json.loads(json.dumps(dict(result), allow_nan=False)))


def _clean_up(kind: JobKind, job: RunningJob) -> None:
    job.cleaning = True
    try:
        kind.clean_up(job)
    finally:
        job.cleaning = False


def _bring_to(end: End, kind: JobKind, job: RunningJob, lease: JobLease, pulse: Pulse) -> None:
    """Stores the end once nothing is left behind; until then the row says what it is on its way to."""
    if not lease.row.ending and end.state is not State.DONE:
        while_held(lease, lambda: must_save(lease, {"ending": end.state, "why": end.why}))
    try:
        if end.state is not State.DONE:
            _clean_up(kind, job)
        while_held(lease, lambda: _end(end, kind, lease, pulse))
    except JobStopped:
        raise
    except Exception as error:
        log.exception("A job could not be brought to its end.", job=lease.row.pk, ending=end.state)
        _postpone(end, kind, lease, pulse, _words(error))


def _end(end: End, kind: JobKind, lease: JobLease, pulse: Pulse) -> None:
    fields = {**pulse.news(), "state": end.state, "ending": "", "why": end.why, "result": end.result, "rate": None}
    with transaction.atomic():
        lease.finish({**fields, "finished_at": timezone.now()}, None)
        kind.ended(lease.row)
    log.info("job ended", job=lease.row.pk, kind=lease.row.kind, state=end.state, why=end.why)


def _postpone(end: End, kind: JobKind, lease: JobLease, pulse: Pulse, words: str) -> None:
    """Leaves the end to a later try; gives up what is left at last, and says so."""
    lease.reload()
    if end.state is not State.DONE and gives_up_cleaning(lease.row, type(kind)):
        why = f"{end.why} What it left could not be removed: {words}"
        while_held(lease, lambda: _end(End(end.state, why), kind, lease, pulse))
        return
    pause = min(2.0**lease.row.attempts, LONGEST_PAUSE)
    fields = {"ending": end.state, "why": end.why, "result": end.result}
    while_held(lease, lambda: lease.finish(fields, timezone.now() + timedelta(seconds=pause)))


def _hand_over(lease: JobLease, kind: JobKind) -> None:
    """Gives a job back for another worker to take up at once; that this one was told to end counts for no try."""
    again = {"attempts": max(0, lease.row.attempts - 1)} if kind.tries > 1 else {}
    while_held(lease, lambda: lease.give_back(**again))
    log.info("job given back", job=lease.row.pk)


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".replace("\0", "\ufffd")[:2000]
