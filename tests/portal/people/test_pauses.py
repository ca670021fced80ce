"""How long sign-in pauses: a table."""

from datetime import UTC, datetime, timedelta

import pytest

from portal.people.pauses import LIMITS, AttemptKind, FailureTally, in_words, paused_until, worth_telling

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECONDS: list[tuple[AttemptKind, int, float]] = [
    (AttemptKind.PAIR, 0, 0),
    (AttemptKind.PAIR, 4, 0),
    (AttemptKind.PAIR, 5, 5),
    (AttemptKind.PAIR, 6, 10),
    (AttemptKind.PAIR, 7, 20),
    (AttemptKind.PAIR, 12, 640),
    (AttemptKind.PAIR, 13, 900),
    (AttemptKind.PAIR, 10**9, 900),
    (AttemptKind.ACCOUNT, 20, 0),
    (AttemptKind.ACCOUNT, 21, 5),
    (AttemptKind.ACCOUNT, 10**9, 60),
    (AttemptKind.ADDRESS, 40, 0),
    (AttemptKind.ADDRESS, 41, 5),
    (AttemptKind.ADDRESS, 10**9, 900),
    (AttemptKind.DEVICE, 5, 5),
]


@pytest.mark.parametrize(("kind", "failures", "seconds"), SECONDS)
def test_the_pause_after_so_many_failures(kind: AttemptKind, failures: int, seconds: float) -> None:
    assert LIMITS[kind].pause(failures) == timedelta(seconds=seconds)


def test_the_longest_pause_that_is_on_counts() -> None:
    known = [
        FailureTally(AttemptKind.PAIR, 6, NOW),
        FailureTally(AttemptKind.ACCOUNT, 21, NOW),
        FailureTally(AttemptKind.ADDRESS, 3, NOW),
    ]
    assert paused_until(known, NOW) == NOW + timedelta(seconds=10)
    assert paused_until(known, NOW + timedelta(seconds=10)) is None


def test_failures_are_forgotten() -> None:
    tally = FailureTally(AttemptKind.PAIR, 12, NOW)
    assert tally.failed(NOW + timedelta(hours=23)).failures == 13
    assert tally.failed(NOW + timedelta(hours=24)).failures == 1


def test_a_stranger_holds_up_an_account_for_a_minute_at_most() -> None:
    assert LIMITS[AttemptKind.ACCOUNT].most <= timedelta(minutes=1) < LIMITS[AttemptKind.PAIR].most


def test_the_history_tells_of_a_flood_by_its_doublings() -> None:
    assert sum(worth_telling(number) for number in range(1, 1_000_001)) < 220


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 second"), (5, "5 seconds"), (59.1, "1 minute"), (61, "2 minutes"), (900, "15 minutes")],
)
def test_a_pause_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
