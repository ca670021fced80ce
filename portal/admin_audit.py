"""The admin's changes in the history: what was changed, from what to what, and nothing secret."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.forms import FileField, ModelForm, PasswordInput
from django.http import HttpRequest

from portal import audit
from portal.actors import Actor
from portal.encryption import keyed_hash

HIDDEN = "(hidden)"


class AuditedAdmin(admin.ModelAdmin):
    """A ModelAdmin whose additions, changes and deletions are entries of the history, in the same transaction.

    A form names in `secret_fields` what is never told; passwords and files never are. In `value_fields` it names
    what is told as a keyed hash: `value_scope` is what hashes can be held against each other in, `values_before` has
    the stored values by field.
    """

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Iterable[Any], add: bool = False
    ) -> list[dict[str, Any]]:
        """Django's message, with the values: what `data` of the entry will be."""
        told: list[dict[str, Any]] = super().construct_change_message(request, form, formsets, add)
        changed = [_change(form), *(_change(inline) for formset in formsets or () for inline in formset.forms)]
        request.audited = [change for change in changed if change]  # type: ignore[attr-defined]
        return told

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        self._record(request, obj, "added")
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        self._record(request, obj, "changed")
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        told = super().log_deletions(request, queryset)
        for obj in queryset:
            self._record(request, obj, "deleted")
        return told

    def audit_place(self, _obj: Model) -> dict[str, str]:
        """The environment and application that an entry belongs to, as arguments of audit.record."""
        return {}

    def _record(self, request: HttpRequest, obj: Model, what: str) -> None:
        data = {"changes": getattr(request, "audited", [])} if what != "deleted" else {}
        verb = f"{obj._meta.model_name}.{what}"
        audit.record(verb, obj, data, actor=Actor.of(request.user), **self.audit_place(obj))


class ReadOnlyAdmin(admin.ModelAdmin):
    """What the product itself writes: to look at only."""

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: Model | None = None) -> bool:
        return False


def _change(form: ModelForm) -> dict[str, Any]:
    """{"what", "fields": {name: [before, after]}} of one form; {} where nothing changed."""
    what = str(form.instance)
    if (getattr(form, "cleaned_data", None) or {}).get("DELETE"):
        return {"what": what, "removed": True}
    fields = {name: _values(form, name) for name in form.changed_data if name in form.fields}
    return {"what": what, "fields": fields} if fields else {}


def _values(form: ModelForm, name: str) -> list[str]:
    field = form.fields[name]
    secret = getattr(form, "secret_fields", ())
    if name in secret or isinstance(field, FileField) or isinstance(field.widget, PasswordInput):
        return [HIDDEN, HIDDEN]
    if name in getattr(form, "value_fields", ()):
        return [_hashed(form, form.values_before.get(name)), _hashed(form, form.cleaned_data.get(name))]  # type: ignore[attr-defined]
    return [_shown(form.get_initial_for_field(field, name)), _shown(form.cleaned_data.get(name))]


def _hashed(form: ModelForm, value: object) -> str:
    return keyed_hash(str(value).encode(), "value in the history", *form.value_scope) if value else ""  # type: ignore[attr-defined]


def _shown(value: object) -> str:
    if isinstance(value, QuerySet | list | tuple):
        return ", ".join(sorted(str(item) for item in value))
    return "" if value is None else str(value)
