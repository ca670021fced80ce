"""What a provider of webhooks has to know: how its requests are signed, and what its events mean."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from releases.makers import Maker

Headers = Mapping[str, str]
"""With lower-case names."""


class Untrusted(Exception):
    """The request is not from whom it says; nobody is told why."""


class Unusable(ValueError):
    """The request is genuine, and nothing can be made of it; the sender is told why."""


@dataclass(frozen=True)
class Ignored:
    """A genuine event that leads to nothing, and why."""

    event: str
    why: str


@dataclass(frozen=True)
class News:
    """A genuine event that leads to a release.

    `business_key` names what happened whatever the delivery's id. `fields` fill the templates of the mapping.
    `commit` is a full hash or "". `makers` are all whom the event names as having had a hand in it. `bundle` is
    {"digest"} or {"url"} or empty. `images` overrule the mapping's.
    """

    event: str
    business_key: str
    fields: Mapping[str, str]
    version: str
    commit: str = ""
    author: str = ""
    makers: tuple[Maker, ...] = ()
    changelog: str = ""
    images: Mapping[str, str] = field(default_factory=dict)
    bundle: Mapping[str, str] = field(default_factory=dict)
    environments: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Provider:
    """One provider. `verify` raises Untrusted; `read` raises Unusable; `check` says what a mapping has wrong.

    `read` gets a mapping with which nothing is wrong.
    """

    name: str
    verify: Callable[[str, Headers, bytes], None]
    delivery_id: Callable[[Headers], str]
    read: Callable[[Mapping[str, Any], Headers, Mapping[str, Any]], News | Ignored]
    check: Callable[[Mapping[str, Any]], list[str]]


PROVIDERS: dict[str, Provider] = {}


def register(provider: Provider) -> Provider:
    """Makes a provider known by its name."""
    PROVIDERS[provider.name] = provider
    return provider
