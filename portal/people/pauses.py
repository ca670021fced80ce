"""How long sign-in pauses after failures. Pure: a table and two functions of numbers and moments."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum


class AttemptKind(StrEnum):
    """What failures are counted for."""

    DEVICE = "device"  # an account in a browser that it has signed in from before
    PAIR = "pair"  # an account at an address
    ACCOUNT = "account"  # an account from wherever
    ADDRESS = "address"  # an address, whatever the account
    ALL = "all"  # everything: for what the history tells


@dataclass(frozen=True)
class Limit:
    """So many failures are free; then pauses double from `first` to `most`. After `forget` they are forgotten."""

    free: int
    first: timedelta
    most: timedelta
    forget: timedelta

    def pause(self, failures: int) -> timedelta:
        """The pause after so many failures in a row."""
        over = failures - self.free
        if over <= 0:
            return timedelta()
        # Beyond 2**20 no pause grows any more, and the number itself would.
        return min(self.first * (1 << min(over - 1, 20)), self.most)


SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
# Tight where strangers hold up themselves alone; short for an account as a whole, where they would hold up its owner.
LIMITS: Mapping[AttemptKind, Limit] = {
    AttemptKind.DEVICE: Limit(4, 5 * SECOND, 15 * MINUTE, 24 * HOUR),
    AttemptKind.PAIR: Limit(4, 5 * SECOND, 15 * MINUTE, 24 * HOUR),
    AttemptKind.ACCOUNT: Limit(20, 5 * SECOND, MINUTE, HOUR),
    AttemptKind.ADDRESS: Limit(40, 5 * SECOND, 15 * MINUTE, HOUR),
    AttemptKind.ALL: Limit(1_000_000_000, SECOND, SECOND, HOUR),
}
LONGEST = max(limit.forget for limit in LIMITS.values())
ALL_TOLD = 200


@dataclass(frozen=True)
class FailureTally:
    """Failures in a row of one kind, and the moment of the last; None where there was none."""

    kind: AttemptKind
    failures: int = 0
    last_at: datetime | None = None

    def paused_until(self) -> datetime | None:
        """Until when no password is looked at; None where there is no pause."""
        pause = LIMITS[self.kind].pause(self.failures)
        return self.last_at + pause if self.last_at and pause else None

    def failed(self, now: datetime) -> "FailureTally":
        """The tally with one more failure; one that is long ago is forgotten."""
        forgotten = self.last_at is None or self.last_at + LIMITS[self.kind].forget <= now
        return replace(self, failures=1 if forgotten else self.failures + 1, last_at=now)


def paused_until(tallies: Iterable[FailureTally], now: datetime) -> datetime | None:
    """The end of the longest pause that is on now."""
    ends = [end for tally in tallies if (end := tally.paused_until()) and end > now]
    return max(ends, default=None)


def worth_telling(failures: int) -> bool:
    """Whether the history tells of the nth failure within an hour: of all at first, then at each doubling."""
    return failures <= ALL_TOLD or failures & (failures - 1) == 0


def in_words(seconds: float) -> str:
    """A pause as a person is told: 5 seconds, 2 minutes."""
    whole = max(1, int(-(-seconds // 1)))
    if whole < 60:
        return f"{whole} second{'s' if whole > 1 else ''}"
    minutes = -(-whole // 60)
    return f"{minutes} minute{'s' if minutes > 1 else ''}"
