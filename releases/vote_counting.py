"""How votes are counted. Pure: whoever shows or needs a number of votes has it from here."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from releases.identity import Identity


@dataclass(frozen=True)
class Vote:
    """One vote for a plan. `why_not` says why it does not count, "" where it does."""

    pk: int
    name: str
    who: Identity
    why_not: str = ""


@dataclass(frozen=True)
class Standing:
    """The votes for a plan as they count now, in the order in which they were cast."""

    needed: int
    counted: tuple[Vote, ...] = ()
    lost: tuple[Vote, ...] = ()
    doubts: tuple[str, ...] = ()
    """What of them the history does not have, in words; then nothing is decided by them."""

    @property
    def missing(self) -> int:
        """How many more are needed."""
        return max(0, self.needed - len(self.counted))

    @property
    def enough(self) -> bool:
        return self.missing == 0

    @property
    def words(self) -> str:
        """Who agrees, how many more are needed, and whose vote does not count and why."""
        lost = " ".join(f"The vote of {vote.name} does not count: {vote.why_not}" for vote in self.lost)
        return f"{self._agreement()} {lost}".strip()

    def _agreement(self) -> str:
        if self.counted:
            names = ", ".join(vote.name for vote in self.counted)
            return f"Approved by {names}." + (f" {self.missing} more needed." if self.missing else "")
        return f"Waits for {self.needed} approval{'s' if self.needed > 1 else ''}." if self.needed else ""


def count(votes: Iterable[Vote], needed: int, doubts: Iterable[str] = ()) -> Standing:
    """Counts each person once, whatever accounts they have: the earliest vote of theirs that counts."""
    counted: list[Vote] = []
    lost: list[Vote] = []
    for vote in votes:
        judged = vote if vote.why_not else replace(vote, why_not=_twice(vote, counted))
        (lost if judged.why_not else counted).append(judged)
    return Standing(needed, tuple(counted), tuple(lost), tuple(doubts))


def _twice(vote: Vote, counted: Iterable[Vote]) -> str:
    first = next((other for other in counted if other.who.is_same(vote.who)), None)
    return f"{first.name} has the same account, name or address, and everybody has one vote." if first else ""
