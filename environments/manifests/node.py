"""YAML values that know where they came from: a manifest is a tree of nodes until it is rendered."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

BASE = "base"
OVERLAY = "overlay"
RENDERED = "rendered"
CONFIGURATION = "configuration"
IMAGE = "image"
PORTAL = "portal"

Place: TypeAlias = tuple[str | int, ...]


class Origin(NamedTuple):
    """The layer that gave a value, and the file and line of it ("" and 0 where no file did)."""

    layer: str
    path: str = ""
    line: int = 0

    @property
    def text(self) -> str:
        """As a person reads it: "overlay: overlays/prod/agent.yaml line 7"."""
        if not self.path:
            return self.layer
        return f"{self.layer}: {self.path} line {self.line}" if self.line else f"{self.layer}: {self.path}"


class YamlNode(NamedTuple):
    """`value` is a scalar, a list of nodes, or a dict from str to nodes. Nodes are never changed, only replaced."""

    value: Any
    origin: Origin

    @property
    def is_map(self) -> bool:
        return isinstance(self.value, dict)

    @property
    def is_list(self) -> bool:
        return isinstance(self.value, list)


class Unquoted(str):
    """A scalar that stood without quotes and holds a placeholder: what is put in may make it a number."""

    __slots__ = ()


class Unresolved(str):
    """A scalar whose placeholder has no value: already reported, and not to be judged further."""

    __slots__ = ()


def lift(data: Any, origin: Origin) -> YamlNode:
    """Plain data as a tree that came from one place."""
    if isinstance(data, Mapping):
        return YamlNode({key: lift(value, origin) for key, value in data.items()}, origin)
    if isinstance(data, list | tuple):
        return YamlNode([lift(value, origin) for value in data], origin)
    return YamlNode(data, origin)


def plain(node: YamlNode) -> Any:
    """The tree as JSON-able data."""
    value = node.value
    if isinstance(value, dict):
        return {key: plain(child) for key, child in value.items()}
    if isinstance(value, list):
        return [plain(child) for child in value]
    return str(value) if isinstance(value, str) else value


def find(node: YamlNode | None, *place: str | int) -> YamlNode | None:
    """The node at a place below `node`, or None."""
    for step in place:
        if node is None:
            return None
        value = node.value
        if isinstance(step, str):
            node = value.get(step) if isinstance(value, dict) else None
        else:
            node = value[step] if isinstance(value, list) and step < len(value) else None
    return node


def text_at(node: YamlNode, *place: str | int) -> str:
    """The string at a place, "" where there is none or it is no string."""
    found = find(node, *place)
    return found.value if found is not None and isinstance(found.value, str) else ""


def put(node: YamlNode, place: Place, value: YamlNode) -> YamlNode:
    """`node` with `value` at a place; maps on the way are made where they are missing."""
    if not place:
        return value
    step, rest = place[0], place[1:]
    if isinstance(step, int):
        items = list(node.value)
        items[step] = put(items[step], rest, value)
        return YamlNode(items, node.origin)
    children = dict(node.value) if isinstance(node.value, dict) else {}
    below = children.get(step)
    children[step] = put(below if below is not None else YamlNode({}, value.origin), rest, value)
    return YamlNode(children, node.origin)


def without(node: YamlNode, place: tuple[str, ...]) -> YamlNode:
    """`node` without the field at a place of names; the same where it has none."""
    step, rest = place[0], place[1:]
    if not isinstance(node.value, dict) or step not in node.value:
        return node
    if rest:
        return YamlNode({**node.value, step: without(node.value[step], rest)}, node.origin)
    return YamlNode({key: child for key, child in node.value.items() if key != step}, node.origin)


def leaves(node: YamlNode, place: Place = ()) -> Iterator[tuple[Place, YamlNode]]:
    """Every scalar and every empty map or list, with its place."""
    if isinstance(node.value, dict) and node.value:
        for key, child in node.value.items():
            yield from leaves(child, (*place, key))
    elif isinstance(node.value, list) and node.value:
        for index, child in enumerate(node.value):
            yield from leaves(child, (*place, index))
    else:
        yield place, node


def field_of(place: Place) -> str:
    """A place as a person reads it: "spec.containers[0].image", `data["app.json"]`."""
    field = ""
    for step in place:
        if isinstance(step, int):
            field += f"[{step}]"
        elif "." in step or "/" in step:
            field += f'["{step}"]'
        else:
            field += f".{step}" if field else step
    return field
