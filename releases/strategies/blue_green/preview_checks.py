"""The idle colour tried before it serves: smoke tests, health checks, and a person's look at the preview. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from environments.kube.objects import Ref
from portal.steps.operations import Operation
from portal.steps.step import Notes, undone
from portal.steps.verdicts import Ask, Done, Fail, Judgement, Wait
from releases.engine.facts import View
from releases.strategies.blue_green.deploy import ColourStep
from releases.strategies.blue_green.operations import CountEndpoints, Probe
from releases.strategies.blue_green.workloads import ColouredWorkload
from releases.strategies.shared.waves import parameter

CHECKS = 10
CHECK_SECONDS = 2.0
ENDPOINT_PAUSE = 0.5
NO_ENDPOINTS_SECONDS = 60.0


def count_now(view: View, service: Ref, pause: float = ENDPOINT_PAUSE) -> tuple[Operation, ...]:
    """A count of a Service's endpoints where the last one is longer ago than the pause."""
    last = view.slot("endpoints").get(service.key)
    due = last is None or view.facts.now >= last["at"] + pause
    return (CountEndpoints(service, view.facts.now),) if due else ()


def endpoints(view: View, service: Ref) -> Mapping[str, int]:
    """Ready endpoints by track, as they were counted last."""
    found: Mapping[str, int] = view.slot("endpoints").get(service.key, {}).get("ready", {})
    return found


def probe(service: Ref, name: str, asked: Mapping[str, Any], at: float) -> Probe:
    return Probe(service, name, asked["port"], asked["path"], at, asked.get("status", 0))


@dataclass(frozen=True)
class ChecksStep(ColourStep):
    """Smoke tests through the preview, then health checks one after the other; any that fails fails the step."""

    kind: ClassVar[str] = "colour-checks"

    def operations(self, view: View) -> tuple[Operation, ...]:
        if view.fully:
            return ()
        return tuple(operation for entry in self.coloured(view) for operation in self._next(view, entry))

    def verdict(self, view: View) -> Judgement:
        entries = self.coloured(view)
        if view.fully:
            return Done("not checked, since somebody said so")
        if failed := [words for entry in entries if (words := _failed(view, entry))]:
            return Fail("; ".join(failed))
        if unreached := [e for e in entries if not endpoints(view, e.naming.preview)]:
            return self._unreached(view, unreached)
        if all(self._is_done(view, entry) for entry in entries):
            return Done("; ".join(self._words(view, entry) for entry in entries))
        return Wait("; ".join(self._words(view, entry) for entry in entries), self._pause(view))

    def _unreached(self, view: View, entries: list[ColouredWorkload]) -> Judgement:
        words = ", ".join(entry.naming.preview.name for entry in entries)
        if view.spent >= NO_ENDPOINTS_SECONDS:
            return Fail(f"no pod is ready behind {words} after {NO_ENDPOINTS_SECONDS:.0f} s")
        return Wait(f"no pod is ready behind {words} yet", ENDPOINT_PAUSE)

    def _next(self, view: View, entry: ColouredWorkload) -> tuple[Operation, ...]:
        if not endpoints(view, entry.naming.preview):
            return count_now(view, entry.naming.preview)
        if _failed(view, entry):
            return ()
        if tests := undone(view, _tests(view, entry)):
            return tests
        number = _passed(view, entry)
        due = view.facts.now >= _last(view, entry) + self._pause(view)
        return (_health(view, entry, number),) if due and not self._is_done(view, entry) else ()

    def _is_done(self, view: View, entry: ColouredWorkload) -> bool:
        tested = not undone(view, _tests(view, entry))
        return tested and (not entry.health or _passed(view, entry) >= self._count(view))

    def _words(self, view: View, entry: ColouredWorkload) -> str:
        smoke = f"{len(entry.tests)} smoke tests passed, " if entry.tests else ""
        if not entry.health:
            return f"{entry.idle.name}: {smoke}it has no health to ask for by HTTP"
        return f"{entry.idle.name}: {smoke}{_passed(view, entry)} of {self._count(view)} health checks passed"

    def _count(self, view: View) -> int:
        return int(parameter(view, "checks", CHECKS))

    def _pause(self, view: View) -> float:
        return parameter(view, "checkSeconds", CHECK_SECONDS)


def _tests(view: View, entry: ColouredWorkload) -> list[Operation]:
    return [
        Probe(
            entry.naming.preview,
            f"smoke test “{test['name']}”",
            test["port"],
            test["path"],
            view.facts.now,
            test["status"],
            test["contains"],
            test["timeout"],
        )
        for test in entry.tests
    ]


def _health(view: View, entry: ColouredWorkload, number: int) -> Probe:
    return probe(entry.naming.preview, f"health check {number + 1}", entry.health, view.facts.now)


def _probed(view: View, entry: ColouredWorkload) -> dict[str, Mapping[str, Any]]:
    start = f"{entry.naming.preview.name} "
    return {key.removeprefix(start): found for key, found in view.slot("probed").items() if key.startswith(start)}


def _passed(view: View, entry: ColouredWorkload) -> int:
    return sum(found["ok"] for name, found in _probed(view, entry).items() if name.startswith("health check"))


def _last(view: View, entry: ColouredWorkload) -> float:
    times = [found["at"] for name, found in _probed(view, entry).items() if name.startswith("health check")]
    return max(times, default=0.0)


def _failed(view: View, entry: ColouredWorkload) -> str:
    failed = [f"{name} {found['why']}" for name, found in _probed(view, entry).items() if not found["ok"]]
    return f"{entry.idle.name}: {', '.join(failed)}" if failed else ""


@dataclass(frozen=True)
class LookStep(ColourStep):
    """A person looks at the preview and says that it goes on."""

    kind: ClassVar[str] = "colour-look"

    def remember(self, view: View) -> Notes:
        content = bool(view.memory.get("content") or view.answered)
        return Notes({**view.memory, "content": content}, view.kept)

    def operations(self, view: View) -> tuple[Operation, ...]:  # noqa: ARG002
        return ()

    def verdict(self, view: View) -> Judgement:
        if view.promoted or view.memory["content"]:
            return Done("somebody has looked at it")
        previews = ", ".join(f"{entry.naming.preview.name}" for entry in self.coloured(view))
        return Ask(f"The new version waits behind {previews} for a person to look at it.")
