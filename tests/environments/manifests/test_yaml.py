"""YAML as Kubernetes' tools read it, each value with its line."""

from dataclasses import replace

import pytest

from environments.manifests.errors import BundleErrors
from environments.manifests.limits import LIMITS, Budget
from environments.manifests.scalars import scalar
from environments.manifests.yaml import parse

VALUES = [
    ("3", 3),
    ("-3", -3),
    ("0", 0),
    ("0x1F", 31),
    ("010", 8),
    ("1_000", 1000),
    ("1.5", 1.5),
    ("1e3", 1000),
    ("2.0", 2),
    ("1.00065e+09", 1000650000),
    ("-3.0", -3),
    ("1e300", 1e300),
    ("true", True),
    ("No", False),
    ("on", True),
    ("y", True),
    ("null", None),
    ("~", None),
    ("22:22", "22:22"),
    ("2024-01-31", "2024-01-31"),
    ("2024-01-31T10:00:00Z", "2024-01-31T10:00:00Z"),
    ("1.2.3", "1.2.3"),
    ("500m", "500m"),
    ("'3'", "3"),
    ("!!str 3", "3"),
    ("=", "="),
]


@pytest.mark.parametrize(("text", "value"), VALUES)
def test_scalars(text: str, value: object) -> None:
    data = parse(f"a: {text}\n", "a.yaml")[0].data
    assert data == {"a": value}
    assert type(data["a"]) is type(value)


@pytest.mark.parametrize(("text", "value"), [("3", 3), ("true", True), ("a: b", "a: b"), ("[1]", "[1]"), ("", None)])
def test_a_single_scalar(text: str, value: object) -> None:
    assert scalar(text) == value


ERRORS = [
    ("a: [1, 2\n", "a.yaml line 2: not YAML: while parsing a flow sequence, did not find expected ',' or ']'"),
    ("a: 1\n b: 2\n", "a.yaml line 2: not YAML: mapping values are not allowed in this context"),
    ("a: &x\n  b: *x\n", "nested"),
    ("a: *x\n", "a.yaml line 1: not YAML: found undefined alias"),
    ("a: !!python/object/apply:os.system ['true']\n", "the tag !!python/object/apply:os.system is not allowed"),
    ("a: !!binary a\n", "a.yaml line 1, a: is not text in base64"),
    ("a: !!set {b}\n", "a.yaml line 1, a: the tag !!set is not allowed: plain values only"),
    ("a: !mine b\n", "a.yaml line 1, a: the tag !mine is not allowed: plain values only"),
    ("a: .inf\n", "a.yaml line 1, a: is not a number that JSON knows"),
    ("a: .nan\n", "a.yaml line 1, a: is not a number that JSON knows"),
    (f"a: {'9' * 5000}\n", "a.yaml line 1, a: this number is too large"),
    ("a: !!int x\n", "a.yaml line 1, a: is not a whole number"),
    ("{[1]: 2}\n", "a.yaml line 1: a key must be text, not a list or a map"),
    ("a: \u0001\n", "not YAML"),
    ("%YAML 9.9\n---\na: 1\n", "not YAML"),
    ("[" * 100_000, "a.yaml: nested more than 60 levels deep"),
    ("- " * 100_000, "a.yaml: nested more than 60 levels deep"),
    ("- [a]: b\n" * 5000, "a.yaml: with it the bundle has more than 10,000 values, aliases followed"),
    ("? " * 100_000, "a.yaml: nested more than 60 levels deep"),
    ("a: " + "[" * 100 + "]" * 100 + "\n", "a.yaml: nested more than 60 levels deep"),
]


@pytest.mark.parametrize(("text", "words"), ERRORS)
def test_errors(text: str, words: str) -> None:
    with pytest.raises(BundleErrors) as caught:
        parse(text, "a.yaml", budget=Budget(replace(LIMITS, values=10_000)))
    assert words in caught.value.words


def test_a_bomb_of_aliases_is_not_unpacked() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(BundleErrors, match="more than 500,000 values, aliases followed"):
        parse("\n".join(lines), "a.yaml")


def test_anchors_and_merge_keys_are_followed() -> None:
    text = "base: &base {a: 1, b: 1}\nmore: &more {b: 2, c: 2}\nx:\n  <<: [*base, *more]\n  c: 3\n"
    assert parse(text, "a.yaml")[0].data["x"] == {"a": 1, "b": 1, "c": 3}


def test_every_value_knows_its_line() -> None:
    text = "# head\na:\n  b: |\n    text\n  c:\n    - x\n    - z: 1\n---\nd: 1\n"
    first, second = parse(text, "a.yaml")
    assert first.lines == {(): 2, ("a",): 2, ("a", "b"): 3, ("a", "c"): 5, ("a", "c", 0): 6, ("a", "c", 1): 7} | {
        ("a", "c", 1, "z"): 7
    }
    assert (second.line, second.lines["d",]) == (9, 9)


def test_empty_documents_are_left_out_and_lists_unfolded() -> None:
    text = "---\n# nothing\n---\napiVersion: v1\nkind: List\nitems:\n- {kind: A}\n- {kind: B}\n---\n"
    assert [(each.data, each.line) for each in parse(text, "a.yaml")] == [({"kind": "A"}, 7), ({"kind": "B"}, 8)]


def test_errors_of_a_file_are_told_together() -> None:
    with pytest.raises(BundleErrors) as caught:
        parse("a: 1\na: !x 2\nb: !x y\n---\nc: [\n", "a.yaml")
    assert [error.line for error in caught.value.errors] == [2, 3, 6]


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffa: 1\n---\n\ufeffa: 2\n",
        "a: 1\n--- # of the second file\n\ufeffa: 2\n",
        "a: 1\n\ufeff---\na: 2\n",
    ],
)
def test_a_byte_order_mark_may_begin_any_document(text: str) -> None:
    documents = parse(text, "a.yaml")
    assert [(each.data, each.line) for each in documents] == [({"a": 1}, 1), ({"a": 2}, 3)]


def test_what_looks_like_a_mark_within_a_text_stays() -> None:
    assert parse("a: |\n  \ufeffb\n", "a.yaml")[0].data == {"a": "\ufeffb\n"}
