"""The queue: part of the transaction, claimed once and in order; its processes start, stop and die as they should."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import OrmQ, Task
from django_q.signing import SignedPackage

from portal.orchestration.queue import enqueue, renamed
from portal.orchestration.queue.broker import PARKED, Broker
from portal.orchestration.queue.progress import Mark, Progress
from tests.portal.orchestration.processes import alive_in_session, parent_of, start, wait

PROBE = "tests.portal.queue_probe"


def message(path: str = f"{PROBE}.touch", *args: int | str) -> None:
    enqueue(path, *args)


@pytest.mark.django_db
class TestMessages:
    def test_a_message_is_part_of_the_transaction(self) -> None:
        with transaction.atomic():
            message()
            transaction.set_rollback(True)
        assert not OrmQ.objects.exists()

    @pytest.mark.parametrize("arg", [1.5, None, True, ["a"], object()])
    def test_arguments_are_ints_and_strings(self, arg: object) -> None:
        with pytest.raises(TypeError, match="only ints and strings"):
            enqueue(f"{PROBE}.touch", arg)  # type: ignore[arg-type]
        assert not OrmQ.objects.exists()

    def test_messages_are_claimed_in_order_a_few_at_a_time(self) -> None:
        for number in range(6):
            message(f"{PROBE}.touch", "f", number)
        broker = Broker("rollouts")
        ids = list(OrmQ.objects.order_by("id").values_list("id", flat=True))
        assert [pk for pk, _ in broker.dequeue() or ()] == ids[:4]
        assert [pk for pk, _ in broker.dequeue() or ()] == ids[4:]
        assert broker.dequeue() is None

    def test_a_claim_that_nobody_finished_is_claimed_again_after_retry(self) -> None:
        message()
        broker = Broker("rollouts")
        assert broker.dequeue()
        OrmQ.objects.update(lock=timezone.now() - timedelta(seconds=1))
        assert broker.dequeue()
        assert OrmQ.objects.get().lock > timezone.now() + timedelta(seconds=170)

    def test_a_queue_serves_its_own_messages_only(self) -> None:
        message()
        assert Broker("backups").dequeue() is None

    def test_what_cannot_be_read_is_parked_and_kept(self) -> None:
        message()
        broker = Broker("rollouts")
        broker.fail(OrmQ.objects.get().pk)
        assert OrmQ.objects.get().key == "rollouts" + PARKED
        assert broker.dequeue() is None

    def test_a_message_of_before_names_the_function_of_today(self) -> None:
        message("releases.rollout.reconciler.advance", "1,2", "ticket")
        message("portal.outbound.calls.deliver", 7)
        tasks = [SignedPackage.loads(payload) for _, payload in Broker("rollouts").dequeue() or ()]
        assert [(task["func"], task["args"]) for task in tasks] == [
            ("releases.orchestrator.reconciler.advance", ("1,2", "ticket")),
            (renamed.NOTHING, (7,)),
        ]
        for path in renamed.RENAMED.values():
            assert callable(import_string(path))

    def test_claims_use_the_index(self) -> None:
        if connection.vendor == "postgresql":
            pytest.skip("a small table is scanned there")
        with connection.cursor() as cursor:
            cursor.execute(
                "EXPLAIN QUERY PLAN SELECT id FROM django_q_ormq WHERE key = 1 AND lock <= 2 ORDER BY lock, id LIMIT 4"
            )
            assert "COVERING INDEX slipway_queue_due" in str(cursor.fetchall())


@pytest.mark.django_db(transaction=True)
def test_many_who_claim_at_once_never_claim_the_same() -> None:
    with transaction.atomic():
        for number in range(120):
            message(f"{PROBE}.touch", "f", number)
    claimed: list[int] = []
    errors: list[Exception] = []

    def claim() -> None:
        broker = Broker("rollouts")
        try:
            while found := broker.dequeue():
                claimed.extend(pk for pk, _ in found)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=claim) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert len(claimed) == len(set(claimed)) == 120


class TestProgress:
    """Wedged: work was taken and none finished, or nobody asks for any."""

    STORIES = {
        "idle": ([(Mark.POLLED, 100)], 100, ""),
        "nobody asks": ([(Mark.POLLED, 10)], 100, "not asked for work for 90 s"),
        "working": ([(Mark.CLAIMED, 90), (Mark.POLLED, 100)], 100, ""),
        "taken and nothing finished": ([(Mark.CLAIMED, 50), (Mark.POLLED, 100)], 100, "none finished for 50 s"),
        "taken again and nothing finished since": (
            [(Mark.CLAIMED, 10), (Mark.FINISHED, 50), (Mark.CLAIMED, 51), (Mark.POLLED, 100)],
            100,
            "none finished for 49 s",
        ),
        "all finished": ([(Mark.CLAIMED, 50), (Mark.FINISHED, 51), (Mark.POLLED, 100)], 100, ""),
    }

    @pytest.mark.parametrize("story", STORIES)
    def test_what_the_watchdog_says(self, story: str) -> None:
        events, now, expected = self.STORIES[story]
        clock = [0.0]
        progress = Progress(lambda: clock[0])
        for mark, at in events:
            clock[0] = at
            progress.note(mark)
        clock[0] = now
        why = progress.wedged(30)
        assert expected in why
        assert bool(why) == bool(expected)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def owner(folder: Path, transactional_db: None) -> Iterator[subprocess.Popen[bytes]]:
    """A process that owns a queue cluster on this test's database."""
    process = start(folder, "-m", PROBE, str(folder))
    try:
        wait((folder / "ready").exists, 30)
        yield process
    finally:
        process.kill()
        process.wait(10)
        wait(lambda: not alive_in_session(process.pid), 10)


