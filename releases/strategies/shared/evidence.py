"""Evidence for a step: which measurements are due, what they add up to, and what to say of them. Pure.

A step keeps in its memory `tally` (see Tally), `last` (the newest point of each metric) and `came` (when the newest
came in); each operation Measure leaves its sample in `measured`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from environments.kube.traffic import Route
from portal.steps.state import Memory
from releases.analysis.judge import judge
from releases.analysis.metrics import Metric
from releases.analysis.samples import Point, Sample
from releases.analysis.tally import EvidenceOutcome, Tally
from releases.engine.facts import View
from releases.strategies.shared.measurement_summary import Newest, told
from releases.strategies.shared.records import Measured
from releases.strategies.shared.traffic_operations import Measure

SHORTEST_WINDOW = 4.0  # seconds: a shorter one has too few scrapes in it to tell a rate
BREATH = 0.5  # seconds between what came in and the next look: time to decide by it


@dataclass(frozen=True)
class Evidence:
    """What is measured of the workloads behind `routes` while the canary's side gets `weight` % of their requests.

    `since`: when it began to get them, in seconds since the epoch; nothing is measured before that. `alone`: there is
    nothing beside it that gets requests. `began`: when this version got its first requests: what was measured before
    is of another one that bore the same names.
    """

    metrics: tuple[Metric, ...]
    routes: tuple[Route, ...]
    weight: int
    since: float | None
    alone: bool = False
    began: float | None = None

    @classmethod
    def of(
        cls,
        settings: Mapping[str, Any],
        routes: Iterable[Route],
        weight: int,
        since: float | None,
        began: float | None = None,
    ) -> "Evidence":
        """From a step's settings: "metrics", a list of Metric's JSON, and "alone"."""
        metrics = tuple(Metric.from_json(each) for each in settings.get("metrics", ()))
        if weight >= 100:
            metrics = _without_comparisons(metrics)
        return cls(metrics, tuple(routes), weight, since, bool(settings.get("alone")), began)

    def taken_in(self, memory: Memory, now: float) -> tuple[Memory, tuple[Measured, ...]]:
        """The memory with every new sample counted, and what each was judged to be, for the record."""
        samples = dict(memory.get("measured") or {})
        found = []
        for key, data in samples.items():
            sample = Sample.from_json(data)
            metric = next((metric for metric in self.metrics if metric.name == sample.metric), None)
            if metric is not None:
                point = judge(metric, sample)
                memory = self._with(memory, key, metric, sample, point)
                found.append(Measured(point, self.weight))
        return ({**memory, "measured": {}, "came": {"at": now}} if samples else memory), tuple(found)

    def _with(self, memory: Memory, key: str, metric: Metric, sample: Sample, point: Point) -> Memory:
        row = {**point.to_json(), "weight": self.weight}
        taken = {**memory, "last": {**memory.get("last", {}), key: row}}
        if sample.error and not sample.transient:
            taken["blocked"] = sample.error
        if self._is_early(metric, point):
            return taken
        return {**taken, "tally": Tally.from_json(memory.get("tally", {})).add(point).to_json()}

    def _is_early(self, metric: Metric, point: Point) -> bool:
        """Too few requests prove nothing while there was no time yet for more of them."""
        filling = self.since is None or point.at - self.since < metric.window
        return point.verdict == "inconclusive" and filling

    def due(self, view: View) -> tuple[Measure, ...]:
        """The measurements to be made now."""
        now, since = view.facts.now, self.since
        if since is None:
            return ()
        return tuple(
            Measure(route, now, metric, self._window(metric, now), self.alone)
            for route in self.routes
            for metric in self.metrics
            if now >= self._next(view.memory, route, metric)
        )

    def _window(self, metric: Metric, now: float) -> float:
        assert self.since is not None
        known = now - self.since if self.began is None else now - self.began
        return min(metric.window, max(now - self.since, min(known, SHORTEST_WINDOW)))

    def _next(self, memory: Memory, route: Route, metric: Metric) -> float:
        last = memory.get("last", {}).get(f"{route.workload} {metric.name}")
        since = self.since or 0.0
        first = max(since + metric.interval, (since if self.began is None else self.began) + SHORTEST_WINDOW)
        came = float((memory.get("came") or {"at": 0.0})["at"])
        return max(float(last["at"]) + metric.interval if last else first, came + BREATH)

    def next_in(self, view: View) -> float | None:
        """Seconds until the next measurement; None where nothing is measured."""
        times = [self._next(view.memory, route, metric) for route in self.routes for metric in self.metrics]
        return max(0.0, min(times) - view.facts.now) if times and self.since is not None else None

    def outcome(self, memory: Memory) -> EvidenceOutcome:
        """What all that was measured in this step leads to."""
        tally = Tally.from_json(memory.get("tally", {}))
        overall = tally.overall([(route.workload, metric) for route in self.routes for metric in self.metrics])
        if overall.way != "fail" and memory.get("blocked"):
            return EvidenceOutcome("ask", memory["blocked"])
        return overall

    def has_passed_once(self, memory: Memory) -> bool:
        """Whether each metric has passed at least once, and the last look at none of them was a doubt."""
        tally = Tally.from_json(memory.get("tally", {}))
        counts = [tally.counts.get(f"{r.workload} {m.name}") for r in self.routes for m in self.metrics]
        return all(each and each.passes and not each.inconclusive_row and not each.error_row for each in counts)

    def taken_up(self, memory: Memory) -> Memory:
        """The memory once a person lets the step go on: what was asked about is asked anew."""
        kept = {name: value for name, value in memory.items() if name != "blocked"}
        return {**kept, "tally": Tally.from_json(memory.get("tally", {})).taken_up().to_json()}

    def words(self, memory: Memory) -> str:
        """ "success rate 99.8 % (limit ≥ 99), p99 212 ms (limit ≤ 500), passed 3 of 5"; "" for nothing measured."""
        if not self.metrics:
            return ""
        last = memory.get("last", {})
        newest = [
            Newest(metric, route.workload, point)
            for metric in self.metrics
            for route in self.routes
            if (point := last.get(f"{route.workload} {metric.name}"))
        ]
        seen = told(newest, several=len(self.routes) > 1) or ["nothing measured yet"]
        return ", ".join([*seen, self._measured(memory)])

    def _measured(self, memory: Memory) -> str:
        counts = Tally.from_json(memory.get("tally", {})).counts
        left = [
            (min(found.passes if (found := counts.get(f"{r.workload} {m.name}")) else 0, m.count), m.count)
            for r in self.routes
            for m in self.metrics
        ]
        passes, wanted = min(left, key=lambda pair: pair[0] - pair[1])
        return f"passed {passes} of {wanted}"


def _without_comparisons(metrics: Iterable[Metric]) -> tuple[Metric, ...]:
    """What can be told where stable gets no requests: limits alone."""
    return tuple(replace(each, compare="") for each in metrics if not each.compare or _has_limit(each))


def _has_limit(metric: Metric) -> bool:
    return metric.min is not None or metric.max is not None
