"""The steps of what is rolled: objects in their order, workloads in waves. Pure.

A strategy that moves requests takes them for the workloads whose requests it cannot move.
"""

from releases.engine.facts import Work
from releases.engine.steps import ConfirmStep, RolloutStep
from releases.strategies import neighbours
from releases.strategies.shared import parts


def forward(work: Work) -> tuple[RolloutStep, ...]:
    """The steps that bring a plan in."""
    return (ConfirmStep("Check that the plan still holds"), *_there(work))


def back(work: Work) -> tuple[RolloutStep, ...]:
    """The steps by which what ran before comes back."""
    return neighbours.resumed(work, _there(work, returning=True))


def _there(work: Work, *, returning: bool = False) -> tuple[RolloutStep, ...]:
    return (
        *parts.adopted(work),
        *parts.configured(work),
        *parts.services(parts.early_services(work)),
        *(step for number, targets in parts.waves(work) for step in parts.wave(work, number, targets)),
        *parts.services(parts.late_services(work), "Services of one side"),
        *parts.after(work),
        *neighbours.drained(work),
        *parts.removed(work),
        *parts.ending(work, returning=returning),
    )
