"""Who works on a rollout: a lease that also asks whether the history vouches for what it reads."""

from typing import Any, ClassVar

from django.db.models import Q

from portal.orchestration.leases import Lease, Leases, Lost
from releases import vouched
from releases.models import Rollout
from releases.states import DRIVEN

__all__ = ["CLAIMS", "Claim", "Lost"]


class Claim(Lease[Rollout]):
    """One worker's hold on one rollout. What reads it anew raises Doubtful where the history has another."""

    related: ClassVar[tuple[str, ...]] = ("release", "application", "environment__cluster", "previous__release")

    @property
    def rollout(self) -> Rollout:
        return self.row

    def check(self, row: Rollout) -> None:
        vouched.check(row)

    def give_back(self, **fields: Any) -> None:
        """Gives a rollout that is not live back as it is, with no try under way."""
        super().give_back(cursor={}, **fields)


CLAIMS = Leases(Rollout, Q(phase__in=DRIVEN), Claim)
