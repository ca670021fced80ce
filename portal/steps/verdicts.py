"""What a step says of itself when there is nothing to do."""

from dataclasses import dataclass

HEARTBEAT = 30.0  # seconds after which a work that nothing wakes is looked at all the same


@dataclass(frozen=True)
class Done:
    """The step has reached what it is for; `why` is kept with it."""

    why: str = ""


@dataclass(frozen=True)
class Wait:
    """Not yet. `due_in`: seconds after which to look again even if nothing wakes the work."""

    why: str
    due_in: float = HEARTBEAT


@dataclass(frozen=True)
class Fail:
    """It will not get there without a change. `back`: the way back begins at once, whatever the place says."""

    why: str
    back: bool = False


@dataclass(frozen=True)
class Ask:
    """It cannot tell: the work is paused with these words, and a person says how it goes on."""

    why: str


Judgement = Done | Wait | Fail | Ask
