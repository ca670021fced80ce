"""What the toy's steps want done."""

from dataclasses import dataclass
from typing import ClassVar

from portal.steps.operations import Operation, Outcome, Record, Result


@dataclass(frozen=True)
class Weighed(Record):
    """What the van weighed, in kilograms, `at` seconds since the epoch."""

    kilograms: int
    at: float


@dataclass(frozen=True)
class OnThing(Operation):
    thing: str

    @property
    def key(self) -> str:
        return self.thing


@dataclass(frozen=True)
class Pack(OnThing):
    """Put a thing into the van. Result: {"place": int, "said": str}."""

    slot: ClassVar[str] = "packed"

    def written(self, before: Result | None, result: Result, now: float) -> Result | None:
        return {"place": result["place"], "at": now}

    def output(self, result: Result) -> str:
        return str(result.get("said", ""))


@dataclass(frozen=True)
class Weigh(OnThing):
    """Weigh the van. Result: {"kilograms": int, "at": float}."""

    at: float
    slot: ClassVar[str] = "weighed"
    writes: ClassVar[bool] = False

    def records(self, result: Result) -> tuple[Record, ...]:
        return (Weighed(result["kilograms"], result["at"]),)


@dataclass(frozen=True)
class Glance(OnThing):
    """Look out of the window; that there is none fails nothing. Result: {"seen": str, "count": int}."""

    slot: ClassVar[str] = "glanced"
    writes: ClassVar[bool] = False

    def remembered(self, before: Result, outcome: Outcome, now: float) -> Result | None:
        seen = "no window" if outcome.trouble else outcome.result["seen"]
        return {"seen": seen, "count": before.get("count", 0) + 1}


@dataclass(frozen=True)
class SendOff(OnThing):
    """Send the van off. Result: {}."""

    slot: ClassVar[str] = "sent"


@dataclass(frozen=True)
class Brake(OnThing):
    """Have it stand still. Result: {}."""

    slot: ClassVar[str] = "braked"


@dataclass(frozen=True)
class Unpack(OnThing):
    """Take a thing out again, wherever the van is. Result: {}."""

    slot: ClassVar[str] = "unpacked"
