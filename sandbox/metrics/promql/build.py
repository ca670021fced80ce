"""Puts parts of a query together where their kinds fit; ValueError says why they do not."""

from sandbox.metrics.promql.aggregations import AGGREGATIONS
from sandbox.metrics.promql.errors import unsupported
from sandbox.metrics.promql.functions import FUNCTIONS
from sandbox.metrics.promql.nodes import Aggregate, Binary, FunctionCall, Kind, Matching, Negative, Node, Number
from sandbox.metrics.promql.operators import COMPARISONS

__all__ = ["AGGREGATIONS", "aggregate", "binary", "call", "signed"]
_BEYOND = ("topk", "bottomk", "count_values", "quantile", "stddev", "stdvar", "group")


def signed(sign: str, operand: Node) -> Node:
    """+ changes nothing; - of a number is a number."""
    if operand.kind == "range vector":
        raise ValueError(
            "unary expression only allowed on expressions of type scalar or instant vector, got range vector"
        )
    if sign == "+":
        return operand
    return Number(-operand.value) if isinstance(operand, Number) else Negative(operand, operand.kind)


def binary(operator: str, left: Node, right: Node, truth: bool, matching: Matching | None) -> Binary:
    """An operation whose kind follows from its sides'."""
    kinds = {left.kind, right.kind}
    if "range vector" in kinds:
        raise ValueError("binary expression must contain only scalar and instant vector types")
    if truth and operator not in COMPARISONS:
        raise ValueError("bool modifier can only be used on comparison operators")
    if "scalar" in kinds:
        _check_scalars(operator, kinds, truth, matching)
    kind: Kind = "scalar" if kinds == {"scalar"} else "instant vector"
    return Binary(operator, left, right, truth, matching or Matching(), kind)


def _check_scalars(operator: str, kinds: set[Kind], truth: bool, matching: Matching | None) -> None:
    if operator == "or":
        raise ValueError('set operator "or" not allowed in binary scalar expression')
    if kinds == {"scalar"} and operator in COMPARISONS and not truth:
        raise ValueError("comparisons between scalars must use BOOL modifier")
    if matching is not None and matching.labels:
        raise ValueError("vector matching only allowed between instant vectors")


def aggregate(operator: str, grouping: tuple[bool, frozenset[str]] | None, arguments: tuple[Node, ...]) -> Aggregate:
    """One argument, an instant vector."""
    if len(arguments) != 1:
        raise ValueError(
            f"wrong number of arguments for aggregate expression provided, expected 1, got {len(arguments)}"
        )
    _expect(arguments[0], "instant vector", "aggregation expression")
    without, labels = grouping or (False, frozenset())
    return Aggregate(operator, without, labels, arguments[0])


def call(name: str, arguments: tuple[Node, ...]) -> FunctionCall:
    """A function with as many arguments as it takes, of the kinds that it takes."""
    function = FUNCTIONS.get(name)
    if function is None:
        what = "aggregation" if name.lower() in _BEYOND else "function"
        raise ValueError(unsupported(f'the {what} "{name}"'))
    if len(arguments) != len(function.takes):
        expected = f"expected {len(function.takes)} argument(s)"
        raise ValueError(f'{expected} in call to "{name}", got {len(arguments)}')
    for argument, kind in zip(arguments, function.takes, strict=True):
        _expect(argument, kind, f'call to function "{name}"')
    return FunctionCall(name, arguments, function.gives)


def _expect(node: Node, kind: Kind, where: str) -> None:
    if node.kind != kind:
        raise ValueError(f"expected type {kind} in {where}, got {node.kind}")
