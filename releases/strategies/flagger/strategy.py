"""Flagger: the controller moves the requests and judges; Slipway gives it the Canary, the release, and follows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from environments.kube.objects import Ref
from releases import strategies
from releases.engine.facts import Target, Work
from releases.engine.steps import RolloutStep, ServicesStep
from releases.plan.objects import Row
from releases.strategies.base import Arrangement, Arranging, Parameter, ParameterError, Strategy, TrafficEntry
from releases.strategies.flagger import arrange
from releases.strategies.flagger.conflicts import contested, refuse_while_held
from releases.strategies.flagger.resource import PROVIDERS, SHORTEST_INTERVAL, is_canary
from releases.strategies.flagger.restore import entering
from releases.strategies.flagger.steps import (
    CanaryStep,
    FollowStep,
    ReplacedStep,
    RestoreTemplatesStep,
    ReturnToPrimaryStep,
    TriggerStep,
    hand_back,
)
from releases.strategies.flagger.workloads import FlaggerWorkload, held_by, indices, names_of
from releases.strategies.shared import rolled as rolled_steps

WAVES = frozenset({"wave"})
BEFORE = frozenset({"confirm", "adopt", "namespaces", "configuration"})
AHEAD = BEFORE | {"services"}


def _interval(value: float) -> float:
    if value < SHORTEST_INTERVAL:
        raise ValueError(f"Flagger looks every {SHORTEST_INTERVAL:.0f} s at the most often.")
    return value


def _metrics(value: list[Any]) -> list[Any]:
    for each in value:
        if not isinstance(each, dict) or not each.get("name"):
            raise ValueError("each metric is a map as in Flagger's analysis.metrics, with a name.")
    return value


class Flagger(Strategy):
    name: ClassVar[str] = "flagger"
    title: ClassVar[str] = "Flagger"
    entry: ClassVar[type[TrafficEntry]] = FlaggerWorkload
    looks_at: ClassVar[tuple[tuple[str, str, str], ...]] = (("discovery.k8s.io", "endpointslices", "list"),)
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter("interval", "seconds", "How often Flagger looks and moves on.", 60, further=_interval),
        Parameter("threshold", "count", "After how many failed checks it goes back.", 5),
        Parameter("maxWeight", "count", "Percent of the requests after which it promotes.", 50),
        Parameter("stepWeight", "count", "Percent by which it goes up.", 10),
        Parameter("stepWeights", "percents", "Every step by itself, instead of maxWeight and stepWeight."),
        Parameter("iterations", "count", "Looks before it promotes, where no router moves requests.", 10),
        Parameter("successRate", "number", "Percent of requests that have to succeed.", 99),
        Parameter("latency", "number", "Milliseconds within which 99 % have to be answered.", 500),
        Parameter("builtIn", "flag", "Whether Flagger's own two metrics, success rate and latency, count.", True),
        Parameter("metrics", "list", "More metrics, as Flagger's analysis.metrics has them.", further=_metrics),
        Parameter(
            "provider",
            "choice",
            "By what Flagger moves requests; empty: as the bundle's objects tell.",
            choices=(*PROVIDERS.values(), "gatewayapi:v1beta1"),
        ),
        Parameter("metricsServer", "text", "Flagger's Prometheus; empty: the one that it was started with."),
        Parameter("progressDeadlineSeconds", "seconds", "How long the new version's pods may take to come up."),
        Parameter(
            "timeoutSeconds", "seconds", "How long to follow; empty: what the analysis may take, and ten minutes."
        ),
    )

    def check(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        checked = super().check(parameters)
        if words := arrange.parameters_fit(checked):
            raise ParameterError(words)
        return checked

    def tune(self, manifest: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        return dict(manifest)

    def arrange(self, given: Arranging) -> Arrangement:
        return arrange.arrange(given)

    def steps(self, work: Work) -> tuple[RolloutStep, ...]:
        holds = held_by(work)
        ready = [hold for hold in holds if not hold.first]
        first = [hold for hold in holds if hold.first]
        rolled = rolled_steps.forward(_without(work, _forward_keys(holds)))
        return (
            *_of(rolled, AHEAD),
            *_handing_over(work, ready),
            *_waves(work, rolled, ready),
            *_handing_over(work, first),
            *_rest(rolled),
        )

    def back(self, work: Work) -> tuple[RolloutStep, ...]:
        there = {target.key for target in work.targets}
        stays = [hold for hold in held_by(work) if hold.canary.key in there]
        goes = [hold for hold in held_by(work) if hold.canary.key not in there]
        rolled = rolled_steps.back(
            _without(work, {key for hold in stays for key in (hold.canary.key, hold.target.key)})
        )
        return (
            *_of(rolled, BEFORE),
            *_taking_back(work, goes),
            *_of(rolled, AHEAD - BEFORE),
            *_returning(work, stays),
            *_of(rolled, WAVES),
            *_rest(rolled),
        )

    def refuse(self, strategy: Strategy, previous: Row | None) -> None:
        if strategy.moves_requests and strategy is not self:
            refuse_while_held(previous, [each.name for each in strategies.every() if not each.moves_requests])

    def notes(self, strategy: Strategy, refs: Sequence[Ref]) -> tuple[tuple[str, str], ...]:
        return () if strategy is self else contested(refs, self.name)

    def let_go(self, work: Work) -> tuple[RolloutStep, ...]:
        return hand_back(work, (ref for ref, _ in work.prune if is_canary(ref)))

    def resumed(self, work: Work, steps: tuple[RolloutStep, ...]) -> tuple[RolloutStep, ...]:
        return entering(work, steps)


def _of(steps: Iterable[RolloutStep], kinds: frozenset[str]) -> tuple[RolloutStep, ...]:
    return tuple(step for step in steps if step.kind in kinds)


def _rest(steps: Iterable[RolloutStep]) -> tuple[RolloutStep, ...]:
    """Without taking Canaries back: that has its own place here."""
    return tuple(step for step in steps if step.kind not in AHEAD | WAVES | {"flagger-hand-back"})


def _without(work: Work, keys: Iterable[str]) -> Work:
    gone = set(keys)
    return replace(work, targets=tuple(target for target in work.targets if target.key not in gone))


def _forward_keys(holds: Sequence[FlaggerWorkload]) -> set[str]:
    """What the steps around Flagger apply themselves; a workload that it does not have yet is rolled."""
    own = {key for hold in holds for key in (hold.canary.key, *hold.scalers, *hold.services)}
    return own | {hold.target.key for hold in holds if not hold.first}


def _handing_over(work: Work, holds: Sequence[FlaggerWorkload]) -> tuple[RolloutStep, ...]:
    if not holds:
        return ()
    names = names_of(holds)
    keys = [key for hold in holds for key in (*hold.scalers, hold.canary.key)]
    services = indices(work, (key for hold in holds for key in hold.services))
    replaced = [key for hold in holds for key in hold.replaced]
    return (
        CanaryStep(f"Canary resource: {names}"[:200], indices(work, keys), _about(holds)),
        *((ServicesStep("Services that Flagger has taken over", services),) if services else ()),
        *((ReplacedStep("Routes that Flagger's own stand for", settings={"keys": replaced}),) if replaced else ()),
    )


def _waves(work: Work, rolled: Sequence[RolloutStep], holds: Sequence[FlaggerWorkload]) -> tuple[RolloutStep, ...]:
    """Wave by wave: what is rolled, then what Flagger brings in."""
    targets = {target.key: target for target in work.targets}
    waves = _of(rolled, WAVES)
    numbered = [(work.targets[step.objects[0]].wave, step) for step in waves]
    for number in sorted({targets[hold.target.key].wave for hold in holds}):
        mine = [hold for hold in holds if targets[hold.target.key].wave == number]
        numbered += [(number, step) for step in _release(mine, targets)]
    return tuple(step for _, step in sorted(numbered, key=lambda pair: pair[0]))


def _release(holds: Sequence[FlaggerWorkload], targets: Mapping[str, Target]) -> tuple[RolloutStep, ...]:
    names, about = names_of(holds), _about(holds)
    deployments = tuple(targets[hold.target.key].index for hold in holds)
    canaries = tuple(targets[hold.canary.key].index for hold in holds)
    return (
        TriggerStep(f"Trigger: {names}"[:200], deployments, about),
        FollowStep(f"Follow Flagger: {names}"[:200], canaries, about),
    )


def _returning(work: Work, holds: Sequence[FlaggerWorkload]) -> tuple[RolloutStep, ...]:
    if not holds:
        return ()
    keys = [key for hold in holds for key in (hold.target.key, hold.canary.key)]
    return (ReturnToPrimaryStep(f"Back to the primary: {names_of(holds)}"[:200], indices(work, keys), _about(holds)),)


def _taking_back(work: Work, holds: Sequence[FlaggerWorkload]) -> tuple[RolloutStep, ...]:
    """What Flagger had only got by this release; it gives back what ran before, and nothing where nothing did."""
    old = indices(work, (hold.target.key for hold in holds))
    ran = [hold for hold in holds if not hold.first and indices(work, [hold.target.key])]
    return (
        *((RestoreTemplatesStep(f"The old version of {names_of(ran)}"[:200], old),) if ran else ()),
        *hand_back(work, (hold.canary for hold in ran)),
        *hand_back(work, (hold.canary for hold in holds if hold not in ran), revert=False),
    )


def _about(holds: Sequence[FlaggerWorkload]) -> dict[str, Any]:
    return {"workloads": [hold.workload for hold in holds]}


STRATEGY = Flagger()
