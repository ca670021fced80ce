"""The simple JSON paths of printer columns: .status.conditions[?(@.type=="Ready")].status, .spec.env[*].name."""

import re
from collections.abc import Mapping
from typing import Any

_STEP = re.compile(
    r"""\.?(?P<name>(?:\\.|[^.\[\\])+)|\[(?P<index>\d+)\]|\[(?P<all>\*)\]|\[\?\(@\.(?P<key>\w+)\s*==\s*["'](?P<value>[^"']*)["']\)\]"""
)


def first(value: Any, path: str) -> Any:
    """The first value at a path, None where there is none."""
    found = [value]
    for step in _STEP.finditer(path):
        found = [inner for each in found for inner in _taken(each, step)]
    return found[0] if found else None


def _taken(value: Any, step: re.Match[str]) -> list[Any]:
    if step["name"] is not None:
        name = step["name"].replace("\\", "")
        return [value[name]] if isinstance(value, Mapping) and value.get(name) is not None else []
    if not isinstance(value, list):
        return []
    if step["index"] is not None:
        return value[int(step["index"]) :][:1]
    return value if step["all"] else [item for item in value if str(item.get(step["key"])) == step["value"]]
