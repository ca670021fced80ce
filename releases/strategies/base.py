"""What a strategy is: parameters, steps forward and back, and what it changes in a manifest."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from environments.kube.objects import Manifest, Ref
from environments.manifests.settings import Route
from releases.engine.facts import Work
from releases.engine.steps import Step
from releases.plan.objects import Row, Wanted
from releases.strategies.parameters import Parameter, ParameterError

__all__ = ["Arrangement", "Arranging", "Parameter", "ParameterError", "Strategy"]


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
    routes: tuple[Route, ...] = ()
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


class Strategy:
    """A way of bringing a release into an environment. Stateless: everything is in the plan."""

    name: ClassVar[str]
    title: ClassVar[str]
    parameters: ClassVar[tuple[Parameter, ...]] = ()

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

    def steps(self, work: Work) -> tuple[Step, ...]:
        """The steps forward. `work.steps` is empty: what this gives goes there, as JSON."""
        raise NotImplementedError

    def back(self, work: Work) -> tuple[Step, ...]:
        """The steps of a way back: `work` has the objects to come back, and what to prune and adopt."""
        raise NotImplementedError
