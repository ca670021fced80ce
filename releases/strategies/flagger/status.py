"""What Flagger says of a Canary, and what follows from it. Pure."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from environments.kube.names import CONFIG_DIGEST
from environments.kube.objects import Manifest
from environments.kube.status.workload import workload_status
from releases.analysis.metrics import LATENCY, SUCCESS
from releases.analysis.samples import Point

UNDER_WAY = frozenset({"Waiting", "Progressing", "WaitingPromotion", "Promoting", "Finalising"})
BEGINNING = frozenset({"", "Initializing", "Terminating", "Terminated"})
KEPT_EVENTS = 8
NOTICED = "New revision detected!"
HALTED = "Halt "
HALT = re.compile(r"^Halt |failed|not ready|error", re.IGNORECASE)
PODS = ("name", "image", "command", "args", "ports", "resources", "livenessProbe", "readinessProbe", "startupProbe")
FOUND = re.compile(r"^Halt \S+ advancement (.+?) ([\d.]+)(%|[a-zµ]+)? ([<>]) ([\d.]+)(?:%|[a-zµ]+)?$")
MISSING = re.compile(r"^Halt advancement no values found for (?:\S+ )*?metric:? ?([\w-]+)")
NAMES = {
    "success rate": SUCCESS,
    "request duration": LATENCY,
    "request-success-rate": SUCCESS,
    "request-duration": LATENCY,
}
MILLISECONDS = {"s": 1000.0, "m": 60_000.0}
EXPLAINED = {
    "Waiting": "Flagger waits for a confirmation of one of its webhooks",
    "WaitingPromotion": "Flagger waits for a confirmation of one of its webhooks before it promotes",
    "Promoting": "the primary gets the new version",
    "Finalising": "all requests are on the primary again, the target is being scaled down",
}


@dataclass(frozen=True)
class Sight:
    """One look. `applied` and `promoted` are Flagger's hashes of the target's template: looked at, and serving.

    `same`: whether the primary's pods are as the target's. `size` and `generation` are the target's. `primary` is how
    far the primary is: "done", "wait" or "fail", or "gone", with its words. `events`: Flagger's words, newest first.
    """

    phase: str = ""
    weight: int = 0
    failed: int = 0
    iterations: int = 0
    threshold: int = 1
    total: int = 0
    applied: str = ""
    promoted: str = ""
    message: str = ""
    suspended: bool = False
    same: bool = False
    size: int = 0
    generation: int = 0
    primary: str = "gone"
    primary_why: str = ""
    events: tuple[str, ...] = field(default=())
    at: float = 0.0

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Sight":
        """What to_json gave, with the time of the look."""
        known = {name: value for name, value in data.items() if name in cls.__dataclass_fields__}
        return cls(**{**known, "events": tuple(data.get("events", ()))})

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "events": list(self.events)}

    @property
    def under_way(self) -> bool:
        return self.phase in UNDER_WAY

    @property
    def settled(self) -> bool:
        return not self.under_way and self.phase not in BEGINNING

    @property
    def halts(self) -> tuple[str, ...]:
        """What Flagger's checks found fault with."""
        return tuple(dict.fromkeys(words for words in self.events if words.startswith(HALTED)))

    @property
    def trouble(self) -> str:
        """The last of Flagger's words, where they say what holds it up."""
        newest = next(iter(self.events), "")
        return newest if HALT.search(newest) else ""


def sight_of(
    canary: Manifest | None, target: Manifest | None, primary: Manifest | None, events: Iterable[Manifest]
) -> Sight:
    """What there is to see; the default where there is no Canary."""
    if canary is None:
        return Sight()
    status, spec = canary.get("status") or {}, canary["spec"]
    analysis = spec.get("analysis") or {}
    verdict = workload_status(primary) if primary else None
    condition: Mapping[str, Any] = next(iter(status.get("conditions") or ()), {})
    return Sight(
        phase=str(status.get("phase") or ""),
        weight=int(status.get("canaryWeight") or 0),
        failed=int(status.get("failedChecks") or 0),
        iterations=int(status.get("iterations") or 0),
        threshold=max(1, int(analysis.get("threshold") or 0)),
        total=int(analysis.get("iterations") or 0),
        applied=str(status.get("lastAppliedSpec") or ""),
        promoted=str(status.get("lastPromotedSpec") or ""),
        message=str(condition.get("message") or ""),
        suspended=bool(spec.get("suspend")),
        same=bool(target and primary and _pods(target) == _pods(primary)),
        size=int((target or {}).get("spec", {}).get("replicas") or 0),
        generation=int((target or {}).get("metadata", {}).get("generation") or 0),
        primary=verdict.state if verdict else "gone",
        primary_why=verdict.why if verdict else "there is no primary yet",
        events=tuple(_newest(events)),
    )


