"""Long jobs in one process: what a worker does with one, from how the last worker left it to its end."""

from collections.abc import Callable
from datetime import timedelta
from math import inf
from pathlib import Path
from typing import Any

import pytest
from django.db import Error
from django.utils import timezone

from portal.metrics import exposition
from portal.models import AuditEntry, Job
from portal.orchestration import jobs, work
from portal.orchestration.jobs import RunningJob, cancel, execution, leasing, submit
from portal.orchestration.jobs.course import CLEAN_UPS, Course, course_of
from portal.orchestration.jobs.execution import execute
from portal.orchestration.jobs.kinds import JobKind, job_kind, kind_of
from portal.orchestration.jobs.progress import Rate
from portal.orchestration.jobs.pulse import Pulse
from portal.orchestration.jobs.slots import Slots, margin
from portal.orchestration.jobs.worker import take_next
from tests.portal.orchestration import job_kinds

State = Job.State
pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def ask(kind: str, folder: Path, chunks: int = 3, **arguments: object) -> Job:
    return submit(kind, {"folder": str(folder), "chunks": chunks, **arguments}, label=f"{kind} of {chunks}")


class Worker:
    """A worker without a process: it takes the next job up, and its pulse beats when it is told to."""

    def __init__(self, stopping: bool = False) -> None:
        lease = take_next("group")
        assert lease is not None
        self.lease = lease
        self.stopping = stopping
        self.slot = next(iter(Slots(1)))
        self.pulse = Pulse(lease, self.slot, lambda: self.stopping, 60)

    def work(self) -> Job:
        execute(self.lease, self.pulse)
        return Job.objects.get(pk=self.lease.row.pk)

    def die(self) -> None:
        """It was killed while the job ran, and its lease is over."""
        over, row = timezone.now() - timedelta(seconds=1), Job.objects.filter(pk=self.lease.row.pk)
        row.update(state=State.RUNNING, attempts=1, lease_until=over, due_at=over)


def work_once() -> Job:
    return Worker().work()


def due_now() -> None:
    Job.objects.update(due_at=timezone.now() - timedelta(seconds=1))


def left(folder: Path) -> list[str]:
    return [line for file in sorted((folder / "traces").glob("*")) for line in file.read_text().splitlines()]


class TestCourse:
    """What comes next for a job, from its row as the last worker left it."""

    COPIED, ONCE, RESUMED = job_kinds.Copied, job_kinds.Once, job_kinds.Resumed
    ROWS: dict[str, tuple[type[JobKind], dict[str, Any], Course]] = {
        "new": (COPIED, {}, Course()),
        "given back before it began": (ONCE, {"attempts": 0}, Course()),
        "broken off, to begin anew": (COPIED, {"state": State.RUNNING, "attempts": 1}, Course(clean_first=True)),
        "broken off, to be resumed": (RESUMED, {"state": State.RUNNING, "attempts": 1}, Course(resumed=True)),
        "broken off, and not begun twice": (
            ONCE,
            {"state": State.RUNNING, "attempts": 1},
            Course(State.FAILED, "Its worker ended before it was done, and it is not begun twice."),
        ),
        "broken off too often": (
            job_kinds.Silent,
            {"state": State.RUNNING, "attempts": 2},
            Course(State.FAILED, "Its worker ended before it was done, 2 times."),
        ),
        "cancelled while it waited": (
            COPIED,
            {"cancel_asked_at": timezone.now(), "cancel_asked_by": "lead"},
            Course(State.CANCELLED, "Cancelled by lead."),
        ),
        "cancelled, and broken off": (
            RESUMED,
            {"state": State.RUNNING, "attempts": 1, "cancel_asked_at": timezone.now()},
            Course(State.CANCELLED, "Cancelled."),
        ),
        "failed, and broken off while it was cleaned up after": (
            RESUMED,
            {"state": State.RUNNING, "attempts": 1, "ending": State.FAILED, "why": "ValueError: x"},
            Course(State.FAILED, "ValueError: x"),
        ),
    }

    @pytest.mark.parametrize("story", ROWS)
    def test_what_comes_next(self, story: str) -> None:
        kind, fields, course = self.ROWS[story]
        assert course_of(Job(**fields), kind) == course


