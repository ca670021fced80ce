"""Signatures on heads: Ed25519, by the keys of SLIPWAY_AUDIT_SIGNING_KEY (newest first, 32 bytes in base64)."""

import base64
import binascii
import hashlib
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


def sign(message: bytes) -> tuple[str, str]:
    """The public key and the signature of the newest key, both in base64."""
    key = _keys()[0]
    return public_text(key), base64.b64encode(key.sign(message)).decode()


def is_ours(message: bytes, key: str, signature: str) -> bool:
    """Whether one of the installation's keys made the signature."""
    return key in {public_text(own) for own in _keys()} and _verifies(message, key, signature)


def public_keys() -> list[str]:
    """The installation's public keys in base64, newest first: what a verifier is given."""
    return [public_text(key) for key in _keys()]


def public_text(key: Ed25519PrivateKey) -> str:
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def parse(text: str) -> Ed25519PrivateKey:
    """The key of 32 bytes in base64. ImproperlyConfigured where it is none."""
    try:
        return Ed25519PrivateKey.from_private_bytes(base64.b64decode(text, validate=True))
    except (ValueError, binascii.Error):
        raise ImproperlyConfigured(
            "SLIPWAY_AUDIT_SIGNING_KEY has an entry that is no Ed25519 key (32 bytes, base64)."
        ) from None


def _keys() -> tuple[Ed25519PrivateKey, ...]:
    return _parsed(tuple(settings.AUDIT_SIGNING_KEYS), settings.SECRET_KEY)


@lru_cache(maxsize=4)
def _parsed(keys: tuple[str, ...], secret: str) -> tuple[Ed25519PrivateKey, ...]:
    if keys:
        return tuple(parse(key) for key in keys)
    # Where no key is set (a machine of one person), one that follows from the secret key.
    derived = hashlib.sha256(b"slipway audit heads " + secret.encode()).digest()
    return (Ed25519PrivateKey.from_private_bytes(derived),)


def _verifies(message: bytes, key: str, signature: str) -> bool:
    try:
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key))
        public.verify(base64.b64decode(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True
