"""What earlier versions stored: Fernet tokens, which opened in whatever row they stood. Only migrations read them."""

from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.core.management import CommandError
from django.db import models, transaction

from portal.encryption import VERSION, EncryptedField, SecretUnreadable, encrypted_fields, key_texts
from portal.rotation import batches, stored


def bind(model: type[models.Model]) -> None:
    """Binds every encrypted value of a model to its row, a hundred rows a transaction.

    May be ended and begun again at any point. CommandError names what none of the keys opens; the rest is bound.
    """
    fields = encrypted_fields(model)
    faults = [fault for field in fields for keys in batches(model) for fault in _bind(field, keys)]
    if faults:
        raise CommandError(
            "\n".join(faults)
            + "\nThe keys of these are not in SLIPWAY_ENCRYPTION_KEYS, or the secret key is another. Put them back and "
            "run this again. Where a key is lost for good, go back to the version before, and remove what it was for."
        )


def open_unbound(token: bytes) -> bytes:
    """The value behind a token of an earlier version; SecretUnreadable where none of the keys opens it."""
    try:
        return MultiFernet([Fernet(key) for key in key_texts()]).decrypt(token)
    except InvalidToken:
        raise SecretUnreadable("its key is not in SLIPWAY_ENCRYPTION_KEYS") from None


def _bind(field: EncryptedField, keys: list[object]) -> list[str]:
    faults = []
    with transaction.atomic():
        for pk, found in stored(field, keys).select_for_update():
            if found.content.startswith(VERSION):
                continue
            try:
                anew = field.close(_value(field, found.content), pk)
            except SecretUnreadable as error:
                faults.append(f"{field.context(pk)} cannot be read: {error}.")
            else:
                models.QuerySet(field.model).filter(pk=pk).update(**{field.name: anew})
    return faults


def _value(field: EncryptedField, token: bytes) -> Any:
    return field.unpack(open_unbound(token))
