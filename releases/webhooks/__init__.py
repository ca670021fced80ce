"""Webhooks of CI: a provider is one file here that registers itself by being there."""

from importlib import import_module
from pkgutil import iter_modules

from releases.webhooks.provider import PROVIDERS, Provider

NOT_PROVIDERS = {"provider", "mapping", "people", "receive", "process", "report", "fetching", "kept"}


def find(name: str) -> Provider | None:
    """The provider of that name."""
    return PROVIDERS.get(name)


for _module in iter_modules(__path__):
    if _module.name not in NOT_PROVIDERS:
        import_module(f"{__name__}.{_module.name}")

__all__ = ["PROVIDERS", "Provider", "find"]
