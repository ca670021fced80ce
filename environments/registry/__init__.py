"""Image registries: what a reference names, and which digest that is now."""

from environments.registry.client import RegistrySessions, Resolved, resolve, resolve_all
from environments.registry.credentials import Credentials
from environments.registry.errors import (
    BadReference,
    ImageAbsent,
    RegistryError,
    RegistryRefused,
    RegistryThrottled,
    RegistryUnreachable,
)
from environments.registry.reference import Reference, parse

__all__ = [
    "BadReference",
    "Credentials",
    "ImageAbsent",
    "Reference",
    "RegistryError",
    "RegistryRefused",
    "RegistrySessions",
    "RegistryThrottled",
    "RegistryUnreachable",
    "Resolved",
    "parse",
    "resolve",
    "resolve_all",
]
