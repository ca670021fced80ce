"""Secrets at rest: authenticated encryption under the newest key, each value bound to its row and field.

A value that is copied into another row or field does not open there. Values never appear in an error.
"""

import base64
import hashlib
import hmac
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.db.models.query_utils import DeferredAttribute

# A stored value: version, the key's id, a nonce, and AES-256-GCM's ciphertext with its tag.
VERSION = b"\x02"
ID_LENGTH, NONCE_LENGTH = 8, 12
HEAD = len(VERSION) + ID_LENGTH


class SecretUnreadable(Exception):
    """A stored secret whose key SLIPWAY_ENCRYPTION_KEYS does not have, or that was not written where it stands."""


class Context(NamedTuple):
    """Where a value stands: it opens nowhere else."""

    model: str
    field: str
    row: str

    def __str__(self) -> str:
        return f"{self.model} {self.row}: {self.field}"


class Key(NamedTuple):
    """A key of SLIPWAY_ENCRYPTION_KEYS; `id` tells which it is, and nothing of it."""

    id: bytes
    cipher: AESGCM


_newest_only: ContextVar[bool] = ContextVar("newest_only", default=False)


def encrypt(value: bytes, context: Context) -> bytes:
    """The value under the newest key, to be stored at `context`."""
    key, nonce = _keys()[0], os.urandom(NONCE_LENGTH)
    return VERSION + key.id + nonce + key.cipher.encrypt(nonce, value, _bound(key, context))


def decrypt(token: bytes, context: Context) -> bytes:
    """The value that was encrypted for `context`; SecretUnreadable otherwise."""
    key = _key_of(token, context)
    nonce, body = token[HEAD : HEAD + NONCE_LENGTH], token[HEAD + NONCE_LENGTH :]
    try:
        return key.cipher.decrypt(nonce, body, _bound(key, context))
    except (InvalidTag, ValueError):
        raise SecretUnreadable(
            f"{context} cannot be read: it was not written there, or was changed by hand. Set it anew."
        ) from None


def rotate(token: bytes, context: Context) -> bytes:
    """The same value under the newest key."""
    return token if token[:HEAD] == VERSION + _keys()[0].id else encrypt(decrypt(token, context), context)


@contextmanager
def newest_key_alone() -> Iterator[None]:
    """Within it nothing opens that another key than the newest is needed for."""
    before = _newest_only.set(True)
    try:
        yield
    finally:
        _newest_only.reset(before)


def key_texts() -> tuple[str, ...]:
    """The keys as Fernet keys, newest first; the last follows from the secret key.

    That one stays: what was stored before there were others is still read, and rotated.
    """
    texts = (*settings.ENCRYPTION_KEYS, _derived(settings.SECRET_KEY))
    return texts[:1] if _newest_only.get() else texts


def _derived(secret: str) -> str:
    """One that follows from the secret key; it encrypts only where no other is set (a machine of one person)."""
    return base64.urlsafe_b64encode(hashlib.sha256(b"slipway encryption " + secret.encode()).digest()).decode()


def _keys() -> tuple[Key, ...]:
    return tuple(_key(text) for text in key_texts())


@lru_cache(maxsize=8)
def _key(text: str) -> Key:
    try:
        Fernet(text)
    except ValueError:
        raise ImproperlyConfigured(
            "SLIPWAY_ENCRYPTION_KEYS has an entry that is no Fernet key (32 bytes, url-safe base64)."
        ) from None
    # Another key than Fernet's own, so that what earlier versions stored can never pass for a bound value.
    derived = hmac.new(base64.urlsafe_b64decode(text), b"slipway values bound to rows", hashlib.sha256).digest()
    return Key(hashlib.sha256(derived).digest()[:ID_LENGTH], AESGCM(derived))


def _key_of(token: bytes, context: Context) -> Key:
    if token[: len(VERSION)] != VERSION:
        raise SecretUnreadable(f"{context} cannot be read: it is not bound to its row. Run manage.py migrate.")
    wanted = token[len(VERSION) : HEAD]
    found = next((key for key in _keys() if key.id == wanted), None)
    if found is None:
        raise SecretUnreadable(f"{context} cannot be read: its key is not in SLIPWAY_ENCRYPTION_KEYS.")
    return found


def _bound(key: Key, context: Context) -> bytes:
    return VERSION + key.id + json.dumps(context).encode()


