"""Secrets at rest under the newest key, and the proof that they open by it alone."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from django.apps import apps
from django.db import models, transaction

from portal import blobs
from portal.encryption import Ciphertext, EncryptedField, SecretUnreadable, encrypted_fields, newest_key_alone, rotate
from portal.models import Blob

AT_ONCE = 100
Proof = Callable[[], Iterator[str]]


def rotate_all() -> Iterator[tuple[str, int]]:
    """Encrypts all anew, a hundred rows a transaction; what was done as (model.field, rows), as it goes.

    May be ended and begun again at any point. What does not open is left as it is: `unreadable` names it.
    """
    for field in encrypted_everywhere():
        yield f"{field.model.__name__}.{field.name}", sum(_rotate(field, keys) for keys in batches(field.model))


def unreadable() -> Iterator[str]:
    """What does not open with the newest key alone, one sentence each; nothing where older keys can go."""
    with newest_key_alone():
        for proof in PROOFS:
            yield from proof()


def also_prove(proof: Proof) -> None:
    """Adds what an app has to say: its proof opens values and yields a sentence for each that does not open."""
    if proof not in PROOFS:
        PROOFS.append(proof)


def encrypted_everywhere() -> Iterator[EncryptedField]:
    """Every encrypted field of every model."""
    for model in apps.get_models():
        yield from encrypted_fields(model)


def batches(model: type[models.Model]) -> Iterator[list[Any]]:
    """The keys of all rows, a hundred at a time."""
    last = None
    while keys := _keys_after(model, last):
        yield keys
        last = keys[-1]


def _rotate(field: EncryptedField, keys: list[object]) -> int:
    count = 0
    with transaction.atomic():
        for pk, found in stored(field, keys).select_for_update():
            with suppress(SecretUnreadable):
                anew = Ciphertext(rotate(found.content, field.context(pk)))
                count += models.QuerySet(field.model).filter(pk=pk).update(**{field.name: anew})
    return count


def stored(field: EncryptedField, keys: list[object]) -> Any:
    """(key, Ciphertext) of the rows that have a value."""
    rows: models.QuerySet[models.Model] = models.QuerySet(field.model).filter(pk__in=keys).exclude(**{field.name: None})
    return rows.values_list("pk", field.name)


def _keys_after(model: type[models.Model], last: object) -> list[Any]:
    rows: models.QuerySet[models.Model] = models.QuerySet(model).order_by("pk")
    rows = rows if last is None else rows.filter(pk__gt=last)
    return list(rows.values_list("pk", flat=True)[:AT_ONCE])


def _every_field() -> Iterator[str]:
    for field in encrypted_everywhere():
        for keys in batches(field.model):
            yield from (fault for pk, found in stored(field, keys) if (fault := _fault(field, found, pk)))


def _fault(field: EncryptedField, found: Ciphertext, pk: object) -> str:
    try:
        field.open(found, pk)
    except SecretUnreadable as error:
        return str(error)
    return ""


def _every_blob() -> Iterator[str]:
    for keys in batches(Blob):
        for digest in keys:
            try:
                blobs.load(str(digest))
            except blobs.BlobError as error:
                yield str(error)
            except SecretUnreadable:
                continue  # said already by _every_field


PROOFS: list[Proof] = [_every_field, _every_blob]
