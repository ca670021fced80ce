"""The orchestrator's processes: what becomes of long jobs when it stops, and of workers that do not get on."""

import os
import signal
from pathlib import Path

import pytest
from django.utils import timezone

from portal.models import Job
from portal.orchestration.jobs import cancel, submit
from portal.orchestration.jobs.leasing import JOBS
from tests.portal.orchestration import job_kinds
from tests.portal.orchestration.processes import alive_in_session, orchestrator, parent_of, stop, wait

pytestmark = pytest.mark.django_db(transaction=True)
State = Job.State


def ask(kind: str, folder: Path, chunks: int = 3, pause: int = 20) -> Job:
    return submit(kind, {"folder": str(folder), "chunks": chunks, "pause": pause}, label=kind)


def now(job: Job) -> Job:
    job.refresh_from_db()
    return job


def chunks(folder: Path, job: Job) -> int:
    """How many chunks are there."""
    file = job_kinds.folder_of({"folder": folder}, "traces") / str(job.pk)
    return len(file.read_text().splitlines()) if file.exists() else 0


def worker_of(job: Job) -> int:
    """The process that has it."""
    return int(now(job).lease_owner.split("/")[-3])


def test_jobs_are_done_one_after_the_other_and_progress_is_seen(tmp_path: Path) -> None:
    jobs = [ask("tests.copied", tmp_path), ask("tests.resumed", tmp_path, 400, 10), ask("tests.once", tmp_path)]
    with orchestrator(tmp_path, jobs=1):
        wait(lambda: 0 < now(jobs[1]).done < 400 and jobs[1].rate, 60)
        assert (jobs[1].total, jobs[1].unit) == (400, "chunks")
        assert (jobs[1].remaining_seconds or 0) > 0
        assert now(jobs[2]).state == State.PENDING
        wait(lambda: all(now(job).state == State.DONE for job in jobs), 60)


def test_a_job_is_given_back_when_its_orchestrator_stops_and_another_resumes_it(tmp_path: Path) -> None:
    job = ask("tests.resumed", tmp_path, 200, 20)
    with orchestrator(tmp_path, lease=60) as first:
        wait(lambda: chunks(tmp_path, job) > 5, 60)
        assert stop(first) == 0
    assert (now(job).state, job.lease_owner) == (State.RUNNING, "")
    assert JOBS.due(timezone.now()).exists()
    with orchestrator(tmp_path, lease=60):
        wait(lambda: now(job).state == State.DONE, 60)
    assert chunks(tmp_path, job) == 200


def test_a_job_that_hears_nothing_is_ended_and_given_back_all_the_same(tmp_path: Path) -> None:
    job = ask("tests.deaf", tmp_path)
    with orchestrator(tmp_path, lease=60) as process:
        wait(lambda: chunks(tmp_path, job) == 1, 60)
        assert stop(process) == 0
        assert not alive_in_session(process.pid)
    assert (now(job).state, job.lease_owner) == (State.RUNNING, "")
    assert JOBS.due(timezone.now()).exists()


def test_a_job_that_does_not_report_is_ended_and_begun_again_by_another_worker(tmp_path: Path) -> None:
    job = ask("tests.silent", tmp_path)
    with orchestrator(tmp_path, jobs=1):
        wait(lambda: now(job).state == State.DONE, 60)
    assert job.result == {"attempt": 2}
    assert len({attempt.worker for attempt in job.attempts_made.all()}) == 2


def test_a_worker_that_stands_still_is_replaced_before_another_has_its_job(tmp_path: Path) -> None:
    job = ask("tests.resumed", tmp_path, 200, 20)
    with orchestrator(tmp_path, jobs=1):
        wait(lambda: chunks(tmp_path, job) > 5, 60)
        stopped = worker_of(job)
        os.kill(stopped, signal.SIGSTOP)
        wait(lambda: not Path(f"/proc/{stopped}").exists(), 30)
        wait(lambda: now(job).state == State.DONE, 60)
    assert chunks(tmp_path, job) == 200


def test_a_job_that_runs_is_cancelled_and_leaves_nothing(tmp_path: Path) -> None:
    job = ask("tests.copied", tmp_path, 10_000, 20)
    with orchestrator(tmp_path):
        wait(lambda: chunks(tmp_path, job) > 5, 60)
        cancel(job, "lead")
        wait(lambda: now(job).state == State.CANCELLED, 30)
    assert chunks(tmp_path, job) == 0


def test_an_orchestrator_whose_host_of_job_workers_died_ends_for_its_supervisor(tmp_path: Path) -> None:
    job = ask("tests.deaf", tmp_path)
    with orchestrator(tmp_path) as process:
        wait(lambda: chunks(tmp_path, job) == 1, 60)
        os.kill(parent_of(worker_of(job)), signal.SIGKILL)
        assert process.wait(30) == 1
        wait(lambda: not alive_in_session(process.pid), 10)
