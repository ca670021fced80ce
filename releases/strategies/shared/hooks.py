"""Hooks as steps: before the rest, with its waves, and after it, whatever the strategy. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import ClassVar

from environments.kube.apply.prune import NEVER_PRUNED
from environments.manifests.hooks import AFTER, BEFORE, BETWEEN, FAILED, SUCCEEDED
from environments.manifests.order import DEFAULT_WAVE
from portal.steps.operations import Operation
from portal.steps.step import undone
from portal.steps.verdicts import Fail, Judgement
from releases.engine.facts import Target, View, Work
from releases.engine.operations import Finish, Prune
from releases.engine.steps import RolloutStep, all_done
from releases.strategies.shared.parts import indices, names
from releases.strategies.shared.waves import WaveStep, is_workload

AHEAD = frozenset({"confirm", "adopt", "namespaces"})
LABEL = 200
WORDS = {BEFORE: "before", BETWEEN: "between", AFTER: "after"}


@dataclass(frozen=True)
class HookStep(WaveStep):
    """Makes hooks anew and waits until what runs has succeeded. `settings`: {"earlier": [index, …]} of its phase."""

    kind: ClassVar[str] = "hook"

    def has_run(self, view: View, target: Target) -> bool:
        """In this very step: a hook may have run before as well."""
        return target.key in view.slot(Finish.slot) and super().has_run(view, target)

    def operations(self, view: View) -> tuple[Operation, ...]:
        return super().operations(view) or (self._cleaning(view) if self._failure(view) else ())

    def verdict(self, view: View) -> Judgement:
        return self._failure(view) or super().verdict(view)

    def _failure(self, view: View) -> Fail | None:
        found = super().verdict(view)
        return found if isinstance(found, Fail) else None

    def _cleaning(self, view: View) -> tuple[Operation, ...]:
        """Of what failed, and of what had succeeded before it, whatever asks for that."""
        earlier = [view.work.targets[index] for index in self.settings.get("earlier", ())]
        return undone(view, [*_removals(self.targets(view), FAILED), *_removals(earlier, SUCCEEDED)])


@dataclass(frozen=True)
class HooksDoneStep(RolloutStep):
    """Deletes the hooks of a phase that ask for it once all have succeeded, the last first."""

    kind: ClassVar[str] = "hooks-done"

    def operations(self, view: View) -> tuple[Operation, ...]:
        return undone(view, _removals(self.targets(view), SUCCEEDED))

    def verdict(self, view: View) -> Judgement:
        return all_done(view, _removals(self.targets(view), SUCCEEDED), f"{len(self.objects)} removed")


def with_hooks(work: Work, steps: Sequence[RolloutStep]) -> tuple[RolloutStep, ...]:
    """The steps of a way forward with those of the plan's hooks."""
    if not any(target.hook for target in work.targets):
        return tuple(steps)
    ahead = next((number for number, step in enumerate(steps) if step.kind not in AHEAD), len(steps))
    last = next((number for number, step in enumerate(steps) if step.kind == "verify"), len(steps))
    between = _between(work, steps[ahead:last])
    return (*steps[:ahead], *_phase(work, BEFORE), *between, *_phase(work, AFTER), *steps[last:])


def _between(work: Work, steps: Sequence[RolloutStep]) -> Iterator[RolloutStep]:
    """Those of a sync wave come once the workloads of that wave are up, before those of a later one."""
    left = _of(work, BETWEEN)
    for step in steps:
        wave = max((work.targets[i].wave for i in step.objects if work.targets[i].stage == "workloads"), default=-1)
        due = [target for target in left if wave > _wave(target)]
        yield from _steps(due, BETWEEN)
        left = [target for target in left if target not in due]
        yield step
    yield from _steps(left, BETWEEN)


def _wave(target: Target) -> int:
    return DEFAULT_WAVE + (target.hook.order if target.hook else 0)


def _phase(work: Work, phase: str) -> tuple[RolloutStep, ...]:
    return tuple(_steps(_of(work, phase), phase))


def _of(work: Work, phase: str) -> list[Target]:
    """In their order, which is that of the plan's objects."""
    return [target for target in work.targets if target.hook and phase in target.hook.phases]


def _steps(targets: Sequence[Target], phase: str) -> Iterator[RolloutStep]:
    """What runs has a step of its own; what is only stored goes with its neighbours."""
    earlier: list[Target] = []
    for runs, group in groupby(targets, is_workload):
        for together in [[target] for target in group] if runs else [list(group)]:
            label = f"Hook {WORDS[phase]}: {names(together)}"[:LABEL]
            settings = {"earlier": list(indices(earlier))} if earlier else {}
            yield HookStep(label, indices(together), settings)
            earlier += together
    if going := [target for target in targets if _asks(target, SUCCEEDED)]:
        yield HooksDoneStep(f"Remove {names(going)}"[:LABEL], indices(going))


def _removals(targets: Iterable[Target], when: str) -> tuple[Operation, ...]:
    return tuple(Prune(target.ref, "") for target in reversed([*targets]) if _asks(target, when))


def _asks(target: Target, when: str) -> bool:
    return target.hook is not None and when in target.hook.delete and target.ref.kind not in NEVER_PRUNED
