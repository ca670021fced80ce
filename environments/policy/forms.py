"""Forms that keep back what a second person has to confirm, and save the rest."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib.auth.forms import UserChangeForm
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError

from environments.models import Environment, Grant
from environments.policy import weakening
from environments.policy.guarding import is_guarded, needs_second, reaches, roles_as_rights
from environments.policy.kinds import PERSON, group_gains, person_gains, plain
from portal.people import delegation
from portal.people.delegation import Rights
from portal.people.voice import is_service

Held = dict[str, tuple[Any, Any]]
BEYOND = "You cannot give what you do not hold yourself: {what}."


class HoldingForm(forms.ModelForm):  # type: ignore[type-arg]
    """`held`: {field: (before, after)}, as JSON, of what is not saved. `asker` is who sends the form."""

    asker: User | None = None
    held: Held

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        self.held = {}
        if not self.errors:
            self._keep_back(self.to_hold(cleaned), cleaned)
        return cleaned

    def to_hold(self, cleaned: dict[str, Any]) -> Iterable[str]:
        """The fields of which the change waits. ValidationError for what is not asked for either."""
        raise NotImplementedError

    def asked(self, names: Iterable[str], cleaned: dict[str, Any]) -> dict[str, Any]:
        """The values of these fields that the form has, as JSON."""
        return {name: plain(cleaned[name]) for name in names if name in cleaned}

    def check_given(self, gained: Rights) -> None:
        """Raises ValidationError for rights beyond those of who sends the form."""
        if self.asker and (beyond := delegation.rights_of(self.asker).beyond(gained)):
            raise ValidationError(BEYOND.format(what=", ".join(beyond)))

    def _keep_back(self, names: Iterable[str], cleaned: dict[str, Any]) -> None:
        for name in names:
            before = getattr(self.instance, name)
            before = before.all() if hasattr(before, "all") else before
            self.held[name] = (plain(before), plain(cleaned[name]))
            cleaned[name] = self.cleaned_data[name] = before
        self.changed_data = [name for name in self.changed_data if name not in self.held]


class PolicyForm(HoldingForm):
    """An environment's rules: less strict ones wait where it has approvals; the others are saved."""

    def to_hold(self, cleaned: dict[str, Any]) -> Iterable[str]:
        """The fields that make it weaker, or that reach into an environment with more approvals."""
        environment: Environment = self.instance
        place = {name: cleaned[name] for name in (*weakening.PLACE, "required_approvals") if name in cleaned}
        reached = reaches(environment, place)
        if environment.pk is None:
            _refuse(reached)
            return ()
        before = {name: getattr(environment, name) for name in weakening.FIELDS}
        after = {name: cleaned[name] for name in weakening.FIELDS if name in cleaned}
        weaker = weakening.weakened(before, after) if is_guarded(environment) else []
        moved = [name for name in weakening.PLACE if name in after and after[name] != before[name]] if reached else []
        return dict.fromkeys([*weaker, *moved])


class PersonForm(HoldingForm, UserChangeForm):  # type: ignore[type-arg]
    """An account: rights that reach where releases need approvals wait for a second person."""

    def to_hold(self, cleaned: dict[str, Any]) -> Iterable[str]:
        """All changed rights, where one of those gained has to wait."""
        asked = self.asked(PERSON, cleaned)
        if is_service(self.instance) and (asked.get("is_superuser") or asked.get("is_staff")):
            raise ValidationError("A service account has no part in the administration.")
        gained = person_gains(self.instance, asked)
        self.check_given(gained)
        if not needs_second(gained):
            return ()
        return [name for name in asked if asked[name] != plain(getattr(self.instance, name))]


class TeamForm(HoldingForm):
    """A group: rights of its members."""

    def to_hold(self, cleaned: dict[str, Any]) -> Iterable[str]:
        """Its permissions, where one of those gained has to wait."""
        if "permissions" not in cleaned:
            return ()
        if self.instance.pk is None:
            gained = Rights(delegation.named(cleaned["permissions"]))
            self.check_given(gained)
            if needs_second(gained):
                raise ValidationError("Make the group first; this permission then takes a second person.")
            return ()
        gained = group_gains(self.instance, self.asked(["permissions"], cleaned))
        self.check_given(gained)
        return ["permissions"] if needs_second(gained) else ()


class GrantForm(forms.ModelForm):  # type: ignore[type-arg]
    """A role in an environment: nobody gives one that they do not hold there."""

    asker: User | None = None

    class Meta:
        model = Grant
        fields = ["role", "user", "group"]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        role = cleaned.get("role")
        if self.asker and role and self.has_changed() and self.instance.environment_id:
            given = Rights(roles_as_rights(role, self.instance.environment))
            if beyond := delegation.rights_of(self.asker).beyond(given):
                raise ValidationError(BEYOND.format(what=", ".join(beyond)))
        elif self.asker and role and not self.asker.is_superuser and not self.instance.environment_id:
            raise ValidationError("Make the environment first: you hold no role in it yet.")
        return cleaned

    def wanted(self) -> dict[str, tuple[None, Any]]:
        """What a second person is asked to add."""
        return {name: (None, plain(self.cleaned_data.get(name))) for name in ("role", "user", "group")}


def _refuse(reached: Iterable[Environment]) -> None:
    if names := ", ".join(map(str, reached)):
        why = f"Its namespaces are also those of {names}, where more people have to approve."
        raise ValidationError({"namespace": why})
