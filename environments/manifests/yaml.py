"""YAML as kubectl reads it, less what can do harm: every value with its line, no bombs."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import yaml

from .errors import BundleError, BundleErrors, Findings
from .limits import Budget, TooLarge
from .node import BASE, Origin, Place, Unquoted, YamlNode, field_of, plain
from .scalars import NULL, PREFIX, READERS, STR, key_text, read, read_plain, tag_of

MERGE = "<<"
REMARKS = 100  # of a document
# Files with a byte order mark that were put together have one in the middle.
MARKS = re.compile(r"(\A|^---.*\n)\ufeff|^\ufeff(?=---)", re.MULTILINE)


@dataclass(frozen=True)
class Document:
    """One document of a file. `line` is where it starts, from 1; `node` is the tree of its values.

    `remarks` say where kubectl, and so the portal, reads otherwise than one may think.
    """

    path: str
    line: int
    node: YamlNode
    remarks: tuple[str, ...] = ()

    @cached_property
    def data(self) -> Any:
        return plain(self.node)

    @cached_property
    def lines(self) -> Mapping[Place, int]:
        """The line of every value, by its place: {("spec", "replicas"): 7}."""
        return dict(_lines(self.node, ()))


def parse(text: str, path: str, layer: str = BASE, budget: Budget | None = None) -> list[Document]:
    """The documents of one file; empty ones are left out, the items of a List stand for themselves.

    `budget` is that of the bundle. Raises BundleErrors with everything found; bad syntax, and more than the budget has,
    end the reading.
    """
    findings = Findings()
    documents: list[Document] = []
    try:
        reader = _YamlReader(text, path, layer, findings, budget or Budget())
        for root in reader.roots():
            remarks, reader.remarks = tuple(reader.remarks), []
            if root.value is not None:
                documents += [Document(path, item.origin.line, item, remarks) for item in _items(root)]
    except yaml.MarkedYAMLError as error:
        findings.take(_syntax_error(error, path))
    except yaml.YAMLError as error:
        findings.take(BundleError(path, 0, "", f"not YAML: {error}"))
    except TooLarge as error:
        raise BundleErrors([BundleError(path, 0, "", str(error))]) from None
    except BundleError as error:
        findings.take(error)
    findings.check()
    return documents


def _syntax_error(error: yaml.MarkedYAMLError, path: str) -> BundleError:
    mark = error.problem_mark or error.context_mark
    told = [part for part in (error.context, error.problem) if part]
    return BundleError(path, mark.line + 1 if mark else 0, "", f"not YAML: {', '.join(told)}")


def _items(node: YamlNode) -> list[YamlNode]:
    """A `kind: List` as its items; anything else as itself."""
    if not isinstance(node.value, dict) or "items" not in node.value or "kind" not in node.value:
        return [node]
    kind, items = node.value["kind"].value, node.value["items"].value
    if not (isinstance(kind, str) and kind.endswith("List") and isinstance(items, list)):
        return [node]
    return [item for child in items for item in _items(child)]


def _lines(node: YamlNode, place: Place) -> list[tuple[Place, int]]:
    found = [(place, node.origin.line)]
    if isinstance(node.value, dict):
        for key, child in node.value.items():
            found += _lines(child, (*place, key))
    elif isinstance(node.value, list):
        for index, child in enumerate(node.value):
            found += _lines(child, (*place, index))
    return found


class _Anchored(NamedTuple):
    """What an anchor stands for, and what each alias to it costs. `node` is None inside of itself."""

    node: YamlNode | None
    values: int = 0
    text: int = 0


class _YamlReader:
    """Turns the parser's events into nodes, one by one: nothing is built that the budget has no room for."""

    def __init__(self, text: str, path: str, layer: str, findings: Findings, budget: Budget) -> None:
        self.path, self.layer, self.findings, self.budget = path, layer, findings, budget
        self._text = MARKS.sub(r"\1", text)
        self._anchors: dict[str, _Anchored] = {}
        self._place: list[str | int] = []
        self._origin = Origin(layer, path)
        self._texts: dict[str, str] = {}
        self.remarks: list[str] = []

    def roots(self) -> Iterator[YamlNode]:
        """The root of each document. Raises YAMLError, BundleError and TooLarge."""
        loader: Any = yaml.CSafeLoader(self._text)
        self._next: Callable[[], Any] = loader.get_event
        try:
            while not isinstance(event := self._next(), yaml.StreamEndEvent):
                if isinstance(event, yaml.DocumentStartEvent):
                    self.budget.begin_document()
                    self._anchors = {}
                    yield self._node(self._next())
        finally:
            loader.dispose()

    def _node(self, event: yaml.Event, line: int = 0) -> YamlNode:
        """The value that begins with this event; `line` where it counts as that of its key."""
        origin = self._at(line or _line(event))
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, origin)
        assert isinstance(event, yaml.NodeEvent)
        before = self.budget.values, self.budget.text
        if event.anchor:
            self._anchors[event.anchor] = _Anchored(None)
        node = YamlNode(self._value(event), origin)
        if event.anchor:
            values, text = self.budget.values - before[0], self.budget.text - before[1]
            self._anchors[event.anchor] = _Anchored(node, values, text)
        return node

    def _value(self, event: yaml.NodeEvent) -> Any:
        if isinstance(event, yaml.ScalarEvent):
            self.budget.spend(1, len(event.value))
            return self._scalar(event)
        assert isinstance(event, yaml.CollectionStartEvent)
        self.budget.spend(1)
        if len(self._place) > self.budget.limits.nesting:
            raise TooLarge(f"nested more than {self.budget.limits.nesting} levels deep")
        is_map = isinstance(event, yaml.MappingStartEvent)
        self._expect(event, "map" if is_map else "seq")
        return self._map() if is_map else self._list()

    def _alias(self, event: yaml.AliasEvent, origin: Origin) -> YamlNode:
        found = self._anchors.get(event.anchor or "")
        if found is None or found.node is None:
            words = "found undefined alias" if found is None else f"the alias *{event.anchor} is nested in itself"
            raise BundleError(self.path, _line(event), "", f"not YAML: {words}")
        self.budget.spend(found.values, found.text)
        return YamlNode(found.node.value, origin)

    def _list(self) -> list[YamlNode]:
        items: list[YamlNode] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._below(len(items), event))
        return items

    def _map(self) -> dict[str, YamlNode]:
        """In the order of the text, `<<` too: what it brings in counts for more than what stands before it."""
        own: dict[str, YamlNode] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            line = _line(event)
            key = self._key(event)
            value = self._below(key or "", self._next(), line)
            if isinstance(event, yaml.ScalarEvent) and key == MERGE and _is_plain(event):
                own |= self._merged(value)
            elif key is not None:
                if key in own:
                    self._remark(line, key, "stands there twice, and the last one counts")
                own[key] = value
        return own

    def _below(self, step: str | int, event: yaml.Event, line: int = 0) -> YamlNode:
        self._place.append(step)
        node = self._node(event, line)
        self._place.pop()
        return node

    def _key(self, event: yaml.Event) -> str | None:
        """The text of a key; None for what is none, which is read over."""
        if isinstance(event, yaml.ScalarEvent):
            self.budget.spend(0, len(event.value))
            text = self._key_text(event)
            return self._texts.setdefault(text, text)
        found = self._below("", event)
        if isinstance(event, yaml.AliasEvent) and isinstance(found.value, str):
            return str(found.value)
        self._tell(_line(event), "a key must be text, not a list or a map")
        return None

    def _key_text(self, event: yaml.ScalarEvent) -> str:
        if not _is_plain(event):
            return str(event.value)
        tag = tag_of(event.value)
        if tag == NULL:
            self._tell(_line(event), "a key must be text, not nothing")
        try:
            text = key_text(tag, event.value)
        except ValueError as error:
            self._tell(_line(event), str(error))
            return str(event.value)
        if text != event.value:
            self._remark(_line(event), event.value, f"is the key {text}, since it has no quotes")
        return text

    def _remark(self, line: int, key: str, words: str) -> None:
        if len(self.remarks) < REMARKS:
            self.remarks.append(f"{field_of((*self._place, key))} in line {line} {words}")

    def _merged(self, node: YamlNode) -> dict[str, YamlNode]:
        """What `<<` brings in; the first of several wins, as YAML has it."""
        merged: dict[str, YamlNode] = {}
        for source in node.value if node.is_list else [node]:
            if source.is_map:
                merged = {**source.value, **merged}
            else:
                self._tell(source.origin.line, "<< takes a map or a list of maps")
        return merged

    def _scalar(self, event: yaml.ScalarEvent) -> Any:
        text = event.value
        if event.tag and event.tag != "!":
            return self._tagged(event, event.tag)
        if not _is_plain(event):
            return text
        if "${" in text:
            return Unquoted(text)
        try:
            return read_plain(self._texts.setdefault(text, text))
        except ValueError as error:
            self._tell(_line(event), str(error))
            return None

    def _tagged(self, event: yaml.ScalarEvent, tag: str) -> Any:
        if tag not in READERS:
            self._tell(_line(event), _not_allowed(tag))
            return None
        if tag == STR and not event.style and "${" in event.value:
            return Unquoted(event.value)
        return self._read(tag, event)

    def _read(self, tag: str, event: yaml.ScalarEvent) -> Any:
        if tag == STR:
            return self._texts.setdefault(event.value, event.value)
        try:
            return read(tag, event.value)
        except ValueError as error:
            self._tell(_line(event), str(error))
            return None

    def _expect(self, event: yaml.CollectionStartEvent, kind: str) -> None:
        if event.tag and event.tag not in ("!", f"{PREFIX}{kind}"):
            self._tell(_line(event), _not_allowed(event.tag))

    def _at(self, line: int) -> Origin:
        if line != self._origin.line:
            self._origin = Origin(self.layer, self.path, line)
        return self._origin

    def _tell(self, line: int, message: str, *below: str) -> None:
        self.findings.add(Origin(self.layer, self.path, line), field_of((*self._place, *below)), message)


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0


def _is_plain(event: yaml.ScalarEvent) -> bool:
    """Whether a scalar stands without quotes and without a tag."""
    return bool(event.implicit[0]) and event.tag is None


def _not_allowed(tag: str) -> str:
    shown = f"!!{tag.removeprefix(PREFIX)}" if tag.startswith(PREFIX) else tag
    return f"the tag {shown} is not allowed: plain values only"
