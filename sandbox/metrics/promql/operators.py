"""Operations on two sides."""

import operator as op
from collections.abc import Callable

from sandbox.metrics.promql.errors import QueryError
from sandbox.metrics.promql.nodes import NAME, Matching
from sandbox.metrics.promql.values import Element, Labels, Vector, distinct, divide, nameless, only, shown, without

ARITHMETIC: dict[str, Callable[[float, float], float]] = {"+": op.add, "-": op.sub, "*": op.mul, "/": divide}
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "==": op.eq,
    "!=": op.ne,
    ">": op.gt,
    "<": op.lt,
    ">=": op.ge,
    "<=": op.le,
}


def scalars(operator: str, left: float, right: float) -> float:
    """Of two numbers; comparisons give 0 or 1."""
    return ARITHMETIC[operator](left, right) if operator in ARITHMETIC else float(COMPARISONS[operator](left, right))


def with_scalar(operator: str, vector: Vector, scalar: float, truth: bool, *, swapped: bool) -> Vector:
    """Each element with a number, which stands to the left when `swapped`. A filter keeps the element's value."""
    result = []
    for element in vector:
        left, right = (scalar, element.value) if swapped else (element.value, scalar)
        value = _combined(operator, left, right, element.value, truth)
        if value is not None:
            result.append(Element(_after(operator, element.labels, truth), value))
    return distinct(result)


def vectors(operator: str, left: Vector, right: Vector, truth: bool, matching: Matching) -> Vector:
    """One-to-one. QueryError (execution) where a side has two series that match the same one."""
    ones = _ones(right, matching) if left else {}
    result, met = [], set()
    for element in left:
        key = _key(element.labels, matching)
        other = ones.get(key)
        if other is None:
            continue
        value = _combined(operator, element.value, other.value, element.value, truth)
        if value is None:
            continue
        if key in met:
            words = "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
            raise QueryError(words, "execution")
        met.add(key)
        result.append(Element(_matched(_after(operator, element.labels, truth), matching), value))
    return distinct(result)


def union(left: Vector, right: Vector, matching: Matching) -> Vector:
    """All of the left, and what of the right has no match there."""
    there = {_key(element.labels, matching) for element in left}
    return distinct([*left, *(element for element in right if _key(element.labels, matching) not in there)])


def _combined(operator: str, left: float, right: float, kept: float, truth: bool) -> float | None:
    """The value of an operation; None where a comparison filters it out."""
    if operator in ARITHMETIC:
        return ARITHMETIC[operator](left, right)
    holds = COMPARISONS[operator](left, right)
    if truth:
        return float(holds)
    return kept if holds else None


def _after(operator: str, labels: Labels, truth: bool) -> Labels:
    return nameless(labels) if truth or operator in ARITHMETIC else labels


def _key(labels: Labels, matching: Matching) -> Labels:
    return only(labels, matching.labels) if matching.on else without(labels, matching.labels | {NAME})


def _matched(labels: Labels, matching: Matching) -> Labels:
    return only(labels, matching.labels) if matching.on else without(labels, matching.labels)


def _ones(right: Vector, matching: Matching) -> dict[Labels, Element]:
    ones: dict[Labels, Element] = {}
    for element in right:
        key = _key(element.labels, matching)
        if key in ones:
            raise QueryError(
                f"found duplicate series for the match group {shown(key)} on the right hand-side of the operation: "
                f"[{shown(element.labels)}, {shown(ones[key].labels)}];many-to-many matching not allowed: matching "
                "labels must be unique on one side",
                "execution",
            )
        ones[key] = element
    return ones
