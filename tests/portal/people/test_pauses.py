"""How long sign-in pauses: a table."""

from datetime import UTC, datetime, timedelta

import pytest

from portal.people.pauses import LIMITS, Kind, Tally, in_words, paused_until, worth_telling

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECONDS: list[tuple[Kind, int, float]] = [
    (Kind.PAIR, 0, 0),
    (Kind.PAIR, 4, 0),
    (Kind.PAIR, 5, 5),
    (Kind.PAIR, 6, 10),
    (Kind.PAIR, 7, 20),
    (Kind.PAIR, 12, 640),
    (Kind.PAIR, 13, 900),
    (Kind.PAIR, 10**9, 900),
    (Kind.ACCOUNT, 20, 0),
    (Kind.ACCOUNT, 21, 5),
    (Kind.ACCOUNT, 10**9, 60),
    (Kind.ADDRESS, 40, 0),
    (Kind.ADDRESS, 41, 5),
    (Kind.ADDRESS, 10**9, 900),
    (Kind.DEVICE, 5, 5),
]


@pytest.mark.parametrize(("kind", "failures", "seconds"), SECONDS)
def test_the_pause_after_so_many_failures(kind: Kind, failures: int, seconds: float) -> None:
    assert LIMITS[kind].pause(failures) == timedelta(seconds=seconds)


def test_the_longest_pause_that_is_on_counts() -> None:
    known = [Tally(Kind.PAIR, 6, NOW), Tally(Kind.ACCOUNT, 21, NOW), Tally(Kind.ADDRESS, 3, NOW)]
    assert paused_until(known, NOW) == NOW + timedelta(seconds=10)
    assert paused_until(known, NOW + timedelta(seconds=10)) is None


def test_failures_are_forgotten() -> None:
    tally = Tally(Kind.PAIR, 12, NOW)
    assert tally.failed(NOW + timedelta(hours=23)).failures == 13
    assert tally.failed(NOW + timedelta(hours=24)).failures == 1


def test_a_stranger_holds_up_an_account_for_a_minute_at_most() -> None:
    assert LIMITS[Kind.ACCOUNT].most <= timedelta(minutes=1) < LIMITS[Kind.PAIR].most


def test_the_history_tells_of_a_flood_by_its_doublings() -> None:
    assert sum(worth_telling(number) for number in range(1, 1_000_001)) < 220


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 second"), (5, "5 seconds"), (59.1, "1 minute"), (61, "2 minutes"), (900, "15 minutes")],
)
def test_a_pause_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
