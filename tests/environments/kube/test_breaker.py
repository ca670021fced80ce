"""The breaker by a clock of the test's own."""

import threading

import pytest

from environments.kube.api.breaker import Breaker


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def states() -> list[str]:
    return []


@pytest.fixture
def breaker(clock: Clock, states: list[str]) -> Breaker:
    return Breaker(clock=clock, on_change=states.append)


def calls(breaker: Breaker, good: int = 0, bad: int = 0) -> None:
    for _ in range(good):
        breaker.success()
    for _ in range(bad):
        breaker.failure()


@pytest.mark.parametrize(
    ("good", "bad", "state"),
    [(0, 9, "closed"), (0, 10, "open"), (6, 5, "closed"), (5, 5, "open"), (6, 4, "closed"), (100, 99, "closed")],
)
def test_it_opens_at_half_of_at_least_ten(breaker: Breaker, good: int, bad: int, state: str) -> None:
    calls(breaker, good, bad)
    assert breaker.state == state


def test_failures_of_long_ago_do_not_count(breaker: Breaker, clock: Clock) -> None:
    calls(breaker, bad=9)
    clock.now = 31
    calls(breaker, bad=1)
    assert breaker.state == "closed"


def test_while_open_nothing_goes_through(breaker: Breaker, clock: Clock) -> None:
    calls(breaker, bad=10)
    clock.now = 9.9
    assert not breaker.allow()


def test_after_a_pause_one_goes_through_and_closes_it(breaker: Breaker, clock: Clock, states: list[str]) -> None:
    calls(breaker, bad=10)
    clock.now = 10
    assert [breaker.allow(), breaker.allow()] == [True, False]
    breaker.success()
    assert breaker.allow()
    assert states == ["open", "half-open", "closed"]


def test_or_opens_it_again(breaker: Breaker, clock: Clock, states: list[str]) -> None:
    calls(breaker, bad=10)
    clock.now = 10
    assert breaker.allow()
    breaker.failure()
    assert not breaker.allow()
    clock.now = 20
    assert breaker.allow()
    assert states == ["open", "half-open", "open", "half-open"]


def test_a_try_that_is_never_told_of_gives_way_to_the_next(breaker: Breaker, clock: Clock) -> None:
    calls(breaker, bad=10)
    clock.now = 10
    assert breaker.allow()
    clock.now = 20
    assert breaker.allow()


def test_what_was_under_way_when_it_opened_does_not_close_it(breaker: Breaker) -> None:
    calls(breaker, bad=10, good=0)
    breaker.success()
    assert breaker.state == "open"


def test_threads_open_it_once(breaker: Breaker, states: list[str]) -> None:
    threads = [threading.Thread(target=calls, args=(breaker, 0, 50)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (breaker.state, states) == ("open", ["open"])
