"""JSON from outside, for every door that takes it: read strictly, so that what is taken can be stored and read again.

UTF-8 without a byte order mark (RFC 8259), MOST_BYTES, MOST_DEPTH, whole numbers of 64 bits, finite numbers, no name
twice in one object, and no text that a database refuses: U+0000, or half of a surrogate pair.
"""

import json
from collections.abc import Iterable
from math import isfinite
from typing import Any

MOST_BYTES = 1024 * 1024
MOST_DEPTH = 64
MOST_DIGITS = 19
LARGEST = 2**63


class NotTaken(ValueError):
    """Text that is no JSON, or JSON that is not taken. The message follows a name: "is not JSON: …"."""


class TooLong(NotTaken):
    """More than MOST_BYTES."""


def read(text: str | bytes) -> Any:
    """The value. NotTaken says why not; its cause is the JSONDecodeError where the text is no JSON at all."""
    if len(text) > MOST_BYTES:
        raise TooLong(f"has {len(text)} bytes; {MOST_BYTES} are the most.")
    try:
        plain = text.decode() if isinstance(text, bytes) else text
        value = json.loads(
            plain, parse_int=_whole, parse_float=_finite, parse_constant=_finite, object_pairs_hook=_once
        )
    except NotTaken:
        raise
    except RecursionError:
        raise NotTaken(_too_deep()) from None
    except ValueError as error:
        raise NotTaken(f"is not JSON: {error}.") from error
    _check(value)
    return value


def _whole(digits: str) -> int:
    # Counted first: reading thousands of digits takes long, and Python refuses to.
    if len(digits.lstrip("-")) > MOST_DIGITS or not -LARGEST <= int(digits) < LARGEST:
        raise NotTaken(f"has the number {digits[:20]}…, which is longer than 64 bits.")
    return int(digits)


def _finite(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise NotTaken(f"has the number {text[:20]}, which is not finite.")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise NotTaken(f"has the name {name[:60]!a} twice in one object.")
        found[name] = value
    return found


def _check(value: Any) -> None:
    """Walks level by level: what is nested deep must not be walked by recursion."""
    level: list[Any] = [value]
    for _depth in range(MOST_DEPTH + 1):
        inner = []
        for each in level:
            if isinstance(each, str):
                _check_texts([each])
            elif isinstance(each, list):
                inner += each
            elif isinstance(each, dict):
                _check_texts(each)
                inner += each.values()
        if not inner:
            return
        level = inner
    raise NotTaken(_too_deep())


def _check_texts(texts: Iterable[str]) -> None:
    for text in texts:
        if why := why_not_stored(text):
            raise NotTaken(f"has text with {why}.")


def why_not_stored(text: str) -> str:
    """What keeps a text out of a database, in words; "" where nothing does."""
    if "\0" in text:
        return "the character U+0000, which cannot be stored"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "half of a surrogate pair, which cannot be stored"
    return ""


def _too_deep() -> str:
    return f"is nested deeper than {MOST_DEPTH} levels."
