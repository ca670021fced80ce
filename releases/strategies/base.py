"""What a strategy is: parameters, steps forward and back, what it changes in a manifest, and what it says on screens.

A release may follow one that another strategy brought. So each strategy is also asked what to do about what it left
behind, whichever strategy comes next: see `releases.strategies.neighbours`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

from environments.kube.objects import Manifest, Ref
from environments.kube.traffic import Route as TrafficRoute
from environments.manifests.settings import RouteSetting
from releases.engine.facts import Work
from releases.engine.steps import RolloutStep
from releases.plan.objects import Row, Wanted
from releases.strategies.parameters import Parameter, ParameterError

__all__ = ["Arrangement", "Arranging", "Parameter", "ParameterError", "Strategy", "TrafficEntry"]


@dataclass(frozen=True)
class Arranging:
    """What a strategy arranges, and what it may ask about where it goes.

    `live` reads an object (None where it is not there), `listed` all of a kind in a namespace ("" for all, or for a
    kind without), `knows` tells whether the cluster has a kind, `taken` who else moves requests of a host at the
    moment ("" for nobody). They raise KubeError.
    """

    objects: tuple[Wanted, ...]
    application: str
    namespace: str
    parameters: Mapping[str, Any]
    routes: tuple[RouteSetting, ...] = ()
    previous: Row | None = None
    """The plan of what runs there now."""
    again: tuple[Mapping[str, Any], ...] = ()
    """The `traffic` of the stored plan that an undo brings back."""
    smoke_tests: tuple[Mapping[str, Any], ...] = ()
    environment: int = 0
    """Its primary key: names of Secrets by their content are its own."""
    measured: bool = False
    """Whether the environment has a Prometheus."""
    live: Callable[[Ref], Manifest | None] = lambda _ref: None
    listed: Callable[[str, str, str], Sequence[Manifest]] = lambda _api_version, _kind, _namespace: ()
    knows: Callable[[str, str], bool] = lambda _api_version, _kind: True
    taken: Callable[[str], str] = lambda _host: ""


@dataclass(frozen=True)
class Arrangement:
    """The objects as they will be applied; `traffic` is JSON, one entry a workload whose requests are moved.

    `notes` are (title, words) that the plan shows among its risks: what is moved how, and why the rest is not.
    """

    objects: tuple[Wanted, ...]
    traffic: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[tuple[str, str], ...] = ()


class TrafficEntry(Protocol):
    """One entry of a plan's `traffic`: a workload whose requests a strategy moves. JSON both ways, tagged by `kind`."""

    kind: ClassVar[str]

    @property
    def workload(self) -> str: ...

    @property
    def hosts(self) -> tuple[str, ...]:
        """Those whose requests are moved."""

    @property
    def moved_by(self) -> TrafficRoute | None:
        """What moves the requests; None where only a controller of the cluster knows."""

    @property
    def sides(self) -> tuple[str, str] | None:
        """Ref.key of the Deployments of the new and of the old version; None where they are not ours to tell."""

    @property
    def handed_over(self) -> tuple[Ref, ...]:
        """Objects of earlier plans that stay though this plan has them no longer: another controller's from now on."""

    def to_json(self) -> dict[str, Any]: ...

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self: ...


class Strategy:
    """A way of bringing a release into an environment. Stateless: everything is in the plan."""

    name: ClassVar[str]
    title: ClassVar[str]
    parameters: ClassVar[tuple[Parameter, ...]] = ()
    moves_requests: ClassVar[bool] = True
    looks_at: ClassVar[tuple[tuple[str, str, str], ...]] = ()
    """(API group, resource, verb) of what it looks at beside the bundle's own objects."""
    """Whether requests go from one version to the other by its own steps, with checks that a person may skip."""
    entry: ClassVar[type[TrafficEntry] | None] = None
    """What it writes into a plan's `traffic`."""
    suits: ClassVar[Mapping[str, str]] = {}
    """Kinds of change that it is recommended for, and why: see `releases.recommending.table`."""

    def check(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The given parameters, checked. ParameterError names one that does not fit or that there is not."""
        known = {parameter.name: parameter for parameter in self.parameters}
        for name in parameters:
            if name not in known:
                raise ParameterError(f"{self.title} has no parameter {name!r}; it has {', '.join(known)}.")
        return {name: known[name].check(value) for name, value in parameters.items() if value not in (None, "")}

    def tune(self, manifest: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The manifest with what the parameters say of it; the given one stays as it is."""
        raise NotImplementedError

    def arrange(self, given: Arranging) -> Arrangement:
        """The objects that the plan is made of. PlanRefused where it cannot go this way, in words."""
        return Arrangement(given.objects)

    def steps(self, work: Work) -> tuple[RolloutStep, ...]:
        """The steps forward. `work.steps` is empty: what this gives goes there, as JSON."""
        raise NotImplementedError

    def back(self, work: Work) -> tuple[RolloutStep, ...]:
        """The steps of a way back: `work` has the objects to come back, and what to prune and adopt."""
        raise NotImplementedError

    def promoted(self, done: Iterable[RolloutStep]) -> frozenset[str]:  # noqa: ARG002
        """Workloads that have the release themselves once these steps of the way forward are done."""
        return frozenset()

    def refuse(self, strategy: "Strategy", previous: Row | None) -> None:
        """PlanRefused where what this one holds of the plan that runs keeps `strategy` from following it."""

    def as_bundled(
        self,
        objects: tuple[Wanted, ...],
        traffic: Sequence[Mapping[str, Any]],  # noqa: ARG002
    ) -> tuple[Wanted, ...]:
        """The objects of a stored plan as its bundle had them, by the plan's `traffic`."""
        return objects

    def sized(
        self,
        objects: tuple[Wanted, ...],
        traffic: Sequence[Mapping[str, Any]],  # noqa: ARG002
        live: Callable[[Ref], Manifest | None],  # noqa: ARG002
    ) -> tuple[Wanted, ...]:
        """The objects as large as what this one left running, by the `traffic` of the plan before."""
        return objects

    def notes(self, strategy: "Strategy", refs: Sequence[Ref]) -> tuple[tuple[str, str], ...]:  # noqa: ARG002
        """(title, words) of what a plan by `strategy` brings that this one knows more of."""
        return ()

    def let_go(self, work: Work) -> tuple[RolloutStep, ...]:  # noqa: ARG002
        """The steps by which what this one held, and the plan removes, is let go of before the workloads come."""
        return ()

    def drained(self, work: Work) -> tuple[RolloutStep, ...]:  # noqa: ARG002
        """The steps that wait for what this one left, and the plan removes, until nobody asks it any more."""
        return ()

    def resumed(self, work: Work, steps: tuple[RolloutStep, ...]) -> tuple[RolloutStep, ...]:  # noqa: ARG002
        """The steps of a way back, with what this one needs to hold again what comes back."""
        return steps
