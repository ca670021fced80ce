"""The admin's changes in the history: what was changed, from what to what, and nothing secret."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import NestedObjects
from django.db import router, transaction
from django.db.models import Model, QuerySet
from django.forms import FileField, ModelForm, PasswordInput
from django.http import HttpRequest, HttpResponse

from portal import audit
from portal.actors import Actor
from portal.audit import vouching
from portal.encryption import keyed_hash

HIDDEN = "(hidden)"
MOST_NAMES = 50


class TransactionalAdmin(admin.ModelAdmin):
    """A ModelAdmin whose actions and edits in the list are one transaction each, as Django's other views are."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list; a POST to it is kept whole or not at all."""
        if request.method != "POST":
            return super().changelist_view(request, extra_context)
        with transaction.atomic(using=router.db_for_write(self.model)):
            return super().changelist_view(request, extra_context)


class AuditedAdmin(TransactionalAdmin):
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
        request.changed = frozenset(form.changed_data)  # type: ignore[attr-defined]
        request.beside = [line for formset in formsets or () for line in _lines(formset)]  # type: ignore[attr-defined]
        return told

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        self._record(request, obj, "added", _changes(request))
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        self._record(request, obj, "changed", _changes(request))
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        told = super().log_deletions(request, queryset)
        for obj in queryset:
            gone = _vouched_with(obj)
            self._record(request, obj, "deleted", {"removed": _goes_with(obj)})
            for row in gone:
                self._tell(request, row, "deleted", {"row": None}, self.audit_place(obj))
        return told

    def audit_place(self, _obj: Model) -> dict[str, str]:
        """The environment and application that an entry belongs to, as arguments of audit.record."""
        return {}

    def _record(self, request: HttpRequest, obj: Model, what: str, data: dict[str, Any]) -> None:
        if what == "deleted":
            told = {**data, "row": None} if vouching.is_vouched_for(type(obj)) else data
        elif what == "added" and vouching.is_vouched_for(type(obj)):
            told = vouching.with_row(obj, data)
        else:
            told = vouching.with_changes(obj, getattr(request, "changed", ()), data)
        place = self.audit_place(obj)
        self._tell(request, obj, what, told, place)
        if what != "deleted":
            for each, done, row in getattr(request, "beside", ()):
                self._tell(request, each, done, row, place)

    def _tell(self, request: HttpRequest, obj: Model, what: str, data: dict[str, Any], place: dict[str, str]) -> None:
        audit.record(f"{obj._meta.model_name}.{what}", obj, data, actor=Actor.of(request.user), **place)


class ReadOnlyAdmin(TransactionalAdmin):
    """What the product itself writes: to look at only."""

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: Model | None = None) -> bool:
        return False


def _lines(formset: Any) -> Iterator[tuple[Model, str, dict[str, Any]]]:
    """Of the rows beside, which the history vouches for: (row, what became of it, data of its entry)."""
    if not vouching.is_vouched_for(formset.model):
        return
    yield from ((each, "added", vouching.with_row(each)) for each in formset.new_objects)
    yield from ((each, "changed", vouching.with_changes(each, names, {})) for each, names in formset.changed_objects)
    for form in formset.deleted_forms:
        if pk := form["id"].data:
            form.instance.pk = int(pk)  # Django forgets it with the row.
            yield form.instance, "deleted", {"row": None}


def _vouched_with(obj: Model) -> list[Model]:
    """The rows that the history vouches for which the database removes together with the object."""
    collector = NestedObjects(using=router.db_for_write(type(obj)))
    collector.collect([obj])
    found: Mapping[Any, set[Model]] = collector.model_objs
    rows = [row for model, rows in found.items() if vouching.is_vouched_for(model) for row in rows - {obj}]
    return sorted(rows, key=lambda row: (row._meta.label, row.pk))


def _changes(request: HttpRequest) -> dict[str, Any]:
    return {"changes": getattr(request, "audited", [])}


def _goes_with(obj: Model) -> dict[str, list[str]]:
    """{plural of a model: names} of what the database removes together with the object."""
    collector = NestedObjects(using=router.db_for_write(type(obj)))
    collector.collect([obj])
    collected: Mapping[Any, set[Model]] = collector.model_objs
    found = {model: rows - {obj} for model, rows in collected.items() if _is_told_of(model)}
    return {str(model._meta.verbose_name_plural): _names(rows) for model, rows in found.items() if rows}


def _is_told_of(model: type[Model]) -> bool:
    # Rows of many-to-many relations have no name, and Django's own log of the admin is no part of the product.
    return not model._meta.auto_created and model is not LogEntry


def _names(rows: Iterable[Model]) -> list[str]:
    names = sorted(str(row) for row in rows)
    more = len(names) - MOST_NAMES
    return [*names[:MOST_NAMES], f"and {more} more"] if more > 0 else names


def _change(form: Any) -> dict[str, Any]:
    """{"what", "fields": {name: [before, after]}} of one form; {} where nothing changed."""
    # A form that sets a password is bound to a `user`, and is no form of a model.
    what = str(form.instance if isinstance(form, ModelForm) else form.user)
    if (getattr(form, "cleaned_data", None) or {}).get("DELETE"):
        return {"what": what, "removed": True}
    fields = {name: _values(form, name) for name in form.changed_data if name in form.fields}
    return {"what": what, "fields": fields} if fields else {}


def _values(form: Any, name: str) -> list[str]:
    field = form.fields[name]
    secret = getattr(form, "secret_fields", ())
    if name in secret or isinstance(field, FileField) or isinstance(field.widget, PasswordInput):
        return [HIDDEN, HIDDEN]
    if name in getattr(form, "value_fields", ()):
        return [_hashed(form, form.values_before.get(name)), _hashed(form, form.cleaned_data.get(name))]
    return [_shown(form.get_initial_for_field(field, name)), _shown(form.cleaned_data.get(name))]


def _hashed(form: ModelForm, value: object) -> str:
    return keyed_hash(str(value).encode(), "value in the history", *form.value_scope) if value else ""  # type: ignore[attr-defined]


def _shown(value: object) -> str:
    if isinstance(value, QuerySet | list | tuple):
        return ", ".join(sorted(str(item) for item in value))
    return "" if value is None else str(value)
