"""The seam for what may change or refuse a write: defaults of a namespace, quotas, limits, policies."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.kinds import ApiResource


@dataclass
class Review:
    """One write on its way into the store. `new` is None for DELETE, `old` is None for CREATE.

    Mutating hooks may change `new` in place: it belongs to this review alone. `old` is never changed.
    `warnings` are sent as Warning headers.
    """

    operation: str
    kind: ApiResource
    namespace: str
    name: str
    subresource: str
    new: dict[str, Any] | None
    old: dict[str, Any] | None
    dry_run: bool
    user: str
    manager: str
    warnings: list[str] = field(default_factory=list)


Hook = Callable[[Review], None]


@dataclass
class Admission:
    """Hooks in their order. A hook refuses by raising ApiError. They run under the store's lock."""

    mutating: list[Hook] = field(default_factory=list)
    validating: list[Hook] = field(default_factory=list)

    def mutate(self, review: Review) -> None:
        for hook in self.mutating:
            hook(review)

    def validate(self, review: Review) -> None:
        for hook in self.validating:
            hook(review)
