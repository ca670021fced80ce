"""Which function carries out which operation, and what it is given."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pkgutil import walk_packages
from typing import Any

from environments.kube.api.client import Gateway
from environments.kube.objects import Manifest
from environments.prometheus import Prometheus
from releases.engine.operations import Operation

HANDLERS = ("releases.orchestrator.handlers", "releases.strategies")

Result = dict[str, Any]
Handler = Callable[["Execution", Any], Result]

_handlers: dict[type[Operation], Handler] = {}


@dataclass(frozen=True)
class Execution:
    """What handlers need of one rollout's track.

    `manifests`: of the plan's object of an index, with the values of Secrets. `scalers`: indices of those whose
    replicas an autoscaler holds. `may_write`: whether the lease still lasts for a write. `prometheus`: None where
    the environment has none.
    """

    gateway: Gateway
    application: str
    sequence: int
    manifests: Callable[[int], Manifest]
    scalers: frozenset[int]
    may_write: Callable[[], bool]
    prometheus: Prometheus | None = field(default=None, repr=False)


def handles(operation: type[Operation]) -> Callable[[Handler], Handler]:
    """Registers what carries out an operation: (execution, operation) → its result. It raises KubeError."""

    def register(handler: Handler) -> Handler:
        _handlers[operation] = handler
        return handler

    return register


def handler_of(operation: Operation) -> Handler:
    """TypeError for an operation that has no handler."""
    found = _all().get(type(operation))
    if found is None:
        raise TypeError(f"There is no handler for {operation!r}.")
    return found


@cache
def _all() -> Mapping[type[Operation], Handler]:
    for name in _modules():
        import_module(name)
    return _handlers


def _modules() -> Iterator[str]:
    for package in HANDLERS:
        yield from (info.name for info in walk_packages(import_module(package).__path__, f"{package}."))
