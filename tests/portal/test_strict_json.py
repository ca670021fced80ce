"""JSON from outside: what is taken can be stored, and what cannot is told."""

import pytest

from portal.strict_json import MOST_BYTES, MOST_DEPTH, NotTaken, TooLong, read

TAKEN = [
    (b'{"a": [1, -2.5e3, true, null, "\\u00e9\\ud83d\\ude00"]}', {"a": [1, -2500.0, True, None, "é😀"]}),
    ('"text"', "text"),
    (b"9223372036854775807", 2**63 - 1),
    (b"-9223372036854775808", -(2**63)),
    (b'"a literal \\\\u0000"', "a literal \\u0000"),
    (b"[" * MOST_DEPTH + b"]" * MOST_DEPTH, None),
]
REFUSED: list[tuple[str, bytes, str]] = [
    ("nothing", b"", "is not JSON"),
    ("half of it", b'{"a": ', "is not JSON"),
    ("another encoding", '{"a": "é"}'.encode("latin-1"), "is not JSON"),
    ("UTF-16", '{"a": 1}'.encode("utf-16"), "is not JSON"),
    ("a byte order mark", b'\xef\xbb\xbf{"a": 1}', "is not JSON"),
    ("a lone surrogate", b'{"a": "\\ud800"}', "surrogate"),
    ("a lone surrogate as a name", b'{"\\udfff": 1}', "surrogate"),
    ("a NUL", b'{"a": ["\\u0000"]}', "0000"),
    ("a NUL as a name", b'{"\\u0000": 1}', "0000"),
    ("5,000 digits", b'{"a": ' + b"9" * 5000 + b"}", "64 bits"),
    ("one more than 64 bits", b"9223372036854775808", "64 bits"),
    ("NaN", b'{"a": NaN}', "finite"),
    ("infinity", b"-Infinity", "finite"),
    ("a huge exponent", b'{"a": 1e999}', "finite"),
    ("a name twice", b'{"a": 1, "b": {"c": 1, "c": 1}}', "'c' twice"),
    ("one level too deep", b"[" * (MOST_DEPTH + 1) + b"1" + b"]" * (MOST_DEPTH + 1), "deeper"),
    ("far too deep", b"[" * 100_000 + b"]" * 100_000, "deeper"),
    ("far too deep objects", b'{"a":' * 100_000, "deeper"),
]


@pytest.mark.parametrize(("text", "value"), TAKEN)
def test_json_is_read(text: bytes | str, value: object) -> None:
    found = read(text)
    assert value is None or found == value


@pytest.mark.parametrize(("what", "text", "why"), REFUSED, ids=[what for what, *_ in REFUSED])
def test_what_cannot_be_stored_is_told(what: str, text: bytes, why: str) -> None:
    with pytest.raises(NotTaken, match=why):
        read(text)


def test_what_is_too_long_is_not_looked_at() -> None:
    with pytest.raises(TooLong, match="are the most"):
        read(b"[" * (MOST_BYTES + 1))
