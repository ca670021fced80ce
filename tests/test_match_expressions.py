"""Expressions that select objects and nodes, for the simulator and for what is planned."""

from typing import Any

import pytest

from kube_schema.match_expressions import expression_holds

LABELS = {"zone": "a", "cores": "8", "name": "x1"}


@pytest.mark.parametrize(
    ("key", "operator", "values", "holds"),
    [
        ("zone", "In", ["a", "b"], True),
        ("zone", "In", ["b"], False),
        ("gone", "In", ["a"], False),
        ("zone", "NotIn", ["b"], True),
        ("gone", "NotIn", ["a"], True),
        ("zone", "Exists", None, True),
        ("gone", "Exists", None, False),
        ("gone", "DoesNotExist", None, True),
        ("cores", "Gt", ["4"], True),
        ("cores", "Gt", ["8"], False),
        ("cores", "Lt", ["16"], True),
        ("name", "Lt", ["16"], False),
        ("cores", "Gt", ["many"], False),
        ("gone", "Gt", ["1"], False),
        ("zone", "Like", ["a"], False),
    ],
)
def test_an_expression(key: str, operator: str, values: Any, holds: bool) -> None:
    assert expression_holds({"key": key, "operator": operator, "values": values}, LABELS) is holds
