"""Image registries: what a reference names, and which digest that is now."""

from environments.registry.charts import pull_chart
from environments.registry.client import RegistrySessions, RegistryTerms, Resolved, resolve, resolve_all
from environments.registry.credentials import Credentials, Trust
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
    "RegistryTerms",
    "RegistryThrottled",
    "RegistryUnreachable",
    "Resolved",
    "Trust",
    "parse",
    "pull_chart",
    "resolve",
    "resolve_all",
]
