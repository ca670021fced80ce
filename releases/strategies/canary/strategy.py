"""Canary: a second Deployment gets a growing share of the requests, as long as the evidence is good."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any, ClassVar

from environments.kube.traffic import Testers, names
from releases.analysis.metrics import read_metrics
from releases.engine.facts import Work
from releases.engine.steps import RolloutStep
from releases.strategies.base import Arrangement, Arranging, Parameter, ParameterError, Strategy, TrafficEntry
from releases.strategies.canary import sequence
from releases.strategies.canary.arrange import Chooser
from releases.strategies.canary.steps import WeightStep
from releases.strategies.canary.workloads import CanaryWorkload, moved

WEIGHTS = (5, 25, 50, 100)
INTERVAL, COUNT = 60, 6


def _metrics(value: list[Any]) -> list[Any]:
    read_metrics(value)
    return value


def _rising(value: list[int]) -> list[int]:
    if value != sorted(set(value)) or value[0] < 1:
        raise ValueError("the weights have to rise, from 1 to 100")
    return value


def _above_zero(value: int) -> int:
    if value < 1:
        raise ValueError("it has to be at least 1")
    return value


class Canary(Strategy):
    name: ClassVar[str] = "canary"
    title: ClassVar[str] = "Canary"
    entry: ClassVar[type[TrafficEntry]] = CanaryWorkload
    suits: ClassVar[Mapping[str, str]] = {"high-risk": "few requests see it before the metrics have proven it."}
    looks_at: ClassVar[tuple[tuple[str, str, str], ...]] = (("discovery.k8s.io", "endpointslices", "list"),)
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter(
            "weights", "percents", "Shares of the requests, one after the other.", list(WEIGHTS), further=_rising
        ),
        Parameter("maxWeight", "count", "Instead of weights: the largest share.", further=_above_zero),
        Parameter("stepWeight", "count", "Instead of weights: by how much the share grows.", further=_above_zero),
        Parameter("interval", "seconds", "How long each weight is held at least.", INTERVAL),
        Parameter(
            "count",
            "count",
            "How often each metric has to pass at a weight, spread over its time.",
            COUNT,
            (),
            _above_zero,
        ),
        Parameter("failureLimit", "count", "How often a metric may fail at a weight.", 0),
        Parameter(
            "metrics",
            "list",
            "What is measured; empty: success rate from 99 % and p99 up to 500 ms. []: nothing.",
            further=_metrics,
        ),
        Parameter("pauseAt", "percents", "Weights at whose end a person says how it goes on."),
        Parameter("testersHeader", "text", "Requests with this header see the canary before any weight."),
        Parameter("testersValue", "text", "The header's value; empty: always."),
        Parameter("testersCookie", "text", "Requests whose cookie of this name says always see the canary as well."),
        Parameter("router", "choice", "What moves requests; empty: what the bundle has.", "", ("", *names())),
        Parameter("workloads", "names", "What is canaried; empty: every Deployment that has a route."),
        Parameter("fatalGraceSeconds", "seconds", "How long a pod that cannot come up may take to heal.", 30),
        Parameter("stableSeconds", "seconds", "How long all has to stay up at the end before it counts as a success."),
    )

    def check(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        checked = super().check(parameters)
        stepped = [name for name in ("maxWeight", "stepWeight") if name in checked]
        if stepped and "weights" in checked:
            raise ParameterError(f"weights and {stepped[0]} say the same: give one of them.")
        if len(stepped) == 1:
            raise ParameterError("maxWeight and stepWeight go together: give both, or weights.")
        if checked.get("maxWeight", 100) > 100:
            raise ParameterError(f"maxWeight is {checked['maxWeight']}; it has to be from 1 to 100.")
        if unknown := [weight for weight in checked.get("pauseAt", ()) if weight not in weights_of(checked)]:
            known = ", ".join(map(str, weights_of(checked)))
            raise ParameterError(f"pauseAt has {unknown[0]}, which is none of the weights {known}.")
        if "testersValue" in checked and "testersHeader" not in checked:
            raise ParameterError("testersValue is of testersHeader, which is not given.")
        return checked

    def tune(self, manifest: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        return deepcopy(dict(manifest))

    def arrange(self, given: Arranging) -> Arrangement:
        return Chooser(given, weights_of(given.parameters), testers_of(given.parameters)).arrangement()

    def steps(self, work: Work) -> tuple[RolloutStep, ...]:
        parameters = work.parameters
        way = sequence.CanarySchedule(
            weights=weights_of(parameters),
            interval=float(parameters.get("interval", INTERVAL)),
            metrics=tuple(metric.to_json() for metric in metrics_of(parameters)),
            ask=tuple(parameters.get("pauseAt", ())),
            testers=testers_of(parameters),
        )
        return sequence.forward(work, moved(work), way)

    def back(self, work: Work) -> tuple[RolloutStep, ...]:
        return sequence.back(work, moved(work))

    def promoted(self, done: Iterable[RolloutStep]) -> frozenset[str]:
        """Requests that leave the canary go to the same version from its last weight on."""
        last = [step for step in done if isinstance(step, WeightStep) and step.settings.get("last")]
        return frozenset(name for step in last for name in step.settings.get("workloads", ()))


def weights_of(parameters: Mapping[str, Any]) -> tuple[int, ...]:
    """The weights, rising: as given, or in equal steps up to the largest."""
    if "stepWeight" not in parameters:
        return tuple(parameters.get("weights") or WEIGHTS)
    most, step = parameters["maxWeight"], parameters["stepWeight"]
    return (*range(step, most, step), most)


def metrics_of(parameters: Mapping[str, Any]) -> tuple[Any, ...]:
    """What is measured at a weight, `count` times within the interval unless a metric says otherwise itself."""
    interval, count = float(parameters.get("interval", INTERVAL)), int(parameters.get("count", COUNT))
    usual = {
        "interval": min(max(1.0, interval / count), 3600.0),
        "count": count,
        "failure_limit": int(parameters.get("failureLimit", 0)),
    }
    given = parameters.get("metrics")
    wanted = [{"template": "success-rate"}, {"template": "latency"}] if given is None else given
    return read_metrics([{**usual, **each} for each in wanted])


def testers_of(parameters: Mapping[str, Any]) -> Testers:
    """Who is let in before any weight; nobody where nothing is said."""
    return Testers(*(parameters.get(f"testers{name}", "") for name in ("Header", "Value", "Cookie")))


STRATEGY = Canary()
