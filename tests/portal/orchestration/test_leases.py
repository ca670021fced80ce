"""Leases: two workers on one row, and the one whose lease is over can record nothing."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from portal.models import Job
from portal.orchestration import leases
from portal.orchestration.leases import Lease, Leases, Lost, hold, let_go
from portal.orchestration.wake import on_poke

Change = Callable[[], object]
ROWS = Leases(Job, Q(state=Job.State.PENDING), Lease[Job])


def now_and(seconds: float) -> datetime:
    return timezone.now() + timedelta(seconds=seconds)


@pytest.fixture
def row(db: None) -> Job:
    return Job.objects.create(kind="tests.row", label="a row", due_at=now_and(-1))


def row_is(row: Job, **fields: object) -> None:
    Job.objects.filter(pk=row.pk).update(**fields)


def lease(row: Job) -> Lease[Job]:
    """As the loop and a worker do it."""
    row_is(row, due_at=now_and(-1))
    with transaction.atomic():
        [ticket] = ROWS.lease(timezone.now(), 10)
    [held] = ROWS.take([ticket.pk], ticket.owner)
    return held


class TestWhoIsDue:
    ROWS: dict[str, tuple[dict[str, object], bool]] = {
        "since a second": ({"due_at": -1}, True),
        "in a while": ({"due_at": 60}, False),
        "never": ({"due_at": None}, False),
        "leased": ({"due_at": -1, "lease_until": 9}, False),
        "leased by somebody who died": ({"due_at": -1, "lease_until": -1}, True),
        "worked on no more": ({"due_at": -1, "state": Job.State.DONE}, False),
    }

    @pytest.mark.parametrize("story", ROWS)
    def test_who_is_due(self, row: Job, story: str) -> None:
        fields, due = self.ROWS[story]
        row_is(row, **{name: now_and(at) if isinstance(at, int) else at for name, at in fields.items()})
        assert ROWS.due(timezone.now()).exists() is due

    def test_the_longest_due_comes_first_and_no_more_than_asked_for(self, row: Job) -> None:
        older = Job.objects.create(kind="tests.row", label="older", due_at=now_and(-60))
        with transaction.atomic():
            assert [ticket.pk for ticket in ROWS.lease(timezone.now(), 1)] == [older.pk]
        with transaction.atomic():
            assert [ticket.pk for ticket in ROWS.lease(timezone.now(), 5)] == [row.pk]


class TestTickets:
    def test_a_ticket_is_good_for_one_worker(self, row: Job) -> None:
        with transaction.atomic():
            [ticket] = ROWS.lease(timezone.now(), 10, group="kind")
        assert ticket.group == "tests.row"
        assert len(ROWS.take([row.pk], ticket.owner)) == 1
        assert ROWS.take([row.pk], ticket.owner) == []

    def test_a_ticket_that_lay_about_for_too_long_is_void(self, row: Job) -> None:
        with transaction.atomic():
            [ticket] = ROWS.lease(timezone.now(), 10)
        row_is(row, lease_until=now_and(-1))
        assert ROWS.take([row.pk], ticket.owner) == []

    def test_what_is_dropped_is_due_at_once(self, row: Job) -> None:
        with transaction.atomic():
            [ticket] = ROWS.lease(timezone.now(), 10)
        ROWS.drop([row.pk], "another")
        assert not ROWS.due(timezone.now()).exists()
        ROWS.drop([row.pk], ticket.owner)
        assert ROWS.due(timezone.now()).exists()


class TestSaves:
    """What `save` and `release` do where the row is not as it was: False, or Lost; and nothing is written."""

    MEANWHILE: dict[str, tuple[Callable[[Job, Lease[Job]], object], object, object]] = {
        "nothing": (lambda row, held: None, True, True),
        "a person has changed it": (lambda row, held: row_is(row, version=7), False, False),
        "somebody has woken it": (lambda row, held: row_is(row, due_at=now_and(0)), True, False),
        "the lease is over and taken by another": (lambda row, held: (_over(row), lease(row)), Lost, Lost),
        "the lease was ended": (lambda row, held: row_is(row, lease_owner="", lease_until=None), Lost, Lost),
        "the lease is over by our own clock": (lambda row, held: setattr(held, "until", held.until - 1000), Lost, Lost),
        "the row is gone": (lambda row, held: row.delete(), Lost, Lost),
    }

    @pytest.mark.parametrize("releases", [False, True])
    @pytest.mark.parametrize("story", MEANWHILE)
    def test_a_save_touches_no_row_that_is_another_by_now(self, row: Job, story: str, releases: bool) -> None:
        meanwhile, saved, released = self.MEANWHILE[story]
        held, expected = lease(row), released if releases else saved
        meanwhile(Job.objects.get(pk=row.pk), held)

        def save() -> object:
            return held.release({"why": "ours"}, now_and(60)) if releases else held.save({"why": "ours"})

        if expected is Lost:
            with pytest.raises(Lost):
                save()
        else:
            assert save() is expected
        assert Job.objects.filter(why="ours").exists() is (expected is True)

    def test_a_save_raises_the_version_and_renews(self, row: Job) -> None:
        held = lease(row)
        held.until -= 20
        before = held.row.version
        assert held.save({"why": "a"})
        assert held.save({"why": "b"})
        row.refresh_from_db()
        assert (row.why, row.version, held.row.version) == ("b", before + 2, before + 2)
        assert held.left > 25
        assert held.may_write()

    def test_what_is_released_is_free_and_due_when_it_says(self, row: Job) -> None:
        later = now_and(60)
        assert lease(row).release({}, later)
        row.refresh_from_db()
        assert (row.lease_owner, row.lease_until, row.due_at) == ("", None, later)

    def test_who_is_woken_meanwhile_is_saved_after_another_look(self, row: Job) -> None:
        held = lease(row)
        leases.wake(Job, [row.pk])
        assert not held.release({}, None)
        held.reload()
        assert held.release({}, None)

    def test_a_renewal_leaves_the_version_and_fails_for_another(self, row: Job) -> None:
        held = lease(row)
        held.until -= 20
        assert held.renew({"done": 3})
        assert held.left > 25
        assert held.release({}, None)
        assert not held.renew({"done": 4})
        row.refresh_from_db()
        assert row.done == 3


class TestGivingBack:
    def test_it_is_due_at_once_where_nobody_said_when(self, row: Job) -> None:
        lease(row).give_back()
        assert ROWS.due(timezone.now()).exists()

    def test_it_is_due_when_its_row_says(self, row: Job) -> None:
        held, later = lease(row), now_and(60)
        row_is(row, due_at=later)
        held.give_back(why="as it was")
        row.refresh_from_db()
        assert (row.due_at, row.lease_owner, row.why) == (later, "", "as it was")

    def test_nothing_is_given_back_of_another(self, row: Job) -> None:
        stale = lease(row)
        _over(row)
        current = lease(row)
        stale.give_back()
        assert current.save({})


class TestLookingAgain:
    def test_what_is_not_ours_any_more_is_lost(self, row: Job) -> None:
        stale = lease(row)
        _over(row)
        lease(row)
        with pytest.raises(Lost):
            stale.reload()
        with pytest.raises(Lost), stale.locked():
            pass

    def test_a_kind_may_have_something_against_a_row(self, row: Job) -> None:
        class Doubting(Lease[Job]):
            def check(self, row: Job) -> None:
                raise LookupError(row.label)

        plain = lease(row)
        held = Doubting(plain.row, plain.owner, plain.until)
        with pytest.raises(LookupError, match="a row"):
            held.reload()


class TestClocks:
    def test_no_lease_of_before_the_clock_was_put_back_keeps_anybody_waiting(self, row: Job) -> None:
        held = lease(row)
        row_is(row, lease_until=now_and(24 * 3600), due_at=now_and(24 * 3600))
        leases.void(ROWS.endless(timezone.now()), timezone.now())
        assert ROWS.due(timezone.now()).exists()
        with pytest.raises(Lost):
            held.save({})

    def test_a_lease_as_long_as_leases_are_stays(self, row: Job) -> None:
        held = lease(row)
        leases.void(ROWS.endless(timezone.now()), timezone.now())
        assert held.save({})


class TestStandingHolds:
    """As of the host that watches a cluster."""

    STORIES: dict[str, tuple[dict[str, object], bool]] = {
        "nobody's": ({}, True),
        "another's": ({"lease_owner": "other", "lease_until": 5}, False),
        "another's, who died": ({"lease_owner": "other", "lease_until": -1}, True),
        "our own": ({"lease_owner": "us", "lease_until": 5}, True),
        "another's, from before the clock was put back": ({"lease_owner": "other", "lease_until": 24 * 3600}, True),
    }

    @pytest.mark.parametrize("story", STORIES)
    def test_who_may_hold(self, row: Job, story: str) -> None:
        fields, expected = self.STORIES[story]
        row_is(row, **{name: now_and(at) if isinstance(at, int) else at for name, at in fields.items()})
        assert hold(Job.objects.filter(pk=row.pk), "us", 8) is expected
        row.refresh_from_db()
        assert (row.lease_owner == "us") is expected

    def test_what_is_let_go_is_anybodys_at_once(self, row: Job) -> None:
        rows = Job.objects.filter(pk=row.pk)
        assert hold(rows, "us", 8)
        let_go(rows, "other")
        assert not hold(rows, "other", 8)
        let_go(rows, "us")
        assert hold(rows, "other", 8)


def test_whoever_wakes_a_row_has_the_loop_look_at_once(
    row: Job, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Callable[..., object]
) -> None:
    poked: list[str] = []
    monkeypatch.setattr("portal.orchestration.wake._pokes", [])
    on_poke(lambda: poked.append("poked"))
    row_is(row, due_at=None)
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
        leases.wake(Job, [row.pk])
    assert ROWS.due(timezone.now()).exists()
    assert poked == ["poked"]


@pytest.mark.django_db(transaction=True)
def test_many_who_lease_at_once_never_lease_the_same() -> None:
    for number in range(60):
        Job.objects.create(kind="tests.row", label=str(number), due_at=now_and(-1))
    leased: list[int] = []
    errors: list[Exception] = []

    def take() -> None:
        try:
            for _ in range(10):
                with transaction.atomic():
                    tickets = ROWS.lease(timezone.now(), 5)
                leased.extend(held.row.pk for ticket in tickets for held in ROWS.take([ticket.pk], ticket.owner))
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert sorted(leased) == sorted(set(leased))
    assert len(leased) == 60


def _over(row: Job) -> None:
    row_is(row, lease_until=now_and(-1))
