"""What a benchmark leaves: a table on the terminal and a JSON file in var/benchmarks/."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table as Drawn

from benchmarks import machine

ROOT = Path(__file__).resolve().parent.parent
RESULTS = Path(os.environ.get("BENCHMARK_RESULTS") or ROOT / "var" / "benchmarks")


@dataclass(frozen=True)
class Table:
    """Rows of text under a title."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Goal:
    """A figure and what it may be at most."""

    what: str
    value: float
    most: float
    unit: str = ""

    @property
    def met(self) -> bool:
        return self.value <= self.most

    @property
    def words(self) -> str:
        """ "ratio to the script: 0.171, goal ≤ 0.2: met"."""
        verdict = "met" if self.met else "missed"
        return f"{self.what}: {self.value:.3g}{self.unit}, goal ≤ {self.most:g}{self.unit}: {verdict}"


@dataclass
class Report:
    """One run of one benchmark. `raw` holds what was measured, round by round, in seconds."""

    name: str
    machine: Mapping[str, str]
    tables: list[Table] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    raw: dict[str, Any] = field(default_factory=dict)

    def publish(self) -> None:
        """Prints the report and writes it to NAME.json in var/benchmarks/, or in the folder BENCHMARK_RESULTS."""
        console = Console(width=140)
        for table in self.tables:
            drawn = Drawn(*table.columns, title=table.title)
            for row in table.rows:
                drawn.add_row(*row)
            console.print(drawn)
        for line in [*(goal.words for goal in self.goals), *self.notes]:
            console.print(line)
        RESULTS.mkdir(parents=True, exist_ok=True)
        goals = [{**asdict(goal), "words": goal.words, "met": goal.met} for goal in self.goals]
        ran_on = {**self.machine, "load after": machine.load()}
        content = {
            **asdict(self),
            "machine": ran_on,
            "goals": goals,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        (RESULTS / f"{self.name}.json").write_text(json.dumps(content, indent=1))