class TestRunning:
    def test_a_job_runs_reports_and_is_done(self, folder: Path) -> None:
        asked = ask("tests.copied", folder)
        job = work_once()
        assert (job.pk, job.state, job.result, job.why) == (asked.pk, State.DONE, {"chunks": 3}, "")
        assert (job.done, job.total, job.unit, job.attempts) == (3, 3, "chunks", 1)
        assert (job.lease_owner, job.due_at) == ("", None)
        assert job.started_at <= job.finished_at
        assert take_next("group") is None

    def test_one_that_raises_has_failed_and_leaves_nothing(self, folder: Path) -> None:
        ask("tests.copied", folder, fails_at=1)
        job = work_once()
        assert (job.state, job.why, job.result) == (State.FAILED, "ValueError: on purpose", None)
        assert left(folder) == []

    def test_what_is_no_json_fails_the_job_before_its_end(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(job_kinds.Copied, "run", lambda self, job: {"at": object()})
        ask("tests.copied", folder)
        assert work_once().state == State.FAILED

    def test_an_unknown_kind_is_not_asked_for_and_not_taken_up(self) -> None:
        with pytest.raises(KeyError):
            submit("tests.unknown", {}, label="x")
        Job.objects.create(kind="tests.of-another-version", label="x", due_at=timezone.now())
        assert take_next("group") is None

    def test_a_name_is_registered_once(self) -> None:
        with pytest.raises(ValueError, match="already"):
            job_kind("tests.copied")(type("Another", (JobKind,), {}))

    def test_each_taking_up_has_a_higher_fence(self, folder: Path) -> None:
        for _ in range(2):
            ask("tests.copied", folder, chunks=1)
            work_once()
        tokens = [int(line.split()[0]) for line in left(folder)]
        assert tokens == sorted(set(tokens))

    def test_its_end_is_told_once_in_the_transaction_of_the_end(self, folder: Path) -> None:
        ask("tests.copied", folder)
        work_once()
        assert [entry.data["state"] for entry in AuditEntry.objects.filter(verb="test.ended")] == ["done"]

    def test_an_end_that_cannot_be_told_is_tried_again_and_nothing_runs_twice(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ask("tests.copied", folder)
        with monkeypatch.context() as broken:
            broken.setattr(job_kinds.Traced, "ended", lambda self, job: 1 / 0)
            job = work_once()
        assert (job.state, job.ending) == (State.RUNNING, State.DONE)
        due_now()
        job = work_once()
        assert (job.state, job.result, job.ending) == (State.DONE, {"chunks": 3}, "")
        assert len(left(folder)) == 3


class TestCancelling:
    def test_one_that_waits_is_cancelled_by_the_next_worker(self, folder: Path) -> None:
        assert cancel(ask("tests.copied", folder), "lead")
        job = work_once()
        assert (job.state, job.why) == (State.CANCELLED, "Cancelled by lead.")
        assert left(folder) == []

    def test_one_that_runs_stops_at_its_next_report_and_leaves_nothing(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = ask("tests.copied", folder)
        worker = Worker()
        write = job_kinds.Traced.write

        def write_and_cancel(self: job_kinds.Traced, job: RunningJob, chunk: int) -> None:
            write(self, job, chunk)
            cancel(asked, "lead")
            worker.pulse.beat()
            assert job.cancelled

        monkeypatch.setattr(job_kinds.Traced, "write", write_and_cancel)
        job = worker.work()
        assert (job.state, job.why, job.done) == (State.CANCELLED, "Cancelled by lead.", 1)
        assert left(folder) == []

    def test_what_has_ended_is_not_cancelled(self, folder: Path) -> None:
        ask("tests.copied", folder)
        job = work_once()
        assert not cancel(job, "lead")
        assert Job.objects.get().cancel_asked_at is None

    def test_the_first_who_asks_is_named(self, folder: Path) -> None:
        job = ask("tests.copied", folder)
        assert cancel(job, "lead")
        assert cancel(job, "operator")
        assert Job.objects.get().cancel_asked_by == "lead"


class TestTakingUp:
    def test_after_a_kill_it_begins_anew_without_what_was_left(self, folder: Path) -> None:
        job = ask("tests.copied", folder)
        Worker().die()
        job_kinds.folder_of(job.arguments, "traces").joinpath(str(job.pk)).write_text("0 0\n0 1\n")
        job = work_once()
        assert (job.state, job.attempts, job.result) == (State.DONE, 2, {"chunks": 3})

    def test_after_a_kill_it_is_resumed_from_its_checkpoint(self, folder: Path) -> None:
        job = ask("tests.resumed", folder)
        Worker().die()
        Job.objects.update(checkpoint={"whole": 2})
        job_kinds.folder_of(job.arguments, "traces").joinpath(str(job.pk)).write_text("0 0\n0 1\n0 2\n")
        job = work_once()
        assert (job.state, job.checkpoint) == (State.DONE, {"whole": 3})
        assert [line.split()[1] for line in left(folder)] == ["0", "1", "2"]
        assert left(folder)[1:] != ["0 1", "0 2"]

    def test_after_a_kill_one_that_is_not_repeated_has_failed_and_leaves_nothing(self, folder: Path) -> None:
        job = ask("tests.once", folder)
        Worker().die()
        job_kinds.folder_of(job.arguments, "traces").joinpath(str(job.pk)).write_text("0 0\n")
        job = work_once()
        assert job.state == State.FAILED
        assert "not begun twice" in job.why
        assert left(folder) == []

    def test_what_cannot_be_removed_is_tried_again_and_given_up_at_last(self, folder: Path) -> None:
        (folder / "stubborn").touch()
        ask("tests.stubborn", folder, fails_at=0)
        job = work_once()
        assert (job.state, job.ending, job.why) == (State.RUNNING, State.FAILED, "ValueError: on purpose")
        assert job.due_at > timezone.now()
        (folder / "stubborn").unlink()
        due_now()
        assert work_once().state == State.FAILED
        assert left(folder) == []

    def test_who_gives_up_cleaning_says_what_is_left(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(job_kinds.Stubborn, "tries", 1)
        (folder / "stubborn").touch()
        ask("tests.stubborn", folder, fails_at=0)
        for _ in range(CLEAN_UPS + 1):
            due_now()
            job = work_once()
        assert job.state == State.FAILED
        assert job.why == "ValueError: on purpose What it left could not be removed: OSError: cannot be removed"


class TestLosing:
    def test_whose_lease_is_taken_writes_nothing_more(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        ask("tests.copied", folder)
        stale = Worker()
        write = job_kinds.Traced.write

        def write_and_lose(self: job_kinds.Traced, job: RunningJob, chunk: int) -> None:
            write(self, job, chunk)
            Job.objects.update(lease_owner="another")
            stale.pulse.beat()

        monkeypatch.setattr(job_kinds.Traced, "write", write_and_lose)
        job = stale.work()
        assert (job.state, job.lease_owner) == (State.RUNNING, "another")
        assert len(left(folder)) == 1

    def test_whose_lease_is_over_by_its_own_clock_writes_nothing(self, folder: Path) -> None:
        ask("tests.copied", folder)
        late = Worker()
        late.lease.until -= 1000
        assert late.work().state == State.PENDING
        assert left(folder) == []

    @pytest.mark.parametrize(("kind", "attempts"), [("tests.copied", 0), ("tests.once", 1)])
    def test_a_worker_that_is_told_to_end_gives_the_job_back_at_once(
        self, folder: Path, kind: str, attempts: int
    ) -> None:
        ask(kind, folder)
        job = Worker(stopping=True).work()
        assert (job.state, job.lease_owner, job.attempts) == (State.RUNNING, "", attempts)
        assert leasing.JOBS.due(timezone.now()).exists()

    def test_the_database_may_fail_for_a_while(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("portal.orchestration.jobs.running.time.sleep", lambda seconds: None)
        monkeypatch.setattr("portal.orchestration.jobs.running.connection.close", lambda: None)
        failures = [Error("gone"), Error("gone")]
        end = execution._end

        def fail_first(*arguments: Any) -> None:
            if failures:
                raise failures.pop()
            end(*arguments)

        monkeypatch.setattr(execution, "_end", fail_first)
        ask("tests.copied", folder)
        assert work_once().state == State.DONE


class TestPulse:
    def test_progress_is_stored_with_the_renewal_and_only_where_it_is_news(self, folder: Path) -> None:
        ask("tests.copied", folder)
        worker = Worker()
        pulse, lease = worker.pulse, worker.lease
        running = RunningJob(lease, pulse, 1)
        running.report(5, 10, "chunks")
        lease.until -= 20
        pulse.beat()
        job = Job.objects.get()
        assert (job.done, job.total, job.unit) == (5, 10, "chunks")
        assert lease.left > 25
        assert pulse.news() == {}

    def test_how_long_it_takes_still(self) -> None:
        job = Job(state=State.RUNNING, done=40, total=100, rate=6.0)
        assert job.remaining_seconds == 10
        assert Job(state=State.RUNNING, done=40, rate=6.0).remaining_seconds is None
        assert Job(state=State.DONE, done=40, total=100, rate=6.0).remaining_seconds is None


class TestRate:
    LOOKS: dict[str, tuple[list[tuple[float, int]], float | None]] = {
        "none": ([], None),
        "one": ([(0, 5)], None),
        "two": ([(0, 0), (2, 10)], 5.0),
        "what is long ago does not count": ([(0, 0), (10, 1000), (40, 1030), (70, 1060)], 1.0),
        "it has begun anew": ([(0, 50), (10, 100), (20, 0), (30, 20)], 2.0),
    }

    @pytest.mark.parametrize("story", LOOKS)
    def test_units_a_second_of_the_last_half_minute(self, story: str) -> None:
        looks, expected = self.LOOKS[story]
        rate = Rate()
        for at, done in looks:
            rate.note(at, done)
        assert rate.per_second == expected


class TestSlots:
    """When the host process ends a worker."""

    STORIES: dict[str, tuple[Callable[[Any], object], float, str]] = {
        "idle": (lambda slot: slot.note(), 40, ""),
        "idle and silent": (lambda slot: slot.note(), 50, "not seen for 50 s"),
        "renewed": (lambda slot: slot.hold(90), 60, ""),
        "not renewed": (lambda slot: slot.hold(60), 60 - margin() + 0.1, "not renewed"),
        "silent": (lambda slot: (slot.hold(90), slot.expect(20)), 21, "did not report"),
        "cleared": (lambda slot: (slot.hold(10), slot.expect(5), slot.clear()), 40, ""),
    }

    @pytest.mark.parametrize("story", STORIES)
    def test_who_is_overdue(self, story: str) -> None:
        told, now, expected = self.STORIES[story]
        clock = [0.0]
        slot = next(iter(Slots(1, lambda: clock[0])))
        told(slot)
        clock[0] = now
        assert expected in slot.overdue()
        assert bool(slot.overdue()) is bool(expected)

    def test_the_host_is_wedged_where_it_says_nothing(self) -> None:
        clock = [0.0]
        slots = Slots(0, lambda: clock[0])
        clock[0] = 60
        assert "60 s" in slots.wedged(45)
        slots.note_host()
        assert slots.wedged(45) == ""


class TestSweep:
    def test_what_nobody_would_come_back_to_is_made_due(self, folder: Path) -> None:
        job = ask("tests.copied", folder)
        for due_at in (None, timezone.now() + timedelta(days=1)):
            Job.objects.filter(pk=job.pk).update(due_at=due_at)
            work.sweep()
            assert leasing.JOBS.due(timezone.now()).exists()

    def test_a_lease_of_before_the_clock_was_put_back_ends_unless_it_is_renewed(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = [0.0]
        monkeypatch.setattr(leasing, "_silent", leasing.Silent(lambda: clock[0]))
        job, later = ask("tests.copied", folder), timezone.now() + timedelta(days=1)
        rows = Job.objects.filter(pk=job.pk)
        rows.update(lease_owner="x", lease_until=later, due_at=later)
        for seconds in (0, 29):
            clock[0] = seconds
            work.sweep()
            assert rows.get().lease_owner == "x"
        rows.update(lease_until=later + timedelta(seconds=1))
        for seconds, owner in ((30, "x"), (59, "x"), (61, "")):
            clock[0] = seconds
            work.sweep()
            assert rows.get().lease_owner == owner

    def test_jobs_keep_an_orchestrator_from_being_idle_where_it_does_some(self, folder: Path, settings: Any) -> None:
        assert work.idle()
        ask("tests.copied", folder)
        assert not work.idle()
        settings.JOB_WORKERS = 0
        assert work.idle()


def test_jobs_are_counted_by_kind_and_end(folder: Path) -> None:
    for kind, arguments in (("tests.copied", {}), ("tests.copied", {"fails_at": 0}), ("tests.once", {})):
        ask(kind, folder, **arguments)
        work_once()
    ask("tests.once", folder)
    Worker().die()
    ask("tests.once", folder)
    text = exposition().decode()
    for line in (
        'slipway_jobs_total{kind="tests.copied",state="done"} 1.0',
        'slipway_jobs_total{kind="tests.copied",state="failed"} 1.0',
        'slipway_jobs_total{kind="tests.once",state="done"} 1.0',
        'slipway_jobs_running{kind="tests.once"} 1.0',
        'slipway_jobs_waiting{kind="tests.once"} 1.0',
    ):
        assert line in text


def test_the_kernel_names_what_others_need() -> None:
    assert set(jobs.__all__) <= set(dir(jobs))
    assert kind_of("tests.silent").quiet_seconds == 1.0
    assert inf > JobKind.quiet_seconds
