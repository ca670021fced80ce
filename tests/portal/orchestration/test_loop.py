"""The loop hands out what is due, but no more than the workers get to before the tickets are void."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import Error
from django.utils import timezone
from prometheus_client import CollectorRegistry, Histogram

from portal.models import Job
from portal.orchestration import companions, duties, work
from portal.orchestration.duties import Duty
from portal.orchestration.leases import Ticket
from portal.orchestration.loop import Loop, batches
from portal.orchestration.work import PassKind
from tests.portal.orchestration.pass_kind import NAME, ROWS

KIND = PassKind(name=NAME, leases=ROWS, path="path.of.pass", batch=2, most=5, spread=1, ahead=3)
Messages = list[tuple[Any, ...]]


@pytest.fixture
def kind(db: None, monkeypatch: pytest.MonkeyPatch) -> Callable[..., PassKind]:
    """The only kind of work that there is, with what a test changes of it."""

    def only(**changes: Any) -> PassKind:
        made = replace(KIND, **changes)
        monkeypatch.setattr(work, "_kinds", {})
        work.register(made)
        return made

    return only


def rows(count: int) -> list[int]:
    at = timezone.now()
    return [
        Job.objects.create(kind=NAME, label=str(n), target=str(n % 2), due_at=at - timedelta(seconds=count - n)).pk
        for n in range(count)
    ]


def tick(row: int = 0) -> tuple[int, Messages]:
    messages: Messages = []
    return Loop(lambda *message: messages.append(message), lambda: row).tick(), messages


@pytest.mark.parametrize(("row", "sent"), [(0, 1), (2, 1), (3, 0), (50, 0)])
def test_nothing_is_leased_while_a_row_of_messages_waits(kind: Callable[..., PassKind], row: int, sent: int) -> None:
    kind()
    [pk] = rows(1)
    leased, messages = tick(row)
    assert (leased, len(messages)) == (sent, sent)
    assert bool(Job.objects.get(pk=pk).lease_owner) is bool(sent)


def test_what_is_due_is_sent_in_batches_longest_due_first(kind: Callable[..., PassKind]) -> None:
    kind()
    first, second, third, fourth, fifth, _ = rows(6)
    leased, messages = tick()
    assert leased == 5
    assert [path for path, _, _ in messages] == ["path.of.pass"] * 3
    sent = sorted(int(pk) for _, ids, _ in messages for pk in ids.split(","))
    assert sent == [first, second, third, fourth, fifth]
    assert tick()[0] == 1
    assert tick()[0] == 0


def test_rows_of_a_batch_have_something_in_common(kind: Callable[..., PassKind]) -> None:
    kind(group="target", batch=20, most=20)
    made = rows(4)
    _, messages = tick()
    assert [ids for _, ids, _ in messages] == [f"{made[0]},{made[2]}", f"{made[1]},{made[3]}"]


@pytest.mark.parametrize(
    ("groups", "most", "sizes"),
    [([1] * 5, 20, [5]), ([1, 2, 1], 20, [2, 1]), ([1] * 45, 20, [20, 20, 5]), ([1] * 4, 1, [1, 1, 1, 1]), ([], 1, [])],
)
def test_batches_have_one_group_each(groups: list[int], most: int, sizes: list[int]) -> None:
    leased = [Ticket(pk, group, "ticket", timezone.now()) for pk, group in enumerate(groups)]
    found = list(batches(leased, most))
    assert [len(ids) for ids, _ in found] == sizes
    assert sorted(pk for ids, _ in found for pk in ids) == list(range(len(groups)))


def test_how_late_it_was_is_observed(kind: Callable[..., PassKind]) -> None:
    lateness = Histogram("late", "Late.", registry=CollectorRegistry())
    kind(lateness=lateness)
    rows(2)
    tick()
    [count] = [each.value for each in lateness.collect()[0].samples if each.name == "late_count"]
    assert count == 2


def test_the_sweep_wakes_what_is_forgotten_and_ends_leases_of_before_the_clock_was_put_back(
    kind: Callable[..., PassKind],
) -> None:
    [forgotten, endless] = rows(2)
    far = timezone.now() + timedelta(days=1)
    Job.objects.filter(pk=forgotten).update(due_at=None)
    Job.objects.filter(pk=endless).update(lease_owner="gone", lease_until=far, due_at=far)
    kind(forgotten=lambda now: [forgotten])
    work.sweep()
    assert tick()[0] == 2


def test_it_is_idle_where_no_kind_has_anything_under_way(kind: Callable[..., PassKind]) -> None:
    kind()
    assert work.idle()
    kind(busy=lambda: True)
    assert not work.idle()


def test_a_name_is_registered_once(kind: Callable[..., PassKind]) -> None:
    with pytest.raises(ValueError, match="already"):
        work.register(kind())


def test_a_poke_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.orchestration.loop.TICK", 600)
    loop = Loop(lambda *_: None, lambda: 0)
    threading.Timer(0.05, loop.poke).start()
    loop.wait()


class TestDuties:
    def test_each_is_done_when_it_is_time(self) -> None:
        clock, done = [0.0], list[float]()
        duty = Duty(5, lambda: done.append(clock[0]), lambda: clock[0])
        for at in (0, 1, 4.9, 5, 9, 10.5):
            clock[0] = at
            duty.do()
        assert done == [0, 5, 10.5]

    def test_what_one_raises_keeps_no_other_from_its_work_but_for_the_databases(self) -> None:
        Duty(1, lambda: 1 / 0).do()

        def fail() -> None:
            raise Error("gone")

        with pytest.raises(Error):
            Duty(1, fail).do()

    def test_what_is_registered_is_done_by_each_orchestrator(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(duties, "_registered", [])
        done: list[str] = []
        duties.every(60)(lambda: done.append("done"))
        for _ in range(2):
            [duty] = duties.duties()
            duty.do()
        assert done == ["done", "done"]


def test_companions_are_made_for_each_orchestrator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(companions, "_factories", [])
    companions.register(threading.Thread)  # type: ignore[arg-type]
    first, second = companions.companions(None)[0], companions.companions(None)[0]  # type: ignore[arg-type]
    assert first is not second
