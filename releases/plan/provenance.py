"""Which layer of the configuration a changed field came from."""

import json
import re
from collections.abc import Mapping
from typing import Any

from environments.manifests.node import Place, field_of

ITEM = re.compile(r"\[((?:[^\[\]\"]|\"(?:[^\"\\]|\\.)*\")+)\]")
PAIR = re.compile(r"(\w+)=(\"(?:[^\"\\]|\\.)*\"|[^,]+)")


def layer_of(path: str, manifest: Any, layers: Mapping[str, str]) -> str:
    """The layer of a field that a diff names (`spec.containers[name="web"].image`); "" where none gave it."""
    place = place_of(path, manifest)
    if place is None:
        return ""
    name = field_of(place)
    below = (layer for field, layer in layers.items() if field.startswith((f"{name}.", f"{name}[")))
    return layers.get(name) or next(below, "")


def place_of(path: str, value: Any) -> Place | None:
    """The keys and indices that lead to a path of a diff; None where the value has no such field."""
    place: list[str | int] = []
    while path:
        step, path = _step(path, value)
        if step is None:
            return None
        place.append(step)
        value = value[step]
    return tuple(place)


def _step(path: str, value: Any) -> tuple[str | int | None, str]:
    if isinstance(value, list):
        found = ITEM.match(path)
        index = _index(found[1], value) if found else None
        return index, path[found.end() :].removeprefix(".") if found else ""
    if isinstance(value, dict):
        # Keys have dots in them (app.json), so the longest that fits is meant.
        fitting = [key for key in value if path == key or path.startswith((f"{key}.", f"{key}["))]
        if fitting:
            key = max(fitting, key=len)
            return key, path[len(key) :].removeprefix(".")
    return None, ""


def _index(selector: str, items: list[Any]) -> int | None:
    wanted = {name: json.loads(text) for name, text in PAIR.findall(selector)}
    fitting = (
        index
        for index, item in enumerate(items)
        if isinstance(item, dict) and all(item.get(name, value) == value for name, value in wanted.items())
    )
    return next(fitting, None)
