"""Providers of webhooks, one file each, found by being here. A file's PROVIDER is an instance of Provider."""

from collections.abc import Mapping
from functools import cache

from common.discovery import modules_of
from releases.webhooks.providers.base import Provider

__all__ = ["Provider", "every", "find"]


@cache
def every() -> Mapping[str, Provider]:
    """All providers by their names."""
    found = (module.PROVIDER for module in modules_of(__name__, apart=("base",)))
    return {provider.name: provider for provider in found}


def find(name: str) -> Provider | None:
    """The provider of that name."""
    return every().get(name)
