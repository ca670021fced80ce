"""Which function carries out which operation, and what it is given."""

from collections.abc import Callable
from dataclasses import dataclass, field

from environments.kube.api.client import Gateway
from environments.kube.objects import Manifest, Owner
from environments.prometheus import Prometheus
from portal.steps.handlers import Handlers


@dataclass(frozen=True)
class Execution:
    """What handlers need of one rollout's track.

    `manifests`: of the plan's object of an index, with the values of Secrets. `scalers`: indices of those whose
    replicas an autoscaler holds. `may_write`: whether the lease still lasts for a write. `prometheus`: None where
    the environment has none. `keeps_size`: indices of those that keep the replicas that they have, unless that is none.
    """

    gateway: Gateway
    owner: Owner
    sequence: int
    manifests: Callable[[int], Manifest]
    scalers: frozenset[int]
    may_write: Callable[[], bool]
    prometheus: Prometheus | None = field(default=None, repr=False)
    keeps_size: frozenset[int] = frozenset()
    of_before: bool = False
    """Whether the plan is of a version whose objects do not say of which environment they are."""


HANDLERS: Handlers[Execution] = Handlers("releases.orchestrator.handlers", "releases.strategies")
handles = HANDLERS.handles
