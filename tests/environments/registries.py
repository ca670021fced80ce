"""Asking registries by the portal's own sessions."""

from collections.abc import Iterable
from typing import Any

from environments import registry
from environments.outbound_sessions import registry_sessions


def resolve(reference: str, **options: Any) -> registry.Resolved:
    with registry_sessions() as sessions:
        return registry.resolve(reference, sessions=sessions, **options)


def resolve_all(references: Iterable[str], **options: Any) -> dict[str, registry.Resolved | registry.RegistryError]:
    with registry_sessions() as sessions:
        return registry.resolve_all(references, sessions=sessions, **options)
