"""Causes of a 422 in the server's words. Pure."""

from typing import Any

from sandbox.errors import Cause
from sandbox.store import encode


def required(field: str, words: str = "") -> Cause:
    return Cause("FieldValueRequired", f"Required value: {words}" if words else "Required value", field)


def bad(field: str, value: Any, words: str) -> Cause:
    return Cause("FieldValueInvalid", f"Invalid value: {_text(value)}: {words}", field)


def _text(value: Any) -> str:
    return encode(value).decode()


def unsupported(field: str, value: Any, allowed: tuple[str, ...]) -> Cause:
    words = ", ".join(f'"{each}"' for each in allowed)
    return Cause("FieldValueNotSupported", f"Unsupported value: {_text(value)}: supported values: {words}", field)
