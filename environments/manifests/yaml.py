"""YAML as kubectl reads it, less what can do harm: every value with its line, no key twice, no bombs."""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import yaml
from yaml.resolver import Resolver

from .errors import BundleError, Findings
from .node import BASE, Node, Origin, Place, Unquoted, field_of, plain

MAX_VALUES = 100_000
MAX_EVENTS = 3 * MAX_VALUES
MAX_DEPTH = 60
PREFIX = "tag:yaml.org,2002:"
INTEGER = re.compile(r"^[-+]?(0b[0-1_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*)$")
FLOAT = re.compile(
    r"^([-+]?([0-9][0-9_]*)?\.[0-9_]+([eE][-+]?[0-9]+)?|[-+]?[0-9][0-9_]*(\.[0-9_]*([eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$"
)
TRUE, FALSE = frozenset({"true", "yes", "on", "y"}), frozenset({"false", "no", "off", "n"})


class _Loader(yaml.CSafeLoader):
    """Composes only. No timestamps and no numbers to base 60: Kubernetes reads both as text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag in {f"{PREFIX}bool", f"{PREFIX}null", f"{PREFIX}merge"}]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(f"{PREFIX}int", INTEGER, list("-+0123456789"))
_Loader.add_implicit_resolver(f"{PREFIX}float", FLOAT, list("-+0123456789."))
_RESOLVER = Resolver()
_RESOLVER.yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers


@dataclass(frozen=True)
class Document:
    """One document of a file. `line` is where it starts, from 1; `node` is the tree of its values."""

    path: str
    line: int
    node: Node

    @cached_property
    def data(self) -> Any:
        return plain(self.node)

    @cached_property
    def lines(self) -> Mapping[Place, int]:
        """The line of every value, by its place: {("spec", "replicas"): 7}."""
        return dict(_lines(self.node, ()))


def parse(text: str, path: str, layer: str = BASE) -> list[Document]:
    """The documents of one file; empty ones are left out, the items of a List stand for themselves.

    Raises BundleErrors with everything found but for bad syntax, which ends the reading.
    """
    findings = Findings()
    builder = _Builder(path, layer, findings)
    documents: list[Document] = []
    try:
        for root in _compose(text):
            node = builder.build(root, ())
            if node.value is not None:
                documents += [Document(path, item.origin.line, item) for item in _items(node)]
    except yaml.MarkedYAMLError as error:
        findings.take(_syntax_error(error, path))
    except yaml.YAMLError as error:
        findings.take(BundleError(path, 0, "", f"not YAML: {error}"))
    except _TooLarge as error:
        findings.take(BundleError(path, 0, "", str(error)))
    findings.check()
    return documents


def scalar(text: str) -> Any:
    """What an unquoted scalar stands for: 3, true, null, 1.5 or the text itself."""
    tag = _RESOLVER.resolve(yaml.ScalarNode, str(text), (True, False))  # type: ignore[no-untyped-call]
    try:
        return READERS[tag](yaml.ScalarNode(tag, str(text)))
    except ValueError:
        return str(text)


class _TooLarge(ValueError):
    pass


class _Key(NamedTuple):
    name: str
    node: yaml.Node
    value: yaml.Node


def _compose(text: str) -> Iterator[yaml.Node]:
    _check_shape(text)
    loader = _Loader(text)
    try:
        while loader.check_node():
            root = loader.get_node()
            assert root is not None
            yield root
    finally:
        loader.dispose()


def _check_shape(text: str) -> None:
    """Composing is recursive in C and would end the process, so how deep and how long it is is looked at before.

    Bad syntax ends the look: composing ends at the same place, and tells of it.
    """
    depth = 0
    with suppress(yaml.YAMLError):
        for number, event in enumerate(yaml.parse(text, Loader=yaml.CSafeLoader)):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth > MAX_DEPTH:
                raise _TooLarge(f"nested more than {MAX_DEPTH} levels deep")
            if number > MAX_EVENTS:
                raise _TooLarge(f"more than {MAX_VALUES:,} values")


def _syntax_error(error: yaml.MarkedYAMLError, path: str) -> BundleError:
    mark = error.problem_mark or error.context_mark
    told = [part for part in (error.context, error.problem) if part]
    return BundleError(path, mark.line + 1 if mark else 0, "", f"not YAML: {', '.join(told)}")


def _items(node: Node) -> list[Node]:
    """A `kind: List` as its items; anything else as itself."""
    if not isinstance(node.value, dict) or "items" not in node.value or "kind" not in node.value:
        return [node]
    kind, items = node.value["kind"].value, node.value["items"].value
    if not (isinstance(kind, str) and kind.endswith("List") and isinstance(items, list)):
        return [node]
    return [item for child in items for item in _items(child)]


def _lines(node: Node, place: Place) -> list[tuple[Place, int]]:
    found = [(place, node.origin.line)]
    if isinstance(node.value, dict):
        for key, child in node.value.items():
            found += _lines(child, (*place, key))
    elif isinstance(node.value, list):
        for index, child in enumerate(node.value):
            found += _lines(child, (*place, index))
    return found


class _Builder:
    """Turns what the parser composed into nodes, counting them: aliases are followed, bombs are not."""

    def __init__(self, path: str, layer: str, findings: Findings) -> None:
        self.path, self.layer, self.findings, self.count = path, layer, findings, 0

    def build(self, node: yaml.Node, place: Place) -> Node:
        self.count += 1
        if self.count > MAX_VALUES:
            raise _TooLarge(f"more than {MAX_VALUES:,} values once its aliases are followed")
        if len(place) > MAX_DEPTH:
            raise _TooLarge(f"nested more than {MAX_DEPTH} levels deep")
        origin = Origin(self.layer, self.path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return Node(self._mapping(node, place), origin)
        if isinstance(node, yaml.SequenceNode):
            self._expect(node, "seq", place)
            return Node([self.build(child, (*place, index)) for index, child in enumerate(node.value)], origin)
        assert isinstance(node, yaml.ScalarNode)
        return Node(self._scalar(node, place), origin)

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Node]:
        self._expect(node, "map", place)
        seen: dict[str, int] = {}
        own: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        for key in self._keys(node, place):
            line = key.node.start_mark.line + 1
            if key.node.tag == f"{PREFIX}merge":
                merged = {**self._merged(key.value, place), **merged}
            elif key.name in seen:
                self._tell(line, (*place, key.name), f"this key is already there in line {seen[key.name]}")
            else:
                seen[key.name] = line
                value = self.build(key.value, (*place, key.name))
                own[key.name] = Node(value.value, value.origin._replace(line=line))
        return {**merged, **own}

    def _keys(self, node: yaml.MappingNode, place: Place) -> list[_Key]:
        keys = []
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                keys.append(_Key(key.value, key, value))
            else:
                self._tell(key.start_mark.line + 1, place, "a key must be text, not a list or a map")
        return keys

    def _merged(self, node: yaml.Node, place: Place) -> dict[str, Node]:
        """What `<<` brings in; the first of several wins, as YAML has it."""
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        merged: dict[str, Node] = {}
        for source in sources:
            if isinstance(source, yaml.MappingNode):
                merged = {**self.build(source, place).value, **merged}
            else:
                self._tell(source.start_mark.line + 1, place, "<< takes a map or a list of maps")
        return merged

    def _scalar(self, node: yaml.ScalarNode, place: Place) -> Any:
        reader = READERS.get(node.tag)
        if reader is None:
            self._tell(node.start_mark.line + 1, place, f"the tag {_shown(node.tag)} is not allowed: plain values only")
            return None
        try:
            return reader(node)
        except ValueError as error:
            self._tell(node.start_mark.line + 1, place, str(error))
            return None

    def _expect(self, node: yaml.Node, kind: str, place: Place) -> None:
        if node.tag != f"{PREFIX}{kind}":
            self._tell(node.start_mark.line + 1, place, f"the tag {_shown(node.tag)} is not allowed: plain values only")

    def _tell(self, line: int, place: Place, message: str) -> None:
        from_place = Origin(self.layer, self.path, line)
        self.findings.add(from_place, field_of(place), message)


def _shown(tag: str) -> str:
    return f"!!{tag.removeprefix(PREFIX)}" if tag.startswith(PREFIX) else tag


def _read_str(node: yaml.ScalarNode) -> str:
    return Unquoted(node.value) if not node.style and "${" in node.value else str(node.value)


def _read_null(_node: yaml.ScalarNode) -> None:
    return None


def _read_bool(node: yaml.ScalarNode) -> bool:
    text = node.value.lower()
    if text not in TRUE | FALSE:
        raise ValueError("is neither true nor false")
    return text in TRUE


def _read_int(node: yaml.ScalarNode) -> int:
    text = node.value.replace("_", "").lower()
    if len(text) > 70:
        raise ValueError("this number is too large")
    digits = text.lstrip("+-")
    base = {"0b": 2, "0o": 8, "0x": 16}.get(digits[:2], 8 if digits.startswith("0") and digits != "0" else 10)
    try:
        number = int(text, base)
    except ValueError:
        raise ValueError("is not a whole number") from None
    if not -(2**63) <= number < 2**63:
        raise ValueError("this number is too large")
    return number


def _read_float(node: yaml.ScalarNode) -> float:
    text = node.value.replace("_", "").lower()
    with suppress(ValueError):
        number = math.nan if text.endswith((".inf", ".nan")) else float(text)
        if math.isfinite(number):
            return number
    raise ValueError("is not a number that JSON knows")


READERS: Mapping[str, Callable[[yaml.ScalarNode], Any]] = {
    f"{PREFIX}str": _read_str,
    f"{PREFIX}null": _read_null,
    f"{PREFIX}bool": _read_bool,
    f"{PREFIX}int": _read_int,
    f"{PREFIX}float": _read_float,
}
