"""What a step may want done, and what came of it. Data only: handlers of the kind of work carry it out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

Result = Mapping[str, Any]
"""What a handler gives, as JSON; each operation says what is in it."""


@dataclass(frozen=True)
class Record:
    """What a step measured or found. Subclasses say what it is; whoever saves the decision puts it on record."""


@dataclass(frozen=True)
class Operation:
    """One call or a few on one thing. `slot` and `key` say where its result is remembered.

    It may be done again, whatever became of it before: after a crash nobody knows.
    """

    slot: ClassVar[str] = ""
    writes: ClassVar[bool] = True
    outdates: ClassVar[tuple[str, ...]] = ()
    """Slots whose results under the same key are from before this write, once it is done."""

    @property
    def key(self) -> str:
        return ""

    def remembered(self, before: Result, outcome: "Outcome", now: float) -> Result | None:  # noqa: ARG002
        """What is remembered of an outcome, where there was `before`; None: its trouble counts against the step."""
        return None if outcome.trouble else outcome.result

    def written(self, before: Result | None, result: Result, now: float) -> Result | None:  # noqa: ARG002
        """What is noted of its key for as long as the work lasts, in the place of `before`; None leaves that."""
        return None

    def records(self, result: Result) -> tuple[Record, ...]:  # noqa: ARG002
        """What of a result goes on record."""
        return ()

    def output(self, result: Result) -> str:  # noqa: ARG002
        """What a program wrote or answered: for who may read logs alone, so it is no part of why."""
        return ""


@dataclass(frozen=True)
class Trouble:
    """Why an operation was not done, in whole sentences. `fault`: whose it is, in the words of the kind of work.

    `retry_after` in seconds, where the other side named them.
    """

    fault: str
    words: str
    retry_after: float | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of one operation: its result, or the trouble."""

    operation: Operation
    result: Result = field(default_factory=dict)
    trouble: Trouble | None = None

    @property
    def records(self) -> tuple[Record, ...]:
        """What goes on record of it."""
        return () if self.trouble else self.operation.records(self.result)

    @property
    def output(self) -> str:
        """What a program wrote or answered."""
        return "" if self.trouble else self.operation.output(self.result)
