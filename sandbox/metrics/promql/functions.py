"""The functions, by name."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from sandbox.metrics.promql.nodes import NAME, Kind, Node, Selector
from sandbox.metrics.promql.quantiles import histogram_quantile
from sandbox.metrics.promql.rates import increase, rate
from sandbox.metrics.promql.values import Element, Labels, Value, Vector, distinct, nameless


class Function(NamedTuple):
    """`call` gets the arguments' values, and `absent` their trees too."""

    takes: tuple[Kind, ...]
    gives: Kind
    call: Callable[..., Value]
    reads_trees: bool = False


def clamp_min(vector: Vector, least: float) -> Vector:
    return distinct([Element(nameless(labels), _greater(value, least)) for labels, value in vector])


def clamp_max(vector: Vector, most: float) -> Vector:
    return distinct([Element(nameless(labels), -_greater(-value, -most)) for labels, value in vector])


def scalar(vector: Vector) -> float:
    """The value of the only element, NaN where there is another number of them."""
    return vector[0].value if len(vector) == 1 else math.nan


def vector(number: float) -> Vector:
    return [Element((), number)]


def absent(given: Vector, tree: Node) -> Vector:
    """1, with the labels that a selector asks for by =, where there is nothing."""
    return [] if given else [Element(_asked_for(tree), 1.0)]


def _asked_for(tree: Node) -> Labels:
    labels: dict[str, str] = {}
    seen: set[str] = set()
    for matcher in tree.matchers if isinstance(tree, Selector) else ():
        if matcher.label == NAME:
            continue
        if matcher.operator == "=" and matcher.label not in seen:
            labels[matcher.label] = matcher.value
            seen.add(matcher.label)
        else:
            labels.pop(matcher.label, None)
    return tuple(sorted((name, value) for name, value in labels.items() if value))


def _greater(left: float, right: float) -> float:
    """+Inf beats NaN, and NaN all else."""
    if math.inf in (left, right):
        return math.inf
    return math.nan if math.isnan(left) or math.isnan(right) else max(left, right)


FUNCTIONS: dict[str, Function] = {
    "rate": Function(("range vector",), "instant vector", rate),
    "increase": Function(("range vector",), "instant vector", increase),
    "histogram_quantile": Function(("scalar", "instant vector"), "instant vector", histogram_quantile),
    "clamp_min": Function(("instant vector", "scalar"), "instant vector", clamp_min),
    "clamp_max": Function(("instant vector", "scalar"), "instant vector", clamp_max),
    "scalar": Function(("instant vector",), "scalar", scalar),
    "vector": Function(("scalar",), "instant vector", vector),
    "absent": Function(("instant vector",), "instant vector", absent, reads_trees=True),
}


def call(name: str, values: tuple[Any, ...], trees: tuple[Node, ...]) -> Value:
    """The function's value."""
    function = FUNCTIONS[name]
    return function.call(*values, *(trees if function.reads_trees else ()))
