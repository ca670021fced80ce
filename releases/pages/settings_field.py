"""A form's field for a strategy's settings: JSON, with errors that say where it stops being that."""

import json
from typing import Any

from django import forms

EXAMPLE = '{"weights": [5, 25, 50, 100]}'


class SettingsField(forms.JSONField):
    """A map of settings. Its errors name the line and the character, what stands there, and an example."""

    def prepare_value(self, value: Any) -> Any:
        """Text as it was typed, or as it stands in the address; nothing for nothing."""
        return value if isinstance(value, str) else super().prepare_value(value) if value else ""

    def to_python(self, value: Any) -> Any:
        if self.disabled or value in self.empty_values or isinstance(value, dict):
            return value or None
        try:
            read = json.loads(value)
        except json.JSONDecodeError as error:
            raise forms.ValidationError(_no_json(value, error)) from error
        except RecursionError as error:
            raise forms.ValidationError("This is nested deeper than any setting is.") from error
        if not isinstance(read, dict):
            raise forms.ValidationError(f"This is {_kind(read)}; a map of settings is needed, such as {EXAMPLE}.")
        return read


def _no_json(text: str, error: json.JSONDecodeError) -> str:
    rest = text[error.pos : error.pos + 12].split("\n", maxsplit=1)[0].strip()
    there = f", at “{rest}”" if rest else ", at its end"
    what = error.msg[:1].lower() + error.msg[1:]
    return (
        f"This is no JSON from line {error.lineno}, character {error.colno}{there}: {what}. "
        f"Names and text stand in double quotes, such as {EXAMPLE}."
    )


def _kind(value: Any) -> str:
    if isinstance(value, list):
        return "a list"
    return "text" if isinstance(value, str) else f"the single value {json.dumps(value)}"
