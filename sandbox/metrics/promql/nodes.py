"""What a query is made of."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import re2  # type: ignore[import-untyped]

from sandbox.metrics.promql.errors import QueryError

Kind = Literal["scalar", "instant vector", "range vector"]
NAME = "__name__"


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(f"^(?:{pattern})$", options)
    except re2.error as error:
        words = error.args[0].decode() if isinstance(error.args[0], bytes) else error.args[0]
        raise QueryError(f"error parsing regexp: {words}: {pattern}") from None


@dataclass(frozen=True)
class Matcher:
    """`operator` is =, !=, =~ or !~; an absent label counts as the empty text. QueryError for a bad expression."""

    label: str
    operator: str
    value: str

    def __post_init__(self) -> None:
        if self.operator in ("=~", "!~"):
            _compiled(self.value)

    def matches(self, text: str) -> bool:
        if self.operator in ("=", "!="):
            return (text == self.value) is (self.operator == "=")
        return (_compiled(self.value).match(text) is not None) is (self.operator == "=~")


@dataclass(frozen=True)
class Number:
    value: float
    kind: Kind = "scalar"


@dataclass(frozen=True)
class Selector:
    """The metric's name is a matcher on __name__."""

    matchers: tuple[Matcher, ...]
    kind: Kind = "instant vector"


@dataclass(frozen=True)
class Range:
    """`window` in milliseconds."""

    selector: Selector
    window: int
    kind: Kind = "range vector"


@dataclass(frozen=True)
class FunctionCall:
    function: str
    arguments: tuple["Node", ...]
    kind: Kind


@dataclass(frozen=True)
class Aggregate:
    """Groups by `labels`, or by all but them."""

    operator: str
    without: bool
    labels: frozenset[str]
    of: "Node"
    kind: Kind = "instant vector"


@dataclass(frozen=True)
class Matching:
    """Which labels two sides have to share: `labels`, or (unless `on`) all but them."""

    on: bool = False
    labels: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Binary:
    """`truth` is the modifier bool: 0 or 1 in place of filtering."""

    operator: str
    left: "Node"
    right: "Node"
    truth: bool
    matching: Matching
    kind: Kind


@dataclass(frozen=True)
class Negative:
    of: "Node"
    kind: Kind


Node = Number | Selector | Range | FunctionCall | Aggregate | Binary | Negative
