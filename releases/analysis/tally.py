"""How the verdicts of a step add up. Pure; JSON in the step's memory.

A failure counts whatever came before or after it. Errors are neither failures nor passes, and have a limit of their
own, since a Prometheus that is down says nothing about the release.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from releases.analysis.metrics import Metric
from releases.analysis.samples import Point

Way = Literal["go", "wait", "fail", "ask", "error-limit"]
ORDER: tuple[Way, ...] = ("fail", "error-limit", "ask", "wait", "go")
"""Which of several outcomes rules."""


@dataclass(frozen=True)
class Count:
    """Of one metric of one workload within a step; `…_row`: how many in a row up to now; `why`: of the newest point."""

    passes: int = 0
    failures: int = 0
    inconclusive_row: int = 0
    error_row: int = 0
    failed: str = ""
    why: str = ""

    def add(self, point: Point) -> "Count":
        count = replace(self, why=point.why)
        if point.verdict == "error":
            return replace(count, error_row=self.error_row + 1)
        count = replace(count, error_row=0)
        if point.verdict == "inconclusive":
            return replace(count, inconclusive_row=self.inconclusive_row + 1)
        count = replace(count, inconclusive_row=0)
        if point.verdict == "pass":
            return replace(count, passes=self.passes + 1)
        return replace(count, failures=self.failures + 1, failed=point.why)


@dataclass(frozen=True)
class EvidenceOutcome:
    """What follows, and why in words. "ask" and "error-limit" pause: neither promoted nor rolled back."""

    way: Way
    words: str


@dataclass(frozen=True)
class Tally:
    """The counts of a step, by "WORKLOAD METRIC"."""

    counts: Mapping[str, Count] = field(default_factory=dict)

    @classmethod
    def from_json(cls, data: Mapping[str, Mapping[str, Any]]) -> "Tally":
        """What to_json gave; the beginning for {}."""
        return cls({key: Count(**count) for key, count in data.items()})

    def to_json(self) -> dict[str, dict[str, Any]]:
        return {key: asdict(count) for key, count in self.counts.items()}

    def add(self, point: Point) -> "Tally":
        """With one more point; each point is to be added once."""
        key = _key(point.workload, point.metric)
        return Tally({**self.counts, key: self.counts.get(key, Count()).add(point)})

    def taken_up(self) -> "Tally":
        """As it is when a person lets a paused step go on: what was asked about begins anew, failures stay."""
        return Tally({key: replace(count, inconclusive_row=0, error_row=0) for key, count in self.counts.items()})

    def outcome(self, metric: Metric, workload: str) -> EvidenceOutcome:
        """What the counts of one metric of one workload lead to."""
        count = self.counts.get(_key(workload, metric.name), Count())
        way = _way(metric, count)
        return EvidenceOutcome(way, f"{workload}: {metric.name} {_words(metric, count)[way]}")

    def overall(self, wanted: Iterable[tuple[str, Metric]]) -> EvidenceOutcome:
        """What all (workload, metric) together lead to: the gravest rules, and its words are those told.

        "go" where nothing is wanted.
        """
        outcomes = [self.outcome(metric, workload) for workload, metric in wanted]
        for way in ORDER:
            if words := [outcome.words for outcome in outcomes if outcome.way == way]:
                return EvidenceOutcome(way, "; ".join(words))
        return EvidenceOutcome("go", "nothing is measured")


def _key(workload: str, metric: str) -> str:
    return f"{workload} {metric}"


def _way(metric: Metric, count: Count) -> Way:
    if count.failures > metric.failure_limit:
        return "fail"
    if count.error_row >= metric.error_limit:
        return "error-limit"
    if count.inconclusive_row >= metric.inconclusive_limit:
        return "ask"
    if count.passes < metric.count or count.inconclusive_row or count.error_row:
        return "wait"
    return "go"


def _words(metric: Metric, count: Count) -> dict[Way, str]:
    passed = f"passed {min(count.passes, metric.count)} of {metric.count}"
    failures = f"{count.failures} failed, {metric.failure_limit} may"
    return {
        "fail": f"failed: {count.failed}" + (f" ({failures})" if metric.failure_limit else ""),
        "error-limit": f"could not be measured {count.error_row} times in a row: {count.why} "
        "This says nothing about the release: it is neither promoted nor taken back.",
        "ask": f"was inconclusive {count.inconclusive_row} times in a row: {count.why}",
        "wait": passed + (f"; {count.why}" if count.why else ""),
        "go": f"{passed}; {count.why}",
    }
