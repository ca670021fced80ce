"""YAML beside what kubectl 1.36 made of the very same: each value was sent by it to an API server, and read back."""

import pytest

from environments.manifests.errors import BundleErrors
from environments.manifests.yaml import parse

REFUSED = object()
SCALARS: list[tuple[str, object]] = [
    ("3", 3),
    ("-3", -3),
    ("+3", 3),
    ("0", 0),
    ("00", 0),
    ("0x1F", 31),
    ("0X1F", 31),
    ("-0x1F", -31),
    ("010", 8),
    ("-010", -8),
    ("0o17", 15),
    ("0o755", 493),
    ("0755", 493),
    ("08", 8),
    ("09", 9),
    ("0b11", 3),
    ("1_000", 1000),
    ("1__0", 10),
    ("_1", "_1"),
    ("1_", 1),
    ("0x_1", 1),
    ("1.5", 1.5),
    ("1e3", 1000),
    ("1E3", 1000),
    ("1e+3", 1000),
    ("2.0", 2),
    ("1.00065e+09", 1000650000),
    ("-3.0", -3),
    ("1e300", 1e300),
    ("1e-3", 0.001),
    (".5", 0.5),
    ("5.", 5),
    ("-.5", -0.5),
    ("+.5", 0.5),
    ("1_0.5", 10.5),
    ("12e03", 12000),
    ("1e", "1e"),
    ("true", True),
    ("True", True),
    ("TRUE", True),
    ("tRUE", "tRUE"),
    ("false", False),
    ("yes", True),
    ("Yes", True),
    ("YES", True),
    ("no", False),
    ("No", False),
    ("on", True),
    ("On", True),
    ("OFF", False),
    ("off", False),
    ("y", True),
    ("Y", True),
    ("n", False),
    ("N", False),
    ("null", None),
    ("Null", None),
    ("NULL", None),
    ("nULL", "nULL"),
    ("~", None),
    ("", None),
    ("22:22", "22:22"),
    ("1:30", "1:30"),
    ("190:20:30", "190:20:30"),
    ("2024-01-31", "2024-01-31"),
    ("2024-01-31T10:00:00Z", "2024-01-31T10:00:00Z"),
    ("2024-01-31 10:00:00", "2024-01-31 10:00:00"),
    ("1.2.3", "1.2.3"),
    ("500m", "500m"),
    ("'3'", "3"),
    ('"yes"', "yes"),
    ("!!str 3", "3"),
    ('!!int "3"', 3),
    ("!!bool yes", True),
    ("!!float 3", 3),
    ("!!null ''", None),
    ("=", "="),
    ("<<", "<<"),
    (".inf", REFUSED),
    ("-.inf", REFUSED),
    (".nan", REFUSED),
    ("+.inf", REFUSED),
    ("9223372036854775807", 9223372036854775807),
    ("9223372036854775808", 9223372036854776000),
    ("18446744073709551615", 18446744073709552000),
    ("18446744073709551616", 18446744073709552000),
    ("-9223372036854775808", -9223372036854775808),
    ("-9223372036854775809", -9223372036854776000),
    ("99999999999999999999", 100000000000000000000),
    ("123456789012345678901234567890", 1.2345678901234568e29),
    ("1e400", "1e400"),
    ("9007199254740993", 9007199254740993),
    ("9007199254740993.0", 9007199254740992),
    ("1e18", 1000000000000000000),
    ("1e19", 10000000000000000000),
    ("1e21", 1e21),
    ("0.1", 0.1),
    ("1.10", 1.1),
    ("100.0", 100),
    ("0.0", 0),
    ("-0", 0),
    ("-0.0", 0),
    ("!!binary aGk=", "hi"),
    ("!!timestamp 2024-01-31", "2024-01-31"),
    ("0777777777777777777777", 9223372036854775807),
    ("0x7fffffffffffffff", 9223372036854775807),
    ("0xffffffffffffffff", 18446744073709552000),
    ("1,000", "1,000"),
    ("$1", "$1"),
    ("1 ", 1),
    ("'it''s'", "it's"),
    ('"\\u00e9"', "é"),
    ("0.10e2", 10),
    ("685_230.15", 685230.15),
    ("0b1010_0111", 167),
    ("4.0e+0", 4),
    ("1e2.5", "1e2.5"),
]
KEYS: list[tuple[str, object]] = [
    ("y: x", {"true": "x"}),
    ("n: x", {"false": "x"}),
    ("on: x", {"true": "x"}),
    ("true: x", {"true": "x"}),
    ("null: x", REFUSED),
    ("~: x", REFUSED),
    ("8080: x", {"8080": "x"}),
    ("010: x", {"8": "x"}),
    ("0x10: x", {"16": "x"}),
    ("1_000: x", {"1000": "x"}),
    ("1.0: x", {"1": "x"}),
    ("1.5: x", {"1.5": "x"}),
    ("1e3: x", {"1000": "x"}),
    ("2024-01-31: x", {"2024-01-31": "x"}),
    ("'y': x", {"y": "x"}),
    ("<<: x", REFUSED),
    ("=: x", {"=": "x"}),
    ("? a\n: x", {"a": "x"}),
    (".inf: x", {".inf": "x"}),
    ("[a]: x", REFUSED),
    ("a: 1\na: 2", {"a": 2}),
    ("8080: a\n'8080': b", {"8080": "b"}),
    ("y: a\ntrue: b", {"true": "b"}),
    ("a: &b {x: 1}\nc:\n  <<: *b\n  z: 2", {"a": {"x": 1}, "c": {"x": 1, "z": 2}}),
    ("a: &b {x: 1}\nc:\n  x: 3\n  <<: *b", {"a": {"x": 1}, "c": {"x": 1}}),
    ("a: &b {x: 1}\nc:\n  <<: *b\n  x: 3", {"a": {"x": 1}, "c": {"x": 3}}),
    (
        "a: &b {x: 1}\nd: &e {x: 2, z: 3}\nc:\n  <<: [*b, *e]",
        {"a": {"x": 1}, "c": {"x": 1, "z": 3}, "d": {"x": 2, "z": 3}},
    ),
    ("a: *nope", REFUSED),
    ("a: [1, 2,]\nb: {c, d: }", {"a": [1, 2], "b": {"c": None, "d": None}}),
    ("a: \"x\\ty\"\nb: 'x\n\n  y'", {"a": "x\ty", "b": "x\ny"}),
    ("a: >-\n  x\n  y\n", {"a": "x y"}),
]


