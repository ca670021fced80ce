"""Rolling update: objects in their order, workloads in waves, each by Kubernetes' own rolling update."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, ClassVar

from releases.engine.facts import Work
from releases.engine.steps import RolloutStep
from releases.strategies.base import Parameter, ParameterError, Strategy
from releases.strategies.shared import rolled

ZERO = (0, "0", "0%")


class Rolling(Strategy):
    name: ClassVar[str] = "rolling"
    title: ClassVar[str] = "Rolling update"
    moves_requests: ClassVar[bool] = False
    suits: ClassVar[Mapping[str, str]] = {
        "hotfix": "it is in force at once, with the fewest moving parts.",
        "everyday": "it goes by itself, and needs no second set of pods.",
    }
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter("maxSurge", "share", "Pods above the wanted number while it rolls; empty: as the bundle says."),
        Parameter("maxUnavailable", "share", "Pods that may be missing while it rolls; empty: as the bundle says."),
        Parameter("fatalGraceSeconds", "seconds", "How long a pod that cannot come up may take to heal.", 30),
        Parameter(
            "stableSeconds",
            "seconds",
            "How long all has to stay up before it counts as a success; empty: 10 where a container has no "
            "readiness probe, else 0.",
        ),
    )

    def check(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        checked = super().check(parameters)
        if checked.get("maxSurge") in ZERO and checked.get("maxUnavailable") in ZERO:
            raise ParameterError("maxSurge and maxUnavailable are both 0: nothing could roll. Give one of them.")
        return checked

    def tune(self, manifest: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
        tuned = deepcopy(dict(manifest))
        shares = {name: parameters[name] for name in ("maxSurge", "maxUnavailable") if name in parameters}
        field = {"Deployment": "strategy", "DaemonSet": "updateStrategy"}.get(tuned.get("kind", ""))
        if not shares or not field:
            return tuned
        strategy = tuned.setdefault("spec", {}).setdefault(field, {})
        if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
            strategy["rollingUpdate"] = _shares(tuned["kind"], {**strategy.get("rollingUpdate", {}), **shares})
        return tuned

    def steps(self, work: Work) -> tuple[RolloutStep, ...]:
        return rolled.forward(work)

    def back(self, work: Work) -> tuple[RolloutStep, ...]:
        return rolled.back(work)


def _shares(kind: str, shares: dict[str, Any]) -> dict[str, Any]:
    """A DaemonSet takes either of the two: the one that is not 0, its maxSurge first."""
    if kind != "DaemonSet" or shares.get("maxSurge") in (None, *ZERO):
        return shares
    return {**shares, "maxUnavailable": 0}


STRATEGY = Rolling()
