"""Counters, gauges and histograms of the sandbox, and their text exposition."""

import re
import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from math import inf
from typing import NamedTuple

from prometheus_client.utils import floatToGoString

Labels = tuple[tuple[str, str], ...]
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL_NAME = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")


class MetricSample(NamedTuple):
    """One value of one series; `labels` are pairs in the order of their names."""

    name: str
    labels: Labels
    value: float


class _Histogram:
    """`counts` has one more than `bounds`: what lies above the last. `places` are the labels of the buckets."""

    __slots__ = ("bounds", "counts", "labels", "places", "sum")

    def __init__(self, labels: Labels, bounds: tuple[float, ...]) -> None:
        self.labels, self.bounds = labels, bounds
        self.places = [tuple(sorted((*labels, ("le", _bound(bound))))) for bound in (*bounds, inf)]
        self.counts = [0] * len(self.places)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def samples(self, name: str) -> Iterator[MetricSample]:
        bucket, total = f"{name}_bucket", 0
        for place, total in zip(self.places, accumulate(self.counts), strict=True):
            yield MetricSample(bucket, place, total)
        yield MetricSample(f"{name}_sum", self.labels, self.sum)
        yield MetricSample(f"{name}_count", self.labels, total)


class _MetricFamily:
    def __init__(self, name: str, kind: str) -> None:
        if not _METRIC_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a metric: letters, digits, _ and :, not beginning with a digit")
        self.name, self.kind, self.help = name, kind, ""
        self.bounds: tuple[float, ...] = ()
        self.values: dict[Labels, float] = {}
        self.histograms: dict[Labels, _Histogram] = {}

    def samples(self) -> Iterator[MetricSample]:
        for labels, value in self.values.items():
            yield MetricSample(self.name, labels, value)
        for histogram in self.histograms.values():
            yield from histogram.samples(self.name)

    def forget(self, labels: Iterable[tuple[str, str]]) -> None:
        wanted = set(labels)
        self.values = {had: value for had, value in self.values.items() if not wanted <= set(had)}
        self.histograms = {had: value for had, value in self.histograms.items() if not wanted <= set(had)}

    def render(self) -> Iterator[str]:
        yield f"# HELP {self.name} {_escaped(self.help)}\n"
        yield f"# TYPE {self.name} {self.kind}\n"
        yield from map(_line, self.samples())


class Metrics:
    """Every series of one sandbox; thread-safe. A metric gets its kind from the first call that names it.

    ValueError says what is wrong with a name, a label, a metric used as two kinds, or a counter that falls.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._families: dict[str, _MetricFamily] = {}

    def count(self, name: str, labels: Mapping[str, str], by: float = 1) -> None:
        """Adds to a counter; `by` 0 makes the series be there."""
        if by < 0:
            raise ValueError(f"counter {name} cannot fall: {by}")
        key = tuple(sorted(labels.items()))
        with self._lock:
            values = self._family(name, "counter").values
            if key not in values:
                _check(name, key)
            values[key] = values.get(key, 0.0) + by

    def gauge(self, name: str, labels: Mapping[str, str], value: float) -> None:
        """Sets a gauge."""
        key = tuple(sorted(labels.items()))
        with self._lock:
            values = self._family(name, "gauge").values
            if key not in values:
                _check(name, key)
            values[key] = float(value)

    def observe(self, name: str, labels: Mapping[str, str], value: float, buckets: Sequence[float]) -> None:
        """Puts a value into a histogram. `buckets` are upper bounds, rising, without +Inf; the same at every call."""
        key = tuple(sorted(labels.items()))
        with self._lock:
            family = self._family(name, "histogram")
            histogram = family.histograms.get(key)
            if histogram is None:
                histogram = family.histograms[key] = _fresh(family, key, buckets)
            elif len(buckets) != len(histogram.bounds):
                raise ValueError(f"histogram {name} has the buckets {histogram.bounds}, not {tuple(buckets)}")
            histogram.observe(value)

    def describe(self, name: str, words: str) -> None:
        """The HELP text of a metric that is there."""
        with self._lock:
            self._families[name].help = words

    def forget(self, name: str, labels: Mapping[str, str]) -> None:
        """Drops the series of a metric that carry all these labels."""
        with self._lock:
            if name in self._families:
                self._families[name].forget(labels.items())

    def samples(self) -> list[MetricSample]:
        """Every series as a scrape sees it, histograms as their _bucket, _sum and _count."""
        with self._lock:
            return [sample for family in self._families.values() for sample in family.samples()]

    def render(self) -> str:
        """The text exposition format 0.0.4."""
        with self._lock:
            return "".join(line for family in self._families.values() for line in family.render())

    def _family(self, name: str, kind: str) -> _MetricFamily:
        family = self._families.get(name)
        if family is None:
            family = self._families[name] = _MetricFamily(name, kind)
        if family.kind != kind:
            raise ValueError(f"{name} is a {family.kind}, not a {kind}")
        return family


def _fresh(family: _MetricFamily, labels: Labels, buckets: Sequence[float]) -> _Histogram:
    bounds = tuple(float(bound) for bound in buckets)
    if not bounds or inf in bounds or list(bounds) != sorted(set(bounds)):
        raise ValueError(f"the buckets of {family.name} have to rise and to leave out +Inf, not {bounds}")
    if family.histograms and bounds != family.bounds:
        raise ValueError(f"histogram {family.name} has the buckets {family.bounds}, not {bounds}")
    _check(family.name, labels, reserved="le")
    family.bounds = bounds
    return _Histogram(labels, bounds)


def _check(name: str, labels: Labels, reserved: str = "") -> None:
    for label, value in labels:
        if not _LABEL_NAME.fullmatch(label) or label == reserved:
            raise ValueError(f"{label!r} is no name of a label of {name}")
        if not isinstance(value, str):
            raise ValueError(f"label {label} of {name} has to be text, not {value!r}")


def _bound(bound: float) -> str:
    return _number(bound).removesuffix(".0")


def _number(value: float) -> str:
    return str(floatToGoString(value))  # type: ignore[no-untyped-call]


def _line(sample: MetricSample) -> str:
    pairs = ",".join(f'{name}="{_quoted(value)}"' for name, value in sample.labels)
    place = f"{{{pairs}}}" if pairs else ""
    return f"{sample.name}{place} {_number(sample.value)}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', r"\"")
