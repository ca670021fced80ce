"""One kind (colour and shape) and one word for each state; every page takes them from here."""

from releases.models import Rollout, Step
from releases.states import Phase

KINDS: dict[Phase, str] = {
    Phase.PLANNING: "run",
    Phase.AWAITING_APPROVAL: "ask",
    Phase.WAITING: "hold",
    Phase.PROGRESSING: "run",
    Phase.PAUSED: "hold",
    Phase.VERIFYING: "run",
    Phase.SUCCEEDED: "good",
    Phase.REJECTED: "bad",
    Phase.EXPIRED: "idle",
    Phase.CANCELLED: "idle",
    Phase.FAILED: "bad",
    Phase.ABORTING: "run",
    Phase.ABORTED: "bad",
    Phase.ROLLING_BACK: "run",
    Phase.ROLLED_BACK: "back",
}
STEP_KINDS: dict[str, str] = {
    Step.State.PENDING: "idle",
    Step.State.RUNNING: "run",
    Step.State.DONE: "good",
    Step.State.FAILED: "bad",
    Step.State.SKIPPED: "idle",
}

SCALER_KINDS: dict[str, str] = {"good": "good", "wait": "run", "hold": "hold", "fail": "bad"}


def kind_of(rollout: Rollout) -> str:
    """good, run, ask, bad, hold, idle or back."""
    return "ask" if asks(rollout) else KINDS[Phase(rollout.phase)]


def word_of(rollout: Rollout) -> str:
    """The phase as a person reads it."""
    return "Asks" if asks(rollout) else str(rollout.phase).capitalize()


def asks(rollout: Rollout) -> bool:
    """Whether it has paused by itself, to ask a person how it goes on."""
    return rollout.phase == Phase.PAUSED and bool(rollout.state.asked)