def read(text: str) -> object:
    try:
        return parse(text, "a.yaml")[0].data
    except BundleErrors:
        return REFUSED


@pytest.mark.parametrize(("text", "value"), SCALARS, ids=[repr(text) for text, _ in SCALARS])
def test_a_scalar_is_what_kubectl_makes_of_it(text: str, value: object) -> None:
    found = read(f"a: {text}\n")
    if value is REFUSED:
        assert found is REFUSED
        return
    assert isinstance(found, dict)
    assert as_json(found["a"]) == as_json(value)


def as_json(value: object) -> tuple[str, object]:
    """JSON has one kind of number; kubectl writes whole ones without a point."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return ("number", float(str(value))) if number else (type(value).__name__, value)


@pytest.mark.parametrize(("text", "value"), KEYS, ids=[repr(text) for text, _ in KEYS])
def test_a_key_is_what_kubectl_makes_of_it(text: str, value: object) -> None:
    assert read(f"{text}\n") == value


def test_a_key_that_stands_there_twice_is_told() -> None:
    [document] = parse("a: 1\nb:\n  c: 1\n  c: 2\n", "a.yaml")
    assert document.remarks == ("b.c in line 4 stands there twice, and the last one counts",)


def test_a_key_that_is_another_is_told() -> None:
    [document] = parse("spec:\n  y: 1\n", "a.yaml")
    assert document.remarks == ("spec.y in line 2 is the key true, since it has no quotes",)


@pytest.mark.parametrize("text", ["a: !mine b", "a: !!set {b}"])
def test_tags_of_other_programs_are_refused_though_kubectl_reads_over_them(text: str) -> None:
    assert read(text) is REFUSED
