"""The value of a query, at one time or over many."""

from collections.abc import Sequence
from typing import cast

from sandbox.metrics.promql import functions, operators
from sandbox.metrics.promql.aggregations import aggregate
from sandbox.metrics.promql.errors import QueryError
from sandbox.metrics.promql.nodes import Aggregate, Binary, FunctionCall, Negative, Node, Number, Range, Selector
from sandbox.metrics.promql.values import (
    Element,
    Labels,
    SeriesSource,
    StoredSeries,
    Stretch,
    Value,
    Vector,
    Window,
    distinct,
    nameless,
)


def instant(node: Node, source: SeriesSource, at: int) -> Value:
    """The value at a time in milliseconds: a number, a vector, or a window of raw samples."""
    return _Evaluation(source, at, at).value(node, at)


def ranged(node: Node, source: SeriesSource, start: int, end: int, step: int) -> list[Stretch]:
    """The values from `start` to `end`, every `step` milliseconds, one stretch a series, by labels."""
    if node.kind == "range vector":
        words = 'invalid expression type "range vector" for range query, must be Scalar or instant Vector'
        raise QueryError(words)
    evaluation = _Evaluation(source, start, end)
    found: dict[Labels, tuple[list[int], list[float]]] = {}
    for at in range(start, end + 1, step):
        for labels, value in _as_vector(evaluation.value(node, at)):
            times, values = found.setdefault(labels, ([], []))
            times.append(at)
            values.append(value)
    return [Stretch(labels, *found[labels]) for labels in sorted(found)]


def _as_vector(value: Value) -> Vector:
    return functions.vector(value) if isinstance(value, float) else cast("Vector", value)


class _Evaluation:
    """Selects each series once, as it was when it was first asked for."""

    def __init__(self, source: SeriesSource, start: int, end: int) -> None:
        self._source, self._start, self._end = source, start, end
        self._selected: dict[tuple[Selector, int], Sequence[StoredSeries]] = {}

    def value(self, node: Node, at: int) -> Value:
        match node:
            case Number():
                return node.value
            case Selector():
                return self._instant(node, at)
            case Range():
                return self._window(node, at)
            case Aggregate():
                vector = cast("Vector", self.value(node.of, at))
                return aggregate(node.operator, vector, node.labels, all_but=node.without)
            case FunctionCall():
                values = tuple(self.value(argument, at) for argument in node.arguments)
                return functions.call(node.function, values, node.arguments)
            case Binary():
                return self._binary(node, at)
            case Negative():
                return _negated(self.value(node.of, at))

    def _series(self, selector: Selector, window: int = 0) -> Sequence[StoredSeries]:
        key = (selector, window)
        if key not in self._selected:
            self._selected[key] = self._source.select(selector.matchers, self._start - window, self._end)
        return self._selected[key]

    def _instant(self, selector: Selector, at: int) -> Vector:
        seen = ((series.labels, series.at(at)) for series in self._series(selector))
        return [Element(labels, value) for labels, value in seen if value is not None]

    def _window(self, node: Range, at: int) -> Window:
        start = at - node.window
        stretches = (Stretch(one.labels, *one.between(start, at)) for one in self._series(node.selector, node.window))
        return Window([stretch for stretch in stretches if stretch.times], start, at)

    def _binary(self, node: Binary, at: int) -> Value:
        left, right = self.value(node.left, at), self.value(node.right, at)
        if isinstance(left, float):
            if isinstance(right, float):
                return operators.scalars(node.operator, left, right)
            return operators.with_scalar(node.operator, cast("Vector", right), left, node.truth, swapped=True)
        vector = cast("Vector", left)
        if isinstance(right, float):
            return operators.with_scalar(node.operator, vector, right, node.truth, swapped=False)
        if node.operator == "or":
            return operators.union(vector, cast("Vector", right), node.matching)
        return operators.vectors(node.operator, vector, cast("Vector", right), node.truth, node.matching)


def _negated(value: Value) -> Value:
    if isinstance(value, float):
        return -value
    return distinct([Element(nameless(labels), -number) for labels, number in cast("Vector", value)])
