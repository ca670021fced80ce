"""Secrets at rest under the newest key: every encrypted field of every model, and all stored content."""

from collections.abc import Iterator

from django.apps import apps
from django.db import models, transaction

from portal.encryption import EncryptedTextField, rotate
from portal.models import Blob

AT_ONCE = 100


def rotate_all() -> Iterator[tuple[str, int]]:
    """Encrypts all anew, a hundred rows a transaction; what was done as (model.field, rows), as it goes.

    May be ended and begun again at any point. Raises SecretUnreadable where a needed key is gone.
    """
    for model in apps.get_models():
        for field in model._meta.local_fields:
            if isinstance(field, EncryptedTextField):
                yield f"{model.__name__}.{field.name}", _rotate(model, field.name)
    yield "Blob.content", _rotate(Blob, "content")


def _rotate(model: type[models.Model], field: str) -> int:
    count, last = 0, None
    while keys := _keys_after(model, last):
        with transaction.atomic():
            rows: models.QuerySet[models.Model] = (
                models.QuerySet(model).select_for_update().filter(pk__in=keys).exclude(**{field: None})
            )
            for row in rows.only("pk", field):
                models.QuerySet(model).filter(pk=row.pk).update(**{field: _anew(getattr(row, field))})
                count += 1
        last = keys[-1]
    return count


def _keys_after(model: type[models.Model], last: object) -> list[object]:
    rows: models.QuerySet[models.Model] = models.QuerySet(model).order_by("pk")
    rows = rows if last is None else rows.filter(pk__gt=last)
    return list(rows.values_list("pk", flat=True)[:AT_ONCE])


def _anew(value: object) -> object:
    # Text is encrypted as it is written; content is stored as the ciphertext itself.
    return value if isinstance(value, str) else rotate(bytes(value))  # type: ignore[call-overload]
