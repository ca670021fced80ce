"""Fields that forms of every app use."""

import json
from typing import Any

from django import forms

from portal import strict_json


class JSONObjectField(forms.JSONField):
    """An object of JSON, read as strictly as the API reads; {} for nothing.

    Its errors name the line and the character, what stands there, and an example.
    """

    what = "an object"
    example = '{"name": "value"}'

    def prepare_value(self, value: Any) -> Any:
        """Text as it was typed, or as it stands in the address; nothing for nothing."""
        return value if isinstance(value, str) else super().prepare_value(value) if value else ""

    def bound_data(self, data: Any, _initial: Any) -> Any:
        return data

    def to_python(self, value: Any) -> Any:
        if self.disabled or isinstance(value, dict):
            return value
        if value in self.empty_values:
            return {}
        try:
            read = strict_json.read(value)
        except strict_json.NotTaken as error:
            raise forms.ValidationError(self._words(value, error)) from error
        if not isinstance(read, dict):
            raise forms.ValidationError(f"This is {_kind(read)}; {self.what} is needed, such as {self.example}.")
        return read

    def _words(self, text: str, error: strict_json.NotTaken) -> str:
        cause = error.__cause__
        return self._no_json(text, cause) if isinstance(cause, json.JSONDecodeError) else f"This {error}"

    def _no_json(self, text: str, error: json.JSONDecodeError) -> str:
        rest = text[error.pos : error.pos + 12].split("\n", maxsplit=1)[0].strip()
        there = f", at “{rest}”" if rest else ", at its end"
        what = error.msg[:1].lower() + error.msg[1:]
        return (
            f"This is no JSON from line {error.lineno}, character {error.colno}{there}: {what}. "
            f"Names and text stand in double quotes, such as {self.example}."
        )


def _kind(value: Any) -> str:
    if isinstance(value, list):
        return "a list"
    return "text" if isinstance(value, str) else f"the single value {json.dumps(value)}"
