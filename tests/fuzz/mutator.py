"""Real bodies, changed: in their structure, in the text of their JSON, and in their bytes."""

import json
from collections.abc import Sequence
from copy import deepcopy
from random import Random
from typing import Any

# Raw text in the place of a value: what JSON in Python takes or refuses late, and what databases cannot store.
RAW: Sequence[str] = (
    "NaN",
    "-Infinity",
    "1e999",
    "-1e-999",
    "9" * 5000,
    "-" + "1" * 20,
    "0." + "3" * 5000,
    '"\\ud800"',
    '"\\udfff\\ud800"',
    '"\\u0000"',
    '"a\\u0000b"',
    "[" * 100_000,
    "[" * 70 + "]" * 70,
    '{"a":' * 3000 + "1" + "}" * 3000,
    '{"a": 1, "a": 2}',
    "9223372036854775807",
    "9223372036854775808",
    "01",
    "tru",
    "'x'",
    "",
)
VALUES: Sequence[Any] = (
    None, True, False, 0, -1, 1, 2**31, 2**63 - 1, -(2**63), 1e308, 0.1, "", " ", "x", "0", "-1", "true", "null",
    [], {}, [[]], [{}], {"": ""}, {"a": None}, [None], ["x"], "a" * 300, "é" * 7_000, "\u202e", "\ufeff", "😀" * 10,
    "../../etc", "%00", "%2e%2e/", "{tag}", "${X}", "' OR 1=1 --", "<script>", "a\nb\tc\x1b\x7f", "٣", "9" * 5000,
    "1" * 19, "sha256:" + "0" * 64, "shop@1.0.0", "shop@", "@", "999999999999999999", "registry.example/x:1", "1.0.0",
    "v1.2.3",     {"a": {"b": {"c": {"d": {}}}}}, list(range(300)), {str(number): number for number in range(300)},
)  # fmt: skip
HEADERS: Sequence[tuple[str, str]] = (
    ("X-Request-ID", "\xff" * 80), ("X-Request-ID", ""), ("Accept", "\xff/*;q=x"), ("Accept-Language", "," * 500),
    ("If-None-Match", '"' * 100), ("X-Forwarded-For", "a, b"), ("X-Forwarded-Proto", "\xe9"), ("Origin", "null"),
    ("Cookie", 'sessionid="\\000\\377"'), ("Cookie", "=;=;csrftoken=\xff"), ("Range", "bytes=9-1"), ("Expect", "x"),
    ("Content-Encoding", "gzip"), ("Transfer-Encoding", "x"), ("X-Nul", "a\0b"), ("Referer", "\xff"), ("Host", "]["),
)  # fmt: skip
CONTENT_TYPES: Sequence[str] = (
    "application/json", "application/json; charset=utf-8", "application/json; charset=rot13", "text/plain", "",
    "application/x-www-form-urlencoded", "multipart/form-data", "multipart/form-data; boundary=", "\xff/\xfe",
    "multipart/form-data; boundary=" + "x" * 300, "application/json; charset=unicode_escape", "a/b;;;=;\"",
    "multipart/form-data; boundary=x; charset=utf-16", "application/merge-patch+json",
)  # fmt: skip
SLOT = "\ue000slot\ue000"


class Mutator(Random):
    """A source of such bodies."""

    def json_body(self, payload: Any) -> bytes:
        """The payload's JSON: seldom as it is, mostly changed in structure, now and then in its bytes."""
        tree, raw = deepcopy(payload), ""
        for _ in range(self.choice((0, 1, 1, 1, 2, 3))):
            tree = self.changed(tree)
        if self.random() < 0.3:
            raw, tree = self.choice(RAW), self._put(tree, SLOT)
        text = (
            json.dumps(tree, ensure_ascii=self.random() < 0.5).replace(json.dumps(SLOT), raw).replace(f'"{SLOT}"', raw)
        )
        return self._bytes(text) if self.random() < 0.2 else text.encode()

    def changed(self, tree: Any) -> Any:
        """The tree with one thing in it, or around it, that is another."""
        kind = self.random()
        if kind < 0.5:
            return self._put(tree, deepcopy(self.choice(VALUES)))
        if kind < 0.65 and isinstance(tree, dict) and tree:
            tree.pop(self.choice(list(tree)))
            return tree
        if kind < 0.85:
            return self._put(tree, deepcopy(self.choice(VALUES)), key=str(self.choice(VALUES))[:400])
        return self.choice(([tree], {"a": tree}, tree, deepcopy(self.choice(VALUES))))

    def _put(self, tree: Any, value: Any, key: str = "") -> Any:
        """The tree with a value in the place of one of its own, or under another key beside them."""
        if isinstance(tree, dict) and tree and self.random() < 0.95:
            name = self.choice(list(tree))
            if key and self.random() < 0.5:
                tree[key] = value
            else:
                tree[name] = self._put(tree[name], value, key) if self.random() < 0.6 else value
            return tree
        if isinstance(tree, list) and tree and self.random() < 0.9:
            tree[self.randrange(len(tree))] = value
            return tree
        return value

    def _bytes(self, text: str) -> bytes:
        body = bytearray(text.encode(self.choice(("utf-8", "utf-8", "utf-16", "utf-8-sig"))))
        for _ in range(self.choice((0, 1, 1, 5))):
            body[self.randrange(len(body) + 1) : self.randrange(len(body) + 1)] = self.randbytes(self.choice((0, 1, 3)))
        return bytes(body[: self.choice((len(body), len(body), self.randrange(len(body) + 1)))])

    def text(self) -> str:
        """Some text of a parameter or a path."""
        value = self.choice(VALUES)
        return value if isinstance(value, str) else json.dumps(value)[:400]

    def headers(self) -> dict[str, str]:
        """Nothing mostly, else one header of nonsense."""
        return dict([self.choice(HEADERS)]) if self.random() < 0.15 else {}

    def content_type(self, usual: str = "application/json") -> str:
        """The usual one mostly."""
        return self.choice(CONTENT_TYPES) if self.random() < 0.1 else usual
