"""Table output: what kubectl prints. Pure but for the clock of ages."""

from collections.abc import Iterable, Mapping
from typing import Any

from sandbox.columns import AGE, COLUMNS, LAST_SEEN, NAME, Column, age
from sandbox.jsonpath import first
from sandbox.kinds import ApiResource
from sandbox.store import Object, encode


def table(
    kind: ApiResource, values: Iterable[Object], version: int, include: str, metadata: Object | None = None
) -> Object:
    """A Table of objects. `include` is "None", "Metadata" or "Object"."""
    columns = _columns(kind)
    rows = [
        {"cells": [column.cell(value) for column in columns], "object": _included(value, include)} for value in values
    ]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata or {"resourceVersion": str(version)},
        "columnDefinitions": [_definition(column) for column in columns],
        "rows": rows,
    }


def _definition(column: Column) -> Object:
    form = "name" if column is NAME else ""
    return {"name": column.name, "type": column.type, "format": form, "description": "", "priority": column.priority}


def _included(value: Object, include: str) -> Any:
    if include == "None":
        return None
    return value if include == "Object" else partial(value)


def partial(value: Object) -> Object:
    """PartialObjectMetadata of an object."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": value["metadata"]}


def _columns(kind: ApiResource) -> list[Column]:
    if kind.definition is None:
        first = LAST_SEEN if kind.kind == "Event" else NAME
        return [first, *COLUMNS.get((kind.group, kind.kind), [AGE])]
    own = [
        Column(column["name"], _custom(column), column["type"], column.get("priority", 0))
        for column in kind.definition["columns"]
    ]
    return [NAME, *own] if own else [NAME, AGE]


def _custom(column: Mapping[str, Any]) -> Any:
    path, kind = column["jsonPath"], column["type"]
    if kind == "date":
        return lambda value: age(moment) if (moment := first(value, path)) else ""
    return lambda value: _cell(first(value, path), kind)


def _cell(found: Any, kind: str) -> Any:
    """A value as the server prints it in a column of text."""
    if found is None:
        return ""
    return encode(found).decode() if kind == "string" and not isinstance(found, str) else found
