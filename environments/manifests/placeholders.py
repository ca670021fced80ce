"""Puts values in the place of `${NAME}` where NAME is declared; `$${NAME}` stands for `${NAME}` itself.

Scripts, dashboards and configurations of servers are full of `${…}` of their own: what is not declared stays as it is,
byte for byte, its dollars too.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from .errors import Findings
from .limits import LIMITS
from .node import CONFIGURATION, PORTAL, Origin, Place, Unquoted, Unresolved, YamlNode, field_of

PATTERN = re.compile(r"(\$?)\$\{([A-Za-z_]\w*)\}")
EVERY_ESCAPE = re.compile(r"\$\$\{|\$\{([A-Za-z_]\w*)\}")
OTHER = re.compile(r"(?<!\$)\$\{(?![A-Za-z_]\w*\})[^}\n]{0,40}\}?")
PORTAL_PREFIX = "SLIPWAY_"
SENSITIVE_MAPS = ("data", "stringData")
UNDECLARED = "neither slipway.yaml nor an environment declares such a placeholder"
NOT_PLAIN = "is not a placeholder; write $${ where ${ itself is meant"


@dataclass(frozen=True)
class Value:
    """What a placeholder stands for. `layer` is the one that gave it; sensitive text may only stand in a
    Secret's data."""

    text: str = field(repr=False)
    layer: str = CONFIGURATION
    sensitive: bool = False


@dataclass(frozen=True)
class Declared:
    """Which names are placeholders: those listed, and those that begin with one of `prefixes`.

    `every`: all are, and all else in `${…}` is a fault, as in slipway.yaml, which is written for the portal alone.
    `every_escape`: `$${` stands for `${` whatever follows, as bundles of before were read.
    """

    names: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()
    every: bool = False
    every_escape: bool = False

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and (self.every or name in self.names or name.startswith(self.prefixes))


class Whole(NamedTuple):
    """What a tree is: an object as a person reads it, and whether it is a Secret."""

    name: str
    secret: bool = False

    def takes_sensitive(self, place: Place) -> bool:
        """Whether a sensitive value may stand there: all else of a Secret is shown to who may read plans."""
        return self.secret and len(place) == 2 and place[0] in SENSITIVE_MAPS


class Resolver:
    """Resolves trees with one set of values; what cannot be resolved is reported and left as `Unresolved`."""

    def __init__(self, values: Mapping[str, Value], declared: Declared, findings: Findings) -> None:
        self.values, self.declared, self.findings = values, declared, findings
        self._room = LIMITS.text

    def resolve(self, node: YamlNode, whole: Whole, place: Place = ()) -> YamlNode:
        """`whole` is what the tree is of."""
        value, origin = node
        if isinstance(value, dict):
            for key in value:
                if "${" in key and self._has_placeholder(key):
                    self._tell(origin, place, f'the key "{key}" has a placeholder; they stand in values only')
            children = {key: self.resolve(child, whole, (*place, key)) for key, child in value.items()}
            return YamlNode(children, origin)
        if isinstance(value, list):
            items = [self.resolve(child, whole, (*place, index)) for index, child in enumerate(value)]
            return YamlNode(items, origin)
        if isinstance(value, str) and "${" in value:
            return self._scalar(value, origin, place, whole)
        return node

    def _has_placeholder(self, text: str) -> bool:
        return any(name in self.declared for _, name in PATTERN.findall(text))

    def _scalar(self, text: str, origin: Origin, place: Place, whole: Whole) -> YamlNode:
        filling = _Filling(self, place, whole)
        found = filling.fill(text)
        for fault in dict.fromkeys(filling.faults):
            self._tell(origin, place, fault)
        if filling.faults:
            return YamlNode(Unresolved(found), origin)
        alone = isinstance(text, Unquoted) and PATTERN.fullmatch(text)
        return YamlNode(Unquoted(found) if alone else found, _origin(origin, filling.used))

    def spend(self, size: int) -> bool:
        """Whether there is room for so many characters more."""
        self._room -= size
        return self._room >= 0

    def fault(self, name: str, value: Value | None, place: Place, whole: Whole) -> str:
        """What is wrong with a declared name there, "" for nothing."""
        if value is None:
            close = self.findings.close_to(name, self.values)
            hint = f", did you mean ${{{close}}}?" if close else ""
            return f"${{{name}}} has no value in this environment{hint}"
        if value.sensitive and not whole.takes_sensitive(place):
            return (
                f"${{{name}}} is sensitive, so it may stand in the data or stringData of a Secret only; "
                f"this is {whole.name}"
            )
        return ""

    def _tell(self, origin: Origin, place: Place, message: str) -> None:
        self.findings.add(origin, field_of(place), message)


class _Filling:
    """Fills one scalar; holds which values it took and what was wrong."""

    def __init__(self, resolver: Resolver, place: Place, whole: Whole) -> None:
        self.resolver, self.place, self.whole = resolver, place, whole
        self.used: list[Value] = []
        self.faults: list[str] = []

    def fill(self, text: str) -> str:
        declared = self.resolver.declared
        if declared.every:
            shown = OTHER.findall(text)
            self.faults += [f"{'this' if self.whole.secret else each} {NOT_PLAIN}" for each in shown]
        if declared.every or declared.every_escape:
            return EVERY_ESCAPE.sub(lambda match: self._put(match[0], match[1]) if match[1] else "${", text)
        return PATTERN.sub(
            lambda match: match[0][1:] if self._is_escaped(match) else self._put(match[0], match[2]), text
        )

    def _is_escaped(self, match: re.Match[str]) -> bool:
        return bool(match[1]) and match[2] in self.resolver.declared

    def _put(self, as_it_is: str, name: str) -> str:
        if name not in self.resolver.declared:
            return as_it_is
        value = self.resolver.values.get(name)
        fault = self.resolver.fault(name, value, self.place, self.whole)
        if fault or value is None:
            self.faults.append(fault)
            return as_it_is
        if not self.resolver.spend(len(value.text)):
            self.faults.append(f"with it the placeholders bring in more than {LIMITS.text // 1024**2} MiB of text")
            return ""
        self.used.append(value)
        return value.text


def _origin(origin: Origin, used: list[Value]) -> Origin:
    """A value of the environment's configuration counts for more than one that the portal knows by itself."""
    layers = {value.layer for value in used}
    layer = next((layer for layer in (CONFIGURATION, PORTAL) if layer in layers), origin.layer)
    return origin._replace(layer=layer)
