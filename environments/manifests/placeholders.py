"""Puts values in the place of `${NAME}`; `$${` stands for `${` itself."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from .errors import Findings
from .limits import LIMITS
from .node import CONFIGURATION, PORTAL, Node, Origin, Place, Unquoted, Unresolved, field_of

PATTERN = re.compile(r"\$\$\{|\$\{([A-Za-z_]\w*)\}|\$\{[^}\n]{0,40}\}?")
NOT_PLAIN = "is not a placeholder; write $${ where ${ itself is meant"


@dataclass(frozen=True)
class Value:
    """What a placeholder stands for. `layer` is the one that gave it; sensitive text may only stand in a Secret."""

    text: str = field(repr=False)
    layer: str = CONFIGURATION
    sensitive: bool = False


class Resolver:
    """Resolves trees with one set of values; what cannot be resolved is reported and left as `Unresolved`."""

    def __init__(self, values: Mapping[str, Value], findings: Findings) -> None:
        self.values, self.findings, self._room = values, findings, LIMITS.text

    def resolve(self, node: Node, place: Place = (), *, secret: bool = False) -> Node:
        """`secret` says that the tree is a Secret, where sensitive values may stand."""
        value, origin = node
        if isinstance(value, dict):
            for key in value:
                if "${" in key:
                    self._tell(origin, place, f'the key "{key}" has a placeholder; they stand in values only')
            children = {key: self.resolve(child, (*place, key), secret=secret) for key, child in value.items()}
            return Node(children, origin)
        if isinstance(value, list):
            items = [self.resolve(child, (*place, index), secret=secret) for index, child in enumerate(value)]
            return Node(items, origin)
        if isinstance(value, str) and "${" in value:
            return self._scalar(value, origin, place, secret)
        return node

    def _scalar(self, text: str, origin: Origin, place: Place, secret: bool) -> Node:
        used: list[Value] = []
        faults: list[str] = []

        def replace(match: re.Match[str]) -> str:
            if match[0] == "$${":
                return "${"
            value = self.values.get(match[1]) if match[1] else None
            fault = self._fault(match, value, secret)
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
            return Node(Unresolved(found), origin)
        whole = isinstance(text, Unquoted) and PATTERN.fullmatch(text)
        return Node(Unquoted(found) if whole else found, _origin(origin, used))

    def _fault(self, match: re.Match[str], value: Value | None, secret: bool) -> str:
        if not match[1]:
            return f"{'this' if secret else match[0]} {NOT_PLAIN}"
        if value is None:
            close = self.findings.close_to(match[1], self.values)
            hint = f", did you mean ${{{close}}}?" if close else ""
            return f"${{{match[1]}}} has no value in this environment{hint}"
        if value.sensitive and not secret:
            return f"${{{match[1]}}} is sensitive, so it may stand in a Secret only"
        return ""

    def _tell(self, origin: Origin, place: Place, message: str) -> None:
        self.findings.add(origin, field_of(place), message)


def _origin(origin: Origin, used: list[Value]) -> Origin:
    """A value of the environment's configuration counts for more than one that the portal knows by itself."""
    layers = {value.layer for value in used}
    layer = next((layer for layer in (CONFIGURATION, PORTAL) if layer in layers), origin.layer)
    return origin._replace(layer=layer)
