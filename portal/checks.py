"""What `manage.py check` says about the configuration. Errors stop the start; warnings are for one person's machine."""

from collections.abc import Callable
from typing import Any

from cryptography.fernet import Fernet
from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from portal.audit import signing
from portal.outbound import addresses
from portal.private import is_private

SEE = "See docs/how-to/operate.md."


@checks.register
def encryption_keys(**_options: Any) -> list[checks.CheckMessage]:
    """portal.E001: an entry that is no Fernet key. That one is set where others reach the portal, settings see to."""
    return _errors("portal.E001", "SLIPWAY_ENCRYPTION_KEYS", settings.ENCRYPTION_KEYS, Fernet)


@checks.register
def signing_keys(**_options: Any) -> list[checks.CheckMessage]:
    """portal.E002: no Ed25519 key; portal.W001: none set where others reach the portal."""
    if settings.AUDIT_SIGNING_KEYS:
        return _errors("portal.E002", "SLIPWAY_AUDIT_SIGNING_KEY", settings.AUDIT_SIGNING_KEYS, signing.parse)
    if not settings.SECURE:
        return []
    what = "SLIPWAY_AUDIT_SIGNING_KEY is not set: who has the secret key can sign heads of the audit log."
    return [checks.Warning(what, hint=SEE, id="portal.W001")]


@checks.register
def outbound_networks(**_options: Any) -> list[checks.CheckMessage]:
    """portal.E003: an entry that is no network."""
    return _errors("portal.E003", "SLIPWAY_OUTBOUND_NETWORKS", settings.OUTBOUND_NETWORKS, _network)


@checks.register
def private_data(**_options: Any) -> list[checks.CheckMessage]:
    """portal.W002: a data folder that other accounts of the machine can open, and that is not ours to close."""
    if is_private(settings.VAR):
        return []
    what = f"{settings.VAR} can be opened by other accounts of this machine."
    return [checks.Warning(what, hint=SEE, id="portal.W002")]


def _network(entry: str) -> object:
    return addresses.networks((entry,))


def _errors(check: str, name: str, entries: list[str], parse: Callable[[str], object]) -> list[checks.CheckMessage]:
    found: list[checks.CheckMessage] = []
    for place, entry in enumerate(entries, start=1):
        try:
            parse(entry)
        except (ValueError, ImproperlyConfigured):
            found.append(checks.Error(f"{name}: entry {place} cannot be read.", hint=SEE, id=check))
    return found