def keyed_hash(value: bytes, purpose: str, *scope: str | int) -> str:
    """A digest that only this installation can make: it tells that a secret changed, and nothing of it.

    Digests of different scopes (an environment, an object, a field) cannot be held against each other. Stays the same
    when encryption keys rotate, since plans are bound to it: it hangs on the secret key.
    """
    key = hashlib.sha256(f"slipway keyed hash {purpose} {settings.SECRET_KEY}".encode()).digest()
    if scope:
        key = hmac.new(key, json.dumps(scope).encode(), hashlib.sha256).digest()
    return "hmac-sha256:" + hmac.new(key, value, hashlib.sha256).hexdigest()


@dataclass(frozen=True)
class Ciphertext:
    """A value as the database holds it; the row that it was written for opens it."""

    content: bytes = field(repr=False)


PENDING = Ciphertext(b"")
"""Stands in a new row until its number is known."""


class EncryptedAttribute(DeferredAttribute):
    """Opens a value when it is first read, by the number of the row."""

    field: "EncryptedField"

    def __get__(self, instance: models.Model | None, cls: type[models.Model] | None = None) -> Any:
        value = super().__get__(instance, cls)
        if instance is None or not isinstance(value, Ciphertext) or value is PENDING:
            return value
        opened = instance.__dict__[self.field.attname] = self.field.open(value, instance.pk)
        return opened

    def __set__(self, instance: models.Model, value: Any) -> None:
        instance.__dict__[self.field.attname] = value


class EncryptedField(models.BinaryField):  # type: ignore[type-arg]
    """Bytes that the database holds only encrypted and bound to their row, see portal.row_bound.

    Queries give and take a Ciphertext: they can neither read, write nor compare a value.
    """

    descriptor_class = EncryptedAttribute

    def context(self, pk: object) -> Context:
        """Where a value of the row `pk` stands."""
        model = self.model._meta.concrete_model or self.model
        return Context(model._meta.label_lower, self.name, str(pk))

    def open(self, stored: Ciphertext, pk: object) -> Any:
        """The value in the row `pk`; SecretUnreadable where it was not written for that."""
        return self.unpack(decrypt(stored.content, self.context(pk)))

    def close(self, value: Any, pk: object) -> Ciphertext:
        """What is stored of a value in the row `pk`."""
        return Ciphertext(encrypt(self.pack(value), self.context(pk)))

    def pack(self, value: Any) -> bytes:
        return bytes(value)

    def unpack(self, value: bytes) -> Any:
        return value

    def from_db_value(self, value: Any, _expression: object, _connection: object) -> Ciphertext | None:
        return None if value is None else Ciphertext(bytes(value))

    def to_python(self, value: Any) -> Any:
        return value

    def get_prep_value(self, value: Any) -> bytes | None:
        if value is None:
            return None
        if isinstance(value, Ciphertext):
            return value.content
        raise TypeError(f"{self} is bound to its row: set it there and save that row; no query writes or compares it.")

    def pre_save(self, model_instance: models.Model, add: bool) -> Ciphertext | None:
        value = model_instance.__dict__.get(self.attname)
        if value is None or value is PENDING or (isinstance(value, Ciphertext) and not add):
            return value
        if isinstance(value, Ciphertext) or model_instance.pk is None:
            raise TypeError(f"{self} is bound to its row: make the row with its own save(), from the value itself.")
        return self.close(value, model_instance.pk)

    def check(self, **options: Any) -> list[checks.CheckMessage]:
        """portal.E004: rows get a number only when they are stored, and nothing binds their values to it."""
        if getattr(self.model, "binds_values", False) or not isinstance(self.model._meta.pk, models.AutoField):
            return super().check(**options)
        return [*super().check(**options), checks.Error("The model has to be a RowBound.", obj=self, id="portal.E004")]


class EncryptedTextField(EncryptedField):
    """Text that the database holds only encrypted; in Python it is a str."""

    def pack(self, value: Any) -> bytes:
        return str(value).encode()

    def unpack(self, value: bytes) -> str:
        return value.decode()


def encrypted_fields(model: type[models.Model]) -> list[EncryptedField]:
    """The fields of a model's own table that are held encrypted."""
    return [each for each in model._meta.local_concrete_fields if isinstance(each, EncryptedField)]
