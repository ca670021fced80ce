"""Causes of a 422 in the server's words. Pure."""

from typing import Any

from sandbox.errors import StatusCause
from sandbox.store import encode


def required(field: str, words: str = "") -> StatusCause:
    return StatusCause("FieldValueRequired", f"Required value: {words}" if words else "Required value", field)


def bad(field: str, value: Any, words: str) -> StatusCause:
    return StatusCause("FieldValueInvalid", f"Invalid value: {_text(value)}: {words}", field)


def _text(value: Any) -> str:
    return encode(value).decode()


def unsupported(field: str, value: Any, allowed: tuple[str, ...]) -> StatusCause:
    words = ", ".join(f'"{each}"' for each in allowed)
    return StatusCause("FieldValueNotSupported", f"Unsupported value: {_text(value)}: supported values: {words}", field)
