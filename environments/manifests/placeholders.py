"""Puts values in the place of `${NAME}`; `$${` stands for `${` itself."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from .errors import Findings
from .limits import LIMITS
from .node import CONFIGURATION, PORTAL, Origin, Place, Unquoted, Unresolved, YamlNode, field_of

PATTERN = re.compile(r"\$\$\{|\$\{([A-Za-z_]\w*)\}|\$\{[^}\n]{0,40}\}?")
SENSITIVE_MAPS = ("data", "stringData")
NOT_PLAIN = "is not a placeholder; write $${ where ${ itself is meant"


@dataclass(frozen=True)
class Value:
    """What a placeholder stands for. `layer` is the one that gave it; sensitive text may only stand in a
    Secret's data."""

    text: str = field(repr=False)
    layer: str = CONFIGURATION
    sensitive: bool = False


class Whole(NamedTuple):
    """What a tree is: an object as a person reads it, and whether it is a Secret."""

    name: str
    secret: bool = False

    def takes_sensitive(self, place: Place) -> bool:
        """Whether a sensitive value may stand there: all else of a Secret is shown to who may read plans."""
        return self.secret and len(place) == 2 and place[0] in SENSITIVE_MAPS


class Resolver:
    """Resolves trees with one set of values; what cannot be resolved is reported and left as `Unresolved`."""

    def __init__(self, values: Mapping[str, Value], findings: Findings) -> None:
        self.values, self.findings, self._room = values, findings, LIMITS.text

    def resolve(self, node: YamlNode, whole: Whole, place: Place = ()) -> YamlNode:
        """`whole` is what the tree is of."""
        value, origin = node
        if isinstance(value, dict):
            for key in value:
                if "${" in key:
                    self._tell(origin, place, f'the key "{key}" has a placeholder; they stand in values only')
            children = {key: self.resolve(child, whole, (*place, key)) for key, child in value.items()}
            return YamlNode(children, origin)
        if isinstance(value, list):
            items = [self.resolve(child, whole, (*place, index)) for index, child in enumerate(value)]
            return YamlNode(items, origin)
        if isinstance(value, str) and "${" in value:
            return self._scalar(value, origin, place, whole)
        return node

    def _scalar(self, text: str, origin: Origin, place: Place, whole: Whole) -> YamlNode:
        used: list[Value] = []
        faults: list[str] = []

        def replace(match: re.Match[str]) -> str:
            if match[0] == "$${":
                return "${"
            value = self.values.get(match[1]) if match[1] else None
            fault = self._fault(match, value, place, whole)
            if fault or value is None:
                faults.append(fault)
                return match[0]
            self._room -= len(value.text)
            if self._room < 0:
                faults.append(f"with it the placeholders bring in more than {LIMITS.text // 1024**2} MiB of text")
                return ""
            used.append(value)
            return value.text

        found = PATTERN.sub(replace, text)
        for fault in dict.fromkeys(faults):
            self._tell(origin, place, fault)
        if faults:
            return YamlNode(Unresolved(found), origin)
        alone = isinstance(text, Unquoted) and PATTERN.fullmatch(text)
        return YamlNode(Unquoted(found) if alone else found, _origin(origin, used))

    def _fault(self, match: re.Match[str], value: Value | None, place: Place, whole: Whole) -> str:
        if not match[1]:
            return f"{'this' if whole.secret else match[0]} {NOT_PLAIN}"
        if value is None:
            close = self.findings.close_to(match[1], self.values)
            hint = f", did you mean ${{{close}}}?" if close else ""
            return f"${{{match[1]}}} has no value in this environment{hint}"
        if value.sensitive and not whole.takes_sensitive(place):
            return (
                f"${{{match[1]}}} is sensitive, so it may stand in the data or stringData of a Secret only; "
                f"this is {whole.name}"
            )
        return ""

    def _tell(self, origin: Origin, place: Place, message: str) -> None:
        self.findings.add(origin, field_of(place), message)


def _origin(origin: Origin, used: list[Value]) -> Origin:
    """A value of the environment's configuration counts for more than one that the portal knows by itself."""
    layers = {value.layer for value in used}
    layer = next((layer for layer in (CONFIGURATION, PORTAL) if layer in layers), origin.layer)
    return origin._replace(layer=layer)