class TestProcesses:
    def test_messages_run_once_and_the_stop_is_clean(self, owner: subprocess.Popen[bytes], folder: Path) -> None:
        for number in range(20):
            message(f"{PROBE}.touch", str(folder), number)
        wait(lambda: not OrmQ.objects.exists())
        owner.send_signal(signal.SIGTERM)
        assert owner.wait(10) == 0
        assert [len((folder / f"done-{n}").read_text().split()) for n in range(20)] == [1] * 20
        assert not Task.objects.exists()

    def test_a_message_that_raises_is_not_tried_again(self, owner: subprocess.Popen[bytes], folder: Path) -> None:
        message(f"{PROBE}.fail", str(folder))
        wait(lambda: Task.objects.filter(success=False).exists() and not OrmQ.objects.exists())
        assert (folder / "failed").read_text() == "x"

    def test_a_stop_in_the_middle_of_work_finishes_it(self, owner: subprocess.Popen[bytes], folder: Path) -> None:
        message(f"{PROBE}.sleep", str(folder), 1)
        wait((folder / "sleeping").exists)
        owner.send_signal(signal.SIGTERM)
        assert owner.wait(10) == 0
        assert not OrmQ.objects.exists()

    def test_a_stop_has_a_deadline(self, owner: subprocess.Popen[bytes], folder: Path) -> None:
        message(f"{PROBE}.sleep", str(folder), 600)
        wait((folder / "sleeping").exists)
        owner.send_signal(signal.SIGTERM)
        assert owner.wait(30) == 1
        wait(lambda: not alive_in_session(owner.pid), 5)

    def test_a_signal_to_the_whole_group_ends_it_too(self, owner: subprocess.Popen[bytes]) -> None:
        os.killpg(owner.pid, signal.SIGTERM)
        owner.wait(12)
        wait(lambda: not alive_in_session(owner.pid), 5)

    def test_nothing_outlives_a_killed_owner(self, owner: subprocess.Popen[bytes]) -> None:
        assert len(alive_in_session(owner.pid)) >= 5
        owner.kill()
        owner.wait(5)
        wait(lambda: not alive_in_session(owner.pid), 5)

    def test_the_owner_is_told_when_the_guarding_process_was_killed(
        self, owner: subprocess.Popen[bytes], folder: Path
    ) -> None:
        (guard,) = (pid for pid in alive_in_session(owner.pid) if parent_of(pid) == owner.pid)
        os.kill(guard, signal.SIGKILL)
        assert owner.wait(10) == 1
        assert "processes have died" in (folder / "why").read_text()
        wait(lambda: not alive_in_session(owner.pid), 5)

    def test_the_owner_is_told_when_nothing_gets_on(self, owner: subprocess.Popen[bytes], folder: Path) -> None:
        (guard,) = (pid for pid in alive_in_session(owner.pid) if parent_of(pid) == owner.pid)
        stopped = [pid for pid in alive_in_session(owner.pid) if parent_of(pid) == guard]
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        assert owner.wait(30) == 1
        assert "not asked for work" in (folder / "why").read_text()
