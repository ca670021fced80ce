"""Every phase of a rollout and every way from one to another. Nothing else in the product moves a rollout."""

from collections.abc import Mapping
from enum import StrEnum


class Phase(StrEnum):
    PLANNING = "planning"
    AWAITING_APPROVAL = "awaiting approval"
    WAITING = "waiting"
    PROGRESSING = "progressing"
    PAUSED = "paused"
    VERIFYING = "verifying"
    SUCCEEDED = "succeeded"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    FAILED = "failed"
    ABORTING = "aborting"
    ABORTED = "aborted"
    ROLLING_BACK = "rolling back"
    ROLLED_BACK = "rolled back"


# Phases in which a rollout writes to the cluster: one at a time per application and environment.
LIVE = frozenset({Phase.PROGRESSING, Phase.PAUSED, Phase.VERIFYING, Phase.ABORTING, Phase.ROLLING_BACK})
# Phases that the orchestrator works on; in the others a rollout waits for people or has ended.
DRIVEN = LIVE | {Phase.PLANNING, Phase.AWAITING_APPROVAL, Phase.WAITING}
ENDED = frozenset(Phase) - DRIVEN

TRANSITIONS: Mapping[Phase, frozenset[Phase]] = {
    Phase.PLANNING: frozenset({Phase.AWAITING_APPROVAL, Phase.WAITING, Phase.FAILED, Phase.CANCELLED, Phase.EXPIRED}),
    Phase.AWAITING_APPROVAL: frozenset({Phase.PLANNING, Phase.WAITING, Phase.REJECTED, Phase.EXPIRED, Phase.CANCELLED}),
    Phase.WAITING: frozenset(
        {Phase.PROGRESSING, Phase.AWAITING_APPROVAL, Phase.PLANNING, Phase.CANCELLED, Phase.EXPIRED, Phase.FAILED}
    ),
    Phase.PROGRESSING: frozenset({Phase.PAUSED, Phase.VERIFYING, Phase.FAILED, Phase.ABORTING, Phase.ROLLING_BACK}),
    Phase.PAUSED: frozenset({Phase.PROGRESSING, Phase.VERIFYING, Phase.FAILED, Phase.ABORTING, Phase.ROLLING_BACK}),
    Phase.VERIFYING: frozenset({Phase.PAUSED, Phase.SUCCEEDED, Phase.FAILED, Phase.ABORTING, Phase.ROLLING_BACK}),
    Phase.ABORTING: frozenset({Phase.ABORTED, Phase.ROLLING_BACK, Phase.FAILED}),
    Phase.ROLLING_BACK: frozenset({Phase.ROLLED_BACK, Phase.FAILED}),
    Phase.FAILED: frozenset({Phase.ROLLING_BACK, Phase.PROGRESSING}),
    Phase.ABORTED: frozenset({Phase.ROLLING_BACK}),
    Phase.SUCCEEDED: frozenset({Phase.ROLLING_BACK}),
    Phase.REJECTED: frozenset(),
    Phase.EXPIRED: frozenset(),
    Phase.CANCELLED: frozenset(),
    Phase.ROLLED_BACK: frozenset(),
}


class InvalidTransition(Exception):
    """The rollout is in a phase from which the asked step does not lead; the text says what to do instead."""


def may_move(current: Phase, target: Phase) -> bool:
    """Whether the table has this way."""
    return target in TRANSITIONS[current]


def check_move(current: Phase, target: Phase) -> None:
    """InvalidTransition where the table does not have this way."""
    if not may_move(current, target):
        ways = ", ".join(sorted(TRANSITIONS[current])) or "nowhere: it has ended"
        raise InvalidTransition(f"A rollout that is {current} cannot become {target}; from here it goes to {ways}.")
