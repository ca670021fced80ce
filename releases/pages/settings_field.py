"""A form's field for a strategy's settings."""

from portal.form_fields import JSONObjectField

EXAMPLE = '{"weights": [5, 25, 50, 100]}'


class SettingsField(JSONObjectField):
    """A map of settings as JSON."""

    what = "a map of settings"
    example = EXAMPLE
