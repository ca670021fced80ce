"""Queries as tokens."""

import re
from typing import NamedTuple, NoReturn

from sandbox.metrics.promql.errors import QueryError

DURATION = re.compile(r"(?=\d)(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?")
_UNITS = (31_536_000_000, 604_800_000, 86_400_000, 3_600_000, 60_000, 1_000, 1)
_TOKEN = re.compile(
    r"""(?P<space>\s+|\#[^\n]*)
      | (?P<duration>(?:\d+(?:ms|[smhdwy]))+(?![\w.]))
      | (?P<number>(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?![\w.]))
      | (?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)
      | (?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`)
      | (?P<sign>=~|!~|!=|==|>=|<=|[-+*/%^(){}\[\],:@=<>])""",
    re.VERBOSE | re.ASCII,
)
_ESCAPE = re.compile(
    r"\\(?:(?P<plain>[abfnrtv\\])|(?P<quote>['\"])|x(?P<x>[0-9a-fA-F]{2})|u(?P<u>[0-9a-fA-F]{4})"
    r"|U(?P<U>[0-9a-fA-F]{8})|(?P<o>[0-3][0-7]{2})|(?P<bad>.))",
    re.DOTALL,
)
_PLAIN = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}


class Token(NamedTuple):
    """`kind` is duration, number, name, text, sign or end; `text` as written, `at` its offset."""

    kind: str
    text: str
    at: int


def tokens(query: str) -> list[Token]:
    """The query's tokens with an end; QueryError says where it cannot be read."""
    found, at = [], 0
    while at < len(query):
        match = _TOKEN.match(query, at)
        if match is None:
            fail(query, at, f"unexpected character: {query[at]!r}")
        if match.lastgroup != "space":
            found.append(Token(str(match.lastgroup), match[0], at))
        at = match.end()
    return [*found, Token("end", "end of input", len(query))]


def fail(query: str, at: int, words: str) -> NoReturn:
    """Raises QueryError with the place as Prometheus writes it, line:column."""
    line, column = query.count("\n", 0, at) + 1, at - query.rfind("\n", 0, at)
    raise QueryError(f"{line}:{column}: parse error: {words}")


def milliseconds(text: str) -> int:
    """ "1h30m" as milliseconds; ValueError for what is no duration, or none above 0."""
    match = DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"not a valid duration string: {text!r}")
    total = sum(int(count or 0) * unit for count, unit in zip(match.groups(), _UNITS, strict=True))
    if total == 0:
        raise ValueError("duration must be greater than 0")
    return total


def unquoted(text: str) -> str:
    """What a literal stands for, by Go's rules; ValueError names an escape that there is not."""
    quote, inside = text[0], text[1:-1]
    return inside if quote == "`" else _ESCAPE.sub(lambda match: _escaped(match, quote), inside)


def _escaped(match: re.Match[str], quote: str) -> str:
    kind, text = str(match.lastgroup), match[str(match.lastgroup)]
    if kind == "plain":
        return _PLAIN[text]
    if kind == "bad" or (kind == "quote" and text != quote):
        raise ValueError(f"unknown escape sequence {match[0]!r}; a backslash is written twice")
    return text if kind == "quote" else chr(int(text, 8 if kind == "o" else 16))
