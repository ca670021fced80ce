"""What carries the toy's operations out, on a van that outlives any process."""

from dataclasses import dataclass, field

from portal.steps.handlers import Handlers


@dataclass
class Van:
    """The world outside. `done`: every operation, in order."""

    inside: list[str] = field(default_factory=list)
    away: bool = False
    braked: bool = False
    kilograms: int = 60
    done: list[str] = field(default_factory=list)


HANDLERS: Handlers[Van] = Handlers(__name__)
