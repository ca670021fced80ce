"""What is measured: the specification of a metric, as a strategy's parameters have it. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

SUCCESS, LATENCY = "success-rate", "latency"
HIGHER, LOWER = "higher-is-worse", "lower-is-worse"
TEMPLATES: Mapping[str, Mapping[str, Any]] = {
    SUCCESS: {"unit": "%", "min": 99.0, "minimum_requests": 20},
    LATENCY: {"unit": "ms", "max": 500.0, "minimum_requests": 20},
}
PLACEHOLDERS = ("namespace", "workload", "service", "canary", "stable", "target", "pods", "ingress", "interval")
SIDES = frozenset({"target", "pods"})
"""Placeholders that differ between the two sides."""
PLACEHOLDER = re.compile(r"\{\{\s*([^{}\s]*)\s*\}\}")
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
LONGEST_QUERY = 4000
SHORTEST_WINDOW = 60.0
HOUR, DAY = 3600.0, 86400.0
LIMITS: Mapping[str, tuple[float, float]] = {
    "interval": (1, HOUR),
    "window": (1, DAY),
    "count": (1, 1000),
    "failure_limit": (0, 1000),
    "inconclusive_limit": (1, 1000),
    "error_limit": (1, 1000),
    "minimum_requests": (0, 1e9),
}
WHOLE = frozenset({"count", "failure_limit", "inconclusive_limit", "error_limit", "minimum_requests"})


@dataclass(frozen=True)
class Metric:
    """One metric and when it is good enough. Either a `template` or a `query` of one's own.

    `min`, `max`: the allowed range in `unit`, bounds included. `compare`: which direction away from stable is worse
    ("" for no comparison); `difference`: how much worse, in `unit`, is tolerated whatever the test says.
    `interval`: seconds between two measurements; `window`: seconds that each looks back on. `count`: passes that a step
    needs. `failure_limit`: failures that a step may have. `inconclusive_limit`, `error_limit`: how many in a row until
    a person is asked. `minimum_requests`: of the canary within the window, fewer prove nothing.
    """

    name: str
    template: str = ""
    query: str = ""
    unit: str = ""
    min: float | None = None
    max: float | None = None
    compare: str = ""
    difference: float = 0.0
    interval: float = 30.0
    window: float = SHORTEST_WINDOW
    count: int = 3
    failure_limit: int = 0
    inconclusive_limit: int = 3
    error_limit: int = 4
    minimum_requests: int = 0

    @classmethod
    def from_json(cls, data: Any) -> "Metric":
        """The metric of {"template": "latency", "max": 300} or {"name": …, "query": …, "max": …}.

        The rest has defaults. ValueError names the metric, the field and what it has to be.
        """
        if not isinstance(data, Mapping):
            raise ValueError(f'A metric is an object such as {{"template": "{SUCCESS}"}}; this is {data!r:.80}.')
        given = {name: value for name, value in data.items() if value is not None}
        name = str(given.get("name") or given.get("template") or "")
        return _Reader(name or "without a name", given).metric(name)

    def to_json(self) -> dict[str, Any]:
        """What from_json reads, with every field that has a value."""
        pairs = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: value for name, value in pairs if value is not None}

    @property
    def both_sides(self) -> bool:
        """Whether the query gives another number for stable than for the canary."""
        return bool(self.template) or bool(SIDES & set(PLACEHOLDER.findall(self.query)))


class _Reader:
    def __init__(self, shown: str, given: Mapping[str, Any]) -> None:
        self._shown, self._given = shown, given

    def metric(self, name: str) -> Metric:
        known = {field.name for field in fields(Metric)}
        if unknown := sorted(set(self._given) - known):
            raise self._wrong(unknown[0], f"is not known; there are {', '.join(sorted(known))}")
        if not NAME.fullmatch(name):
            raise self._wrong("name", "has to be of lower-case letters, digits and dashes")
        template = self._template(name)
        metric = Metric(name=name, template=template, **self._values(TEMPLATES.get(template, {})))
        self._whole(metric)
        return metric

    def _template(self, name: str) -> str:
        template = self._text("template")
        if not template and not self._given.get("query") and name in TEMPLATES:
            return name
        if template and template not in TEMPLATES:
            raise self._wrong("template", f"has to be one of {', '.join(TEMPLATES)}, or leave it out and give a query")
        return template

    def _values(self, defaults: Mapping[str, Any]) -> dict[str, Any]:
        # A limit of one's own, or a comparison, stands in place of the template's limit.
        own = any(name in self._given for name in ("min", "max", "compare"))
        values = {name: value for name, value in defaults.items() if not (own and name in ("min", "max"))}
        values |= {name: self._text(name) for name in ("query", "unit", "compare") if name in self._given}
        values |= {name: self._number(name) for name in ("min", "max", "difference") if name in self._given}
        values |= {name: self._number(name) for name in LIMITS if name in self._given}
        values |= {name: int(values[name]) for name in WHOLE & set(values)}
        return {"window": max(SHORTEST_WINDOW, values.get("interval", 0.0))} | values

    def _text(self, name: str) -> str:
        value = self._given.get(name, "")
        if not isinstance(value, str):
            raise self._wrong(name, "has to be text")
        return value.strip()

    def _number(self, name: str) -> float:
        value = self._given[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e300:
            raise self._wrong(name, f"has to be a number, not {value!r:.40}")
        low, high = LIMITS.get(name, (-1e300, 1e300))
        if not low <= value <= high:
            raise self._wrong(name, f"is {value:g}; it has to be from {low:g} to {high:g}")
        if name in WHOLE and value != int(value):
            raise self._wrong(name, f"is {value:g}; it has to be a whole number")
        return float(value)

    def _whole(self, metric: Metric) -> None:
        if bool(metric.template) == bool(metric.query):
            raise self._wrong("query", "and template: give one of the two")
        if metric.query:
            self._query(metric.query)
        if metric.compare not in ("", HIGHER, LOWER):
            raise self._wrong("compare", f"has to be {HIGHER} or {LOWER}")
        if metric.min is None and metric.max is None and not metric.compare:
            raise self._wrong("min", "or max or compare is needed: without them nothing can fail")
        if metric.min is not None and metric.max is not None and metric.min > metric.max:
            raise self._wrong("min", f"is {metric.min:g}, above max, {metric.max:g}")
        if metric.difference < 0:
            raise self._wrong("difference", "has to be 0 or more")
        if metric.compare and not metric.both_sides:
            raise self._wrong("query", "has to have {{target}} or {{pods}} in it, or both sides give the same number")
        if metric.window < metric.interval:
            raise self._wrong("window", f"is {metric.window:g} s, shorter than the interval, {metric.interval:g} s")

    def _query(self, query: str) -> None:
        if len(query) > LONGEST_QUERY:
            raise self._wrong("query", f"is longer than {LONGEST_QUERY} characters")
        for name in PLACEHOLDER.findall(query):
            if name not in PLACEHOLDERS:
                known = ", ".join(f"{{{{{each}}}}}" for each in PLACEHOLDERS)
                raise self._wrong("query", f"has {{{{{name}}}}} in it; there are {known}")

    def _wrong(self, field: str, words: str) -> ValueError:
        return ValueError(f"Metric {self._shown}: {field} {words}.")


DEFAULTS = (Metric.from_json({"template": SUCCESS}), Metric.from_json({"template": LATENCY}))


def read_metrics(data: Iterable[Any] | None) -> tuple[Metric, ...]:
    """The metrics of a list; success rate and latency where there is none.

    ValueError as Metric.from_json, and for names twice.
    """
    if data is None:
        return DEFAULTS
    if isinstance(data, str | Mapping) or not isinstance(data, Iterable):
        raise ValueError("Metrics are a list of objects.")
    metrics = tuple(Metric.from_json(each) for each in data)
    names = [metric.name for metric in metrics]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"Metric {twice[0]} is there twice: give one of them another name.")
    return metrics
