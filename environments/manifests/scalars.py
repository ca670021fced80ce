"""What scalars of YAML stand for, as kubectl reads them. Timestamps and numbers to base 60 are text to it. Pure."""

import base64
import binascii
import math
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

PREFIX = "tag:yaml.org,2002:"
STR, NULL, BOOL, INT, FLOAT, BINARY, TIMESTAMP = (
    f"{PREFIX}{name}" for name in ("str", "null", "bool", "int", "float", "binary", "timestamp")
)
SIGNS, DIGITS = "-+", "0123456789"
LARGEST = 10**21  # up to here kubectl writes a whole number with its digits, in JSON
LONGEST = 400  # digits of a number
PLAIN: tuple[tuple[str, str, re.Pattern[str]], ...] = (
    (NULL, "~nN", re.compile(r"~|null|Null|NULL")),
    (
        BOOL,
        "yYnNtTfFoO",
        re.compile(r"y|Y|yes|Yes|YES|n|N|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF"),
    ),
    (INT, SIGNS + DIGITS, re.compile(r"[-+]?(0[bB][0-1_]+|0[oO]?[0-7_]+|0[xX][0-9a-fA-F_]+|[0-9][0-9_]*)")),
    (
        FLOAT,
        SIGNS + DIGITS + ".",
        re.compile(
            r"[-+]?([0-9][0-9_]*)?\.[0-9_]+([eE][-+]?[0-9]+)?|[-+]?[0-9][0-9_]*(\.[0-9_]*([eE][-+]?[0-9]+)?"
            r"|[eE][-+]?[0-9]+)|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
        ),
    ),
)
BY_FIRST = {
    first: tuple((tag, pattern) for tag, firsts, pattern in PLAIN if first in firsts)
    for first in {character for _, firsts, _ in PLAIN for character in firsts}
}
TRUE, FALSE = frozenset({"true", "yes", "on", "y"}), frozenset({"false", "no", "off", "n"})


def tag_of(text: str) -> str:
    """The tag of a scalar that has none and stands without quotes."""
    if not text:
        return NULL
    return next((tag for tag, pattern in BY_FIRST.get(text[0], ()) if pattern.fullmatch(text)), STR)


def read(tag: str, text: str) -> Any:
    """The value of a scalar with a tag of READERS. ValueError where it is none."""
    return READERS[tag](text)


def scalar(text: str) -> Any:
    """What an unquoted scalar stands for: 3, true, null, 1.5 or the text itself."""
    plain = str(text)
    try:
        return read_plain(plain)
    except ValueError:
        return plain


def read_plain(text: str) -> Any:
    """The same. ValueError for what is a number that JSON does not know; one beyond all floats (1e400) is text."""
    tag = tag_of(text)
    return text if tag == FLOAT and _is_beyond(text) else read(tag, text)


def _is_beyond(text: str) -> bool:
    return not text.lower().endswith((".inf", ".nan")) and math.isinf(float(text.replace("_", "")))


def _read_null(_text: str) -> None:
    return None


def _read_bool(text: str) -> bool:
    lower = text.lower()
    if lower not in TRUE | FALSE:
        raise ValueError("is neither true nor false")
    return lower in TRUE


def _read_int(given: str) -> int | float:
    text = given.replace("_", "").lower()
    if len(text) > LONGEST:
        raise ValueError("this number is too large")
    digits = text.lstrip("+-")
    octal = digits.startswith("0") and len(digits) > 1 and not set(digits) & {"8", "9"}
    base = {"0b": 2, "0o": 8, "0x": 16}.get(digits[:2], 8 if octal else 10)
    try:
        number = int(text, base)
    except ValueError:
        raise ValueError("is not a whole number") from None
    return number if -(2**63) <= number < 2**63 else _read_float(str(number))


def _read_float(given: str) -> float:
    """Whole where it is: JSON has one kind of number, and Helm writes large ones as 1.00065e+09."""
    text = given.replace("_", "").lower()
    with suppress(ValueError):
        number = math.nan if text.endswith((".inf", ".nan")) else float(text)
        if math.isfinite(number):
            return int(number) if number.is_integer() and abs(number) < LARGEST else number
    raise ValueError("is not a number that JSON knows")


def _read_binary(given: str) -> str:
    try:
        return base64.b64decode(given, validate=True).decode()
    except (binascii.Error, ValueError):
        raise ValueError("is not text in base64") from None


def key_text(tag: str, text: str) -> str:
    """The text of a map's key that stands without quotes: kubectl writes true for y, and 8 for 010."""
    if tag not in {BOOL, INT, FLOAT} or text.lower().endswith((".inf", ".nan")):
        return text
    value = read(tag, text)
    return str(value).lower() if isinstance(value, bool) else str(value)


READERS: Mapping[str, Callable[[str], Any]] = {
    STR: str,
    NULL: _read_null,
    BOOL: _read_bool,
    INT: _read_int,
    FLOAT: _read_float,
    BINARY: _read_binary,
    TIMESTAMP: str,
}
