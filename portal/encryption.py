"""Secrets at rest: MultiFernet, the newest key first; values never appear in an error."""

import base64
import hashlib
import hmac
import json
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models


class SecretUnreadable(Exception):
    """A stored secret was written with a key that SLIPWAY_ENCRYPTION_KEYS no longer has."""


@lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError:
        raise ImproperlyConfigured(
            "SLIPWAY_ENCRYPTION_KEYS has an entry that is no Fernet key (32 bytes, url-safe base64)."
        ) from None


def _keys() -> tuple[str, ...]:
    # The derived key stays the last one: what was stored before there were keys is still read, and rotated.
    return (*settings.ENCRYPTION_KEYS, _derived(settings.SECRET_KEY))


def _derived(secret: str) -> str:
    """One that follows from the secret key; it encrypts only where no other is set (a machine of one person)."""
    return base64.urlsafe_b64encode(hashlib.sha256(b"slipway encryption " + secret.encode()).digest()).decode()


def encrypt(value: bytes) -> bytes:
    """The value under the newest key."""
    return _fernet(_keys()).encrypt(value)


def decrypt(token: bytes) -> bytes:
    """The value behind a token of any current key; SecretUnreadable otherwise."""
    try:
        return _fernet(_keys()).decrypt(token)
    except InvalidToken:
        raise SecretUnreadable("A stored secret cannot be read: its key is not in SLIPWAY_ENCRYPTION_KEYS.") from None


def rotate(token: bytes) -> bytes:
    """The same value under the newest key."""
    try:
        return _fernet(_keys()).rotate(token)
    except InvalidToken:
        raise SecretUnreadable("A stored secret cannot be read: its key is not in SLIPWAY_ENCRYPTION_KEYS.") from None


def keyed_hash(value: bytes, purpose: str, *scope: str | int) -> str:
    """A digest that only this installation can make: it tells that a secret changed, and nothing of it.

    Digests of different scopes (an environment, an object, a field) cannot be held against each other. Stays the same
    when encryption keys rotate, since plans are bound to it: it hangs on the secret key.
    """
    key = hashlib.sha256(f"slipway keyed hash {purpose} {settings.SECRET_KEY}".encode()).digest()
    if scope:
        key = hmac.new(key, json.dumps(scope).encode(), hashlib.sha256).digest()
    return "hmac-sha256:" + hmac.new(key, value, hashlib.sha256).hexdigest()


class EncryptedTextField(models.BinaryField):  # type: ignore[type-arg]
    """Text that the database holds only encrypted; in Python it is a str."""

    def get_prep_value(self, value: Any) -> bytes | None:
        return None if value is None else encrypt(value.encode())

    def from_db_value(self, value: Any, _expression: object, _connection: object) -> str | None:
        return None if value is None else decrypt(bytes(value)).decode()

    def to_python(self, value: Any) -> Any:
        return value
