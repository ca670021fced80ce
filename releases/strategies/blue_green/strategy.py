"""Blue-green: the new version beside the old one, tried, given every request at once, and taken back as fast."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any, ClassVar

from environments.kube.objects import Manifest, Ref
from environments.kube.traffic import names
from releases.analysis.metrics import read_metrics
from releases.engine.facts import Target, Work
from releases.engine.steps import AfterStep, ConfirmStep, RolloutStep
from releases.plan.objects import Wanted
from releases.strategies.base import Arrangement, Arranging, Parameter, Strategy, TrafficEntry
from releases.strategies.blue_green.arrange import arrange
from releases.strategies.blue_green.colours import as_large, plain
from releases.strategies.blue_green.deploy import DeployStep, DrainStep, GoneStep, HoldStep, SettleStep, drained
from releases.strategies.blue_green.preview_checks import ChecksStep, LookStep
from releases.strategies.blue_green.soak import SoakStep
from releases.strategies.blue_green.switch import SwitchStep
from releases.strategies.blue_green.switch_back import SwitchBackStep
from releases.strategies.blue_green.watch_traffic import KeepStep
from releases.strategies.blue_green.workloads import ColouredWorkload, coloured_of
from releases.strategies.shared import parts, rolled

DRAIN_SECONDS = 30.0
DRAIN_BACK = 5.0
LABEL = 200


def _checked_metrics(value: list[Any]) -> list[Any]:
    read_metrics(value)
    return value


def _address(value: str) -> str:
    if not value.startswith(("https://", "http://")):
        raise ValueError("it has to be an address that starts with https:// or http://.")
    return value


class BlueGreen(Strategy):
    name: ClassVar[str] = "blue-green"
    title: ClassVar[str] = "Blue-green"
    entry: ClassVar[type[TrafficEntry]] = ColouredWorkload
    suits: ClassVar[Mapping[str, str]] = {
        "schema": "the migration can be checked before requests come.",
        "major": "it is checked whole, and back in seconds.",
    }
    looks_at: ClassVar[tuple[tuple[str, str, str], ...]] = (
        ("discovery.k8s.io", "endpointslices", "list"),
        ("", "services/proxy", "get"),
        ("", "resourcequotas", "list"),
    )
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter("workloads", "names", "Which workloads have two colours; empty: all that a Service leads to."),
        Parameter(
            "router",
            "choice",
            "What is switched; empty: what slipway.yaml says, else the selector of the Service.",
            choices=names(),
        ),
        Parameter("readySeconds", "seconds", "How long the new colour may take to be ready.", 300),
        Parameter("checks", "count", "Health checks through the preview before the switch.", 10),
        Parameter("checkSeconds", "seconds", "Seconds between two health checks.", 2),
        Parameter("pause", "flag", "Whether a person looks at the preview before the switch.", False),
        Parameter(
            "publicUrl",
            "text",
            "An address that has to answer after the switch, as the public calls it.",
            further=_address,
        ),
        Parameter("soakSeconds", "seconds", "How long the new colour is looked after before the old one goes.", 300),
        Parameter(
            "metrics",
            "list",
            "What is measured in the soak; empty: success rate and latency.",
            further=_checked_metrics,
        ),
        Parameter("drainSeconds", "seconds", "How long the old colour is kept at least after the switch.", 30),
        Parameter("checkCapacity", "flag", "Whether nodes and quotas must have room for both colours.", True),
        Parameter("fatalGraceSeconds", "seconds", "How long a pod that cannot come up may take to heal.", 30),
        Parameter("stableSeconds", "seconds", "How long all has to stay up at the end; empty: as with rolling."),
    )

    def tune(self, manifest: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        return deepcopy(dict(manifest))

    def arrange(self, given: Arranging) -> Arrangement:
        return arrange(given)

    def steps(self, work: Work) -> tuple[RolloutStep, ...]:
        entries = coloured_of(work)
        if not entries:
            return rolled.forward(work)
        return (
            ConfirmStep("Check that the plan still holds"),
            *parts.adopted(work),
            HoldStep(_cut(f"Hold requests on {_and(entry.live.name for entry in entries)}")),
            *_there(work, entries),
            *_waves(work, entries),
            *_late(work, entries),
            KeepStep(
                "Keep the old version until nobody asks it",
                settings={"moved": "switched", "seconds": _drain_seconds(work)},
            ),
            *_after(work, entries),
            *_settled(entries),
            *parts.removed(work),
            *parts.ending(work),
        )

    def back(self, work: Work) -> tuple[RolloutStep, ...]:
        entries = coloured_of(work)
        if not entries:
            return rolled.back(work)
        return (
            SwitchBackStep(_cut(f"Requests back to {_and(e.live.name for e in entries)}"), _needed(work, entries)),
            *parts.adopted(work),
            *_there(work, entries),
            *(step for number, targets in parts.waves(work) for step in parts.wave(work, number, targets)),
            *_late(work, entries),
            *parts.after(work),
            _drained("Keep the new version until nobody asks it", "returned", DRAIN_BACK),
            *parts.removed(work),
            GoneStep(_cut(f"Wait until {_and(entry.idle.name for entry in entries)} is gone")),
            *parts.services(_held(work, entries), "Services as they were"),
            *parts.ending(work, returning=True),
        )

    def as_bundled(self, objects: tuple[Wanted, ...], traffic: Sequence[Mapping[str, Any]]) -> tuple[Wanted, ...]:
        return plain(objects, traffic)

    def sized(
        self,
        objects: tuple[Wanted, ...],
        traffic: Sequence[Mapping[str, Any]],
        live: Callable[[Ref], Manifest | None],
    ) -> tuple[Wanted, ...]:
        return as_large(objects, traffic, live)

    def drained(self, work: Work) -> tuple[RolloutStep, ...]:
        return drained(work)


def _there(work: Work, entries: Sequence[ColouredWorkload]) -> tuple[RolloutStep, ...]:
    held = _held(work, entries)
    early = [target for target in parts.early_services(work) if target not in held]
    own = [target for entry in entries for target in parts.at_stage(work, "services") if target.ref in _new(entry)]
    return (*parts.configured(work), *parts.services([*early, *own]))


def _late(work: Work, entries: Sequence[ColouredWorkload]) -> tuple[RolloutStep, ...]:
    """Services that lead to one side of a workload that is rolled here."""
    apart = [*_held(work, entries), *(target for e in entries for target in work.targets if target.ref in _new(e))]
    left = [target for target in parts.late_services(work) if target not in apart]
    return parts.services(left, "Services of one side")


def _new(entry: ColouredWorkload) -> tuple[Ref, Ref]:
    """The Services that come with the new colour."""
    return entry.naming.preview, entry.naming.own


def _held(work: Work, entries: Iterable[ColouredWorkload]) -> list[Target]:
    """The Services whose selectors say which colour serves: never written while that is not the one of the plan."""
    namings = [entry.naming for entry in entries]
    return [target for target in work.targets if any(naming.is_service(target.ref) for naming in namings)]


def _follows(work: Work, entry: ColouredWorkload) -> list[Target]:
    """What is applied with the switch: the Services themselves, and what scales and guards the new colour."""
    renamed = {ref.key for ref, _ in entry.naming.renamed} - {entry.idle.key}
    held = _held(work, [entry])
    return [target for target in work.targets if target in held or target.key in renamed]


def _after(work: Work, entries: Iterable[ColouredWorkload]) -> tuple[RolloutStep, ...]:
    followed = [target for entry in entries for target in _follows(work, entry)]
    left = [target for target in parts.at_stage(work, "after") if target not in followed]
    return (AfterStep(parts.AFTER, parts.indices(left)),) if left else ()


def _needed(work: Work, entries: Sequence[ColouredWorkload]) -> tuple[int, ...]:
    """What pods that are gone need before they can come back."""
    held = _held(work, entries)
    found = [target for target in work.targets if target.stage in ("definitions", "configuration", "services")]
    return parts.indices([target for target in found if target not in held])


def _waves(work: Work, entries: Sequence[ColouredWorkload]) -> Iterable[RolloutStep]:
    idle = {entry.idle.key for entry in entries}
    for number, targets in parts.waves(work):
        yield from parts.wave(work, number, [target for target in targets if target.key not in idle])
        if moved := [entry for entry in entries if entry.wave == number]:
            yield from _moved(work, moved)


def _moved(work: Work, entries: Sequence[ColouredWorkload]) -> Iterable[RolloutStep]:
    about = {"workloads": [entry.workload for entry in entries]}
    idle, live = _and(entry.idle.name for entry in entries), _and(entry.live.name for entry in entries)
    keys = {entry.idle.key for entry in entries}
    deployments = parts.indices([target for target in work.targets if target.key in keys])
    follows = parts.indices([target for entry in entries for target in _follows(work, entry)])
    metrics = list({metric["name"]: metric for entry in entries for metric in entry.metrics}.values())
    yield DeployStep(_cut(f"Deploy {idle} beside {live}"), deployments, about)
    yield ChecksStep(_cut(f"Try {idle} through its preview"), (), about)
    if work.parameters.get("pause"):
        yield LookStep("A person looks at the preview", (), about)
    yield SwitchStep(_cut(f"Switch requests to {idle}"), follows, about)
    yield SoakStep(_cut(f"Look after {idle} under all requests"), deployments, {**about, "metrics": metrics})


def _drained(label: str, moved: str, seconds: float) -> RolloutStep:
    return DrainStep(label, settings={"moved": moved, "seconds": seconds})


def _drain_seconds(work: Work) -> float:
    return float(work.parameters.get("drainSeconds", DRAIN_SECONDS))


def _settled(entries: Sequence[ColouredWorkload]) -> tuple[RolloutStep, ...]:
    own = [entry.workload for entry in entries if not entry.scaled]
    return (SettleStep(_cut(f"Size of {_and(own)}"), (), {"workloads": own}),) if own else ()


def _and(several: Iterable[str]) -> str:
    names = list(several)
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)


def _cut(label: str) -> str:
    return label if len(label) <= LABEL else f"{label[: LABEL - 1]}…"


STRATEGY = BlueGreen()
