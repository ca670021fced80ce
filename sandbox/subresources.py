"""The seam for subresources that are no part of the object: logs, proxies, evictions."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.kinds import ApiResource


@dataclass(frozen=True)
class Connection:
    """A request to a subresource. `path` is what follows the subresource ("" or "/healthz"), `name` may carry a
    scheme and port ("http:web:80") where the subresource is a proxy; `object` is None there if it is not found."""

    method: str
    kind: ApiResource
    namespace: str
    name: str
    subresource: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    object: dict[str, Any] | None


@dataclass(frozen=True)
class Reply:
    """What a handler answers. An iterable body is streamed as it comes, from a thread of its own."""

    status: int
    body: bytes | Iterable[bytes]
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Connection], Reply]
"""Runs in a worker thread; refuses by raising ApiError."""


class Subresources(dict[tuple[str, str, str], Handler]):
    """Handlers by (group, plural, subresource), such as ("", "pods", "log"), ("", "services", "proxy"),
    ("", "pods", "proxy"), ("", "pods", "eviction")."""
