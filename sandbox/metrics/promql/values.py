"""What queries give, and what they are asked of."""

import math
from collections.abc import Container, Iterable, Sequence
from typing import NamedTuple, Protocol

from sandbox.metrics.promql.errors import QueryError
from sandbox.metrics.promql.nodes import NAME, Matcher

Labels = tuple[tuple[str, str], ...]


class Element(NamedTuple):
    """One series of an instant vector; `labels` are pairs in the order of their names."""

    labels: Labels
    value: float


class Stretch(NamedTuple):
    """One series over a time: `times` in milliseconds, rising, and the values at them."""

    labels: Labels
    times: Sequence[int]
    values: Sequence[float]


class Window(NamedTuple):
    """A range vector: what lies in [start, end], in milliseconds."""

    series: list[Stretch]
    start: int
    end: int


Vector = list[Element]
Value = float | Vector | Window


class StoredSeries(Protocol):
    """A series as it was at one moment; later samples do not change it."""

    @property
    def labels(self) -> Labels: ...

    def at(self, moment: int) -> float | None:
        """The value at a time in milliseconds, None where there is none or it is stale."""

    def between(self, start: int, end: int) -> tuple[Sequence[int], Sequence[float]]:
        """Times and values in [start, end], without what marks staleness."""


class SeriesSource(Protocol):
    """What has the series."""

    def select(self, matchers: Iterable[Matcher], start: int, end: int) -> Sequence[StoredSeries]:
        """The series that match and have samples which a look from `start` to `end` can see, by labels."""


def only(labels: Labels, names: Container[str]) -> Labels:
    return tuple(pair for pair in labels if pair[0] in names)


def without(labels: Labels, names: Container[str]) -> Labels:
    return tuple(pair for pair in labels if pair[0] not in names)


def nameless(labels: Labels) -> Labels:
    return without(labels, (NAME,))


def distinct(vector: Vector) -> Vector:
    """The vector itself; QueryError where two of its series have the same labels."""
    if len({element.labels for element in vector}) != len(vector):
        raise QueryError("vector cannot contain metrics with the same labelset", "execution")
    return vector


def divide(left: float, right: float) -> float:
    """As IEEE 754 has it: 0 as a divisor gives an infinity or NaN."""
    if right:
        return left / right
    if left == 0 or math.isnan(left) or math.isnan(right):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def shown(labels: Labels) -> str:
    """{app="web"} for words."""
    return "{" + ", ".join(f'{name}="{value}"' for name, value in labels) + "}"