def _newest(events: Iterable[Manifest]) -> list[str]:
    """Flagger's words, but those about an earlier revision."""
    words = [str(each.get("message") or "").strip() for each in sorted(events, key=_when, reverse=True)]
    begin = next((at for at, said in enumerate(words) if said.startswith(NOTICED)), len(words) - 1)
    return words[: begin + 1][:KEPT_EVENTS]


def _when(event: Manifest) -> tuple[str, int]:
    stamp = event.get("lastTimestamp") or event.get("eventTime") or event.get("firstTimestamp") or ""
    version = str(event["metadata"].get("resourceVersion") or "0")
    return str(stamp), int(version) if version.isdigit() else 0


def _pods(deployment: Manifest) -> str:
    """What of a pod template tells versions apart: Flagger renames labels and configuration in the primary's."""
    template = deployment["spec"]["template"]
    digest = (template.get("metadata", {}).get("annotations") or {}).get(CONFIG_DIGEST, "")
    spec = template["spec"]
    containers = [
        {**{name: each[name] for name in PODS if name in each}, "env": _plain(each)}
        for each in (*spec.get("initContainers", ()), *spec["containers"])
    ]
    return json.dumps([digest, containers], sort_keys=True)


def _plain(container: Mapping[str, Any]) -> list[Any]:
    return [each for each in container.get("env") or () if "valueFrom" not in each]


Outcome = Literal["begins", "goes", "done", "failed"]


def outcome(before: Sight, now: Sight) -> Outcome:
    """What became of a new template, `before` which Flagger was seen so; "begins": it has not noticed it yet."""
    if now.under_way or now.phase in BEGINNING:
        return "goes"
    if (now.applied, now.phase) == (before.applied, before.phase):
        return "begins"
    if now.phase == "Failed" and now.applied != now.promoted:
        return "failed"
    return "done" if now.applied == now.promoted and now.same and now.primary == "done" else "goes"


def returned(stray: str, now: Sight) -> bool:
    """Whether the old template serves alone again. `stray`: Flagger's hash of the one that was taken away, or "".

    Until Flagger has looked at the old template it may still find a change in it, or in the configuration beside it.
    """
    if not now.settled or not now.same or now.primary != "done" or now.applied == stray:
        return False
    return now.phase == "Failed" or now.applied == now.promoted


def measured(now: Sight, workload: str) -> Point | None:
    """What Flagger's last failed check had measured, where its words tell."""
    words = next(iter(now.halts), "")
    if found := FOUND.match(words):
        name, value, unit, sign, limit = found.groups()
        number, bound = float(value) * MILLISECONDS.get(unit or "", 1.0), float(limit)
        low, high = (bound, None) if sign == "<" else (None, bound * MILLISECONDS.get(_unit(words), 1.0))
        return Point(NAMES.get(name, name), workload, now.at, number, None, low, high, None, "fail", words)
    if missing := MISSING.match(words):
        name = NAMES.get(missing[1], missing[1])
        return Point(name, workload, now.at, None, None, None, None, None, "inconclusive", words)
    return None


def _unit(words: str) -> str:
    """The unit of the limit at the end of what Flagger said."""
    return words.rstrip()[len(words.rstrip().rstrip("abcdefghijklmnopqrstuvwxyzµ")) :]


def told(now: Sight) -> str:
    """ "Progressing: 20 % to the new version, 1 of 5 failed checks; Halt …"."""
    share = f"iteration {now.iterations} of {now.total}" if now.total else f"{now.weight} % to the new version"
    counted = f"{now.failed} of {now.threshold} failed checks"
    parts = [EXPLAINED[now.phase]] if now.phase in EXPLAINED else [f"{share}, {counted}"]
    if now.suspended:
        parts.append("it is suspended")
    if words := next(iter(now.events), ""):
        parts.append(words)
    return f"{now.phase or 'Not looked at by Flagger yet'}: {'; '.join(parts)}"
