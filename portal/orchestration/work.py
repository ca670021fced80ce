"""The kinds of work that the orchestrator looks after. Apps register theirs when they are ready."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from prometheus_client import Histogram

from portal.orchestration import leases
from portal.orchestration.leases import Leases


def _nothing(_now: datetime) -> Collection[int]:
    return ()


def _never() -> bool:
    return False


@dataclass(frozen=True, kw_only=True)
class WorkKind:
    """Rows that are leased and worked on.

    `forgotten`: the ids of rows that nobody would come back to, at a time; they are made due. `busy`: whether some is
    under way, for an orchestrator that ends when it is idle.
    """

    name: str
    leases: Leases[Any, Any]
    forgotten: Callable[[datetime], Collection[int]] = _nothing
    busy: Callable[[], bool] = _never

    def sweep(self, now: datetime) -> None:
        """Makes due what is forgotten, and what has a lease from before the clock was put back."""
        leases.wake(self.leases.model, self.forgotten(now))
        leases.void(self.leases.endless(now), now)


@dataclass(frozen=True, kw_only=True)
class PassKind(WorkKind):
    """Work of seconds, which workers of the queue do: `path(ids, ticket)`, ids as "1,2,3".

    `group`: the look-up of what rows of one batch have in common, so that one look serves them all; "" for nothing.
    `batch`: rows a message at most. `most`: rows that one tick leases: all are reached while their tickets last.
    `spread`: batches at least, while there are few: no worker waits while another has a row of them. `ahead`: messages
    that wait at most before more is leased: a ticket that lay about for too long is void.
    """

    path: str
    group: str = ""
    batch: int = 20
    most: int = 32
    spread: int = 8
    ahead: int = 8
    lateness: Histogram | None = None


_kinds: dict[str, WorkKind] = {}


def register(kind: WorkKind) -> None:
    """Has the orchestrator look after it; the first registered is handed out first. ValueError for a name twice."""
    if kind.name in _kinds:
        raise ValueError(f"There is a kind of work named {kind.name} already.")
    _kinds[kind.name] = kind


def kinds() -> list[WorkKind]:
    """All of them, in the order of their registration."""
    return list(_kinds.values())


def passes() -> list[PassKind]:
    """Those that the queue's workers do."""
    return [kind for kind in _kinds.values() if isinstance(kind, PassKind)]


def sweep() -> None:
    """Once in a while: what nobody would come back to otherwise."""
    now = timezone.now()
    for kind in kinds():
        kind.sweep(now)


def idle() -> bool:
    """Whether nothing is under way."""
    return not any(kind.busy() for kind in kinds())
