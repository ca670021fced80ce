"""Credentials in forms of the admin: they go in, never come out, and are sent nowhere but where they were given for."""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms
from django.db.models import Model


@dataclass(frozen=True)
class Secret:
    """A credential of a form, and where it is sent.

    `field`: what it is typed into. `attribute`: the model's encrypted field. `goes_to`: the address out of the form's
    values, "" for none. `forget`: the tick box that drops it; "" where there has to be one. `make`: of one that is
    made here; it is then typed only to prove that one has it, and dropping it makes another.
    """

    field: str
    attribute: str
    goes_to: Callable[[Mapping[str, Any]], str]
    forget: str = ""
    make: Callable[[], str] | None = None


def field_value(name: str) -> Callable[[Mapping[str, Any]], str]:
    """For a Secret that goes to what stands in one field."""
    return lambda values: str(values.get(name) or "")


def secret_input(label: str, help_text: str) -> forms.CharField:
    """A field whose text is never sent back, not even beside an error."""
    widget = forms.PasswordInput(attrs={"autocomplete": "new-password"})
    return forms.CharField(label=label, required=False, strip=False, widget=widget, help_text=help_text)


class SecretsForm(forms.ModelForm):
    """A form of a model with credentials. An empty field keeps what there is, as long as it goes where it went."""

    secrets: ClassVar[tuple[Secret, ...]] = ()
    remade: str = ""
    """What was made in place of a secret by this form, to be shown once."""

    secret_fields: ClassVar[tuple[str, ...]] = ()
    """What the history does not tell of."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.secret_fields = tuple(secret.field for secret in cls.secrets)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        self._kept = {secret: self._stored(secret) for secret in self.secrets}
        for secret in self.secrets:
            if why := self._wrong(secret, cleaned):
                self.add_error(secret.field, why)
        return cleaned

    def save(self, commit: bool = True) -> Model:
        for secret in self.secrets:
            self._set(secret)
        saved: Model = super().save(commit)
        return saved

    def _stored(self, secret: Secret) -> str:
        return str(getattr(self.instance, secret.attribute) or "") if self.instance.pk else ""

    def _wrong(self, secret: Secret, cleaned: Mapping[str, Any]) -> str:
        kept, typed, forget = self._kept[secret], cleaned.get(secret.field), cleaned.get(secret.forget)
        if typed and forget:
            return "Type one, or choose to have it dropped: not both."
        if typed and kept and secret.make and not hmac.compare_digest(typed.encode(), kept.encode()):
            return "This is not what is stored."
        if typed or forget or not kept or not self._moved(secret, cleaned):
            return ""
        before, after = secret.goes_to(self.initial), secret.goes_to(cleaned)
        drop = f", or tick “{self.fields[secret.forget].label}”" if secret.forget else ""
        return (
            f"What is stored was given for {before or 'no address yet'} and is not sent elsewhere by itself: "
            f"type it again for {after}{drop}."
        )

    def _moved(self, secret: Secret, cleaned: Mapping[str, Any]) -> bool:
        """Whether it would be sent to another address than before; to none is no move."""
        after = secret.goes_to(cleaned)
        return bool(after) and after != secret.goes_to(self.initial)

    def _set(self, secret: Secret) -> None:
        typed, forget = self.cleaned_data.get(secret.field), self.cleaned_data.get(secret.forget)
        if secret.make:
            if forget or not self._kept[secret]:
                self.remade = secret.make()
                setattr(self.instance, secret.attribute, self.remade)
        elif typed:
            setattr(self.instance, secret.attribute, typed)
        elif forget or (secret.goes_to(self.initial) and not secret.goes_to(self.cleaned_data)):
            setattr(self.instance, secret.attribute, None)
