"""The last step: everything is read back, and has to stay as it should be for a while. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from environments.kube.apply.diff import pod_template
from environments.kube.apply.ownership import written_since
from environments.kube.apply.reconcilers import reconcilers
from environments.kube.status.health import health
from portal.steps.operations import Operation
from portal.steps.state import Memory
from portal.steps.step import Notes, undone
from portal.steps.verdicts import Done, Fail, Judgement, Wait
from releases.engine.facts import Target, View
from releases.engine.operations import CountRestarts, Read, RecountRestarts
from releases.engine.steps import RolloutStep, read_due
from releases.states import Phase
from releases.strategies.shared.waves import (
    due_in,
    failure,
    is_workload,
    judge_all,
    looks,
    mark_progress,
    parameter,
    reads,
    waiting,
)

UNPROBED_SECONDS = 10.0  # that a workload has to stay up whose containers cannot say that they are ready
NOTE_GRACE = 30.0  # seconds that an object that came with the plan may take to be in order before it is only noted
# Kinds with nothing to say about their health once they are stored.
INERT = frozenset({
    "ClusterRole", "ClusterRoleBinding", "ConfigMap", "CronJob", "CustomResourceDefinition", "EndpointSlice",
    "Endpoints", "IngressClass", "LimitRange", "Namespace", "NetworkPolicy", "PersistentVolume", "PriorityClass",
    "ResourceQuota", "Role", "RoleBinding", "Secret", "ServiceAccount", "StorageClass",
})  # fmt: skip
HOLDING = frozenset({"Ingress", "Service", "PodDisruptionBudget", "PersistentVolumeClaim"})


@dataclass(frozen=True)
class VerifyStep(RolloutStep):
    """Workloads up for a while, and what stands beside them in order, or noted.

    The while is `stableSeconds`; without it none where every container has a readiness probe, else ten seconds, in
    which no container may be restarted. A plan that changes nothing waits for health alone.
    """

    kind: ClassVar[str] = "verify"
    phase: ClassVar[str] = Phase.VERIFYING
    phase_why: ClassVar[str] = "Everything is applied; reading it back."

    def remember(self, view: View) -> Notes:
        return Notes(self._remembered(view), view.kept)

    def _remembered(self, view: View) -> Memory:
        judged = judge_all(view, self.targets(view))
        memory = mark_progress(view, judged)
        if not all(verdict.state == "done" for _, verdict in judged):
            return {**memory, "up_since": None, "restarts": {}, "recounted": {}}
        if _restarted(view):
            return {**memory, "up_since": view.facts.now, "restarts": memory["recounted"], "recounted": {}}
        return {**memory, "up_since": memory.get("up_since") or view.facts.now}

    def operations(self, view: View) -> tuple[Operation, ...]:
        judged = judge_all(view, self.targets(view))
        beside = tuple(Read(t.ref) for t in self._beside(view) if self._note(view, t) and read_due(view, t))
        return (*beside, *reads(view, judged), *looks(view, judged), *self._counts(view))

    def verdict(self, view: View) -> Judgement:
        judged = judge_all(view, self.targets(view))
        if words := failure(view, judged):
            return Fail(words)
        most = view.facts.progress_seconds + self._steady(view)
        if view.spent >= most:
            return Fail(f"not stable after {most:.0f} s; {waiting(view, judged)}")
        if view.memory["up_since"] is None:
            return Wait(waiting(view, judged), due_in(view, judged))
        return self._up(view, len(judged))

    def _up(self, view: View, count: int) -> Judgement:
        if (left := self._left(view)) > 0:
            seconds = self._steady(view)
            return Wait(f"{count} of {count} ready; they have to stay so for {seconds:.0f} s", left)
        held = [note for t in self._beside(view) if _holds(view, t) and (note := self._note(view, t))]
        if held and view.spent < NOTE_GRACE:
            return Wait("; ".join(held), 2.0)
        notes = [note for t in self._beside(view) if (note := self._note(view, t))]
        again = [note for t in self.targets(view) if (note := _written_again(view, t))]
        ready = f"{count} of {count} workloads ready"
        return Done("; ".join([ready, *(f"to be looked at: {note}" for note in (*notes, *again))]))

    def _steady(self, view: View) -> float:
        if view.work.changes_nothing:
            return 0.0
        return parameter(view, "stableSeconds", UNPROBED_SECONDS if self._unprobed(view) else 0.0)

    def _left(self, view: View) -> float:
        return float(view.memory["up_since"]) + self._steady(view) - view.facts.now

    def _counts(self, view: View) -> tuple[Operation, ...]:
        """Restarts when the while begins and when it is over: a quick one shows in no status."""
        if view.memory["up_since"] is None or not self._steady(view):
            return ()
        unprobed = self._unprobed(view)
        if first := undone(view, [CountRestarts(target.ref) for target in unprobed]):
            return first
        return undone(view, [RecountRestarts(t.ref) for t in unprobed]) if self._left(view) <= 0 else ()

    def _unprobed(self, view: View) -> list[Target]:
        return [target for target in self.targets(view) if is_workload(target) and _is_unprobed(target)]

    def _beside(self, view: View) -> list[Target]:
        return [t for t in self.targets(view) if not is_workload(t) and t.ref.kind not in INERT and not _plain(t)]

    def _note(self, view: View, target: Target) -> str:
        """What is not in order with an object beside the workloads; "" where all is."""
        look = view.look(target.key)
        if look is None:
            return f"{target.ref.text}: not read back yet"
        if look.object is None:
            return f"{target.ref.text}: it is gone"
        verdict = health(look.object)
        return "" if verdict.state in ("done", "suspended") else f"{target.ref.text}: {verdict.why}"


def _written_again(view: View, target: Target) -> str:
    """Who has written to the object after this rollout, and how that is stopped; "" where nobody has."""
    look = view.look(target.key)
    live = dict(look.object) if look and look.object else {"metadata": {}}
    if not (who := written_since(live)):
        return ""
    stop = "; ".join(f"{each.name}: {each.stop}" for each in reconcilers(live))
    return f"{target.ref.text}: {', '.join(who)} has written it again{f' ({stop})' if stop else ''}"


def _restarted(view: View) -> bool:
    before, after = view.slot("restarts"), view.slot("recounted")
    return any(after[key]["count"] > before[key]["count"] for key in after if key in before)


def _is_unprobed(target: Target) -> bool:
    spec = target.manifest.get("spec") or {}
    if target.ref.kind == "Job" or spec.get("minReadySeconds"):
        return False
    return any("readinessProbe" not in container for container in _containers(target))


def _containers(target: Target) -> Iterable[Any]:
    template = pod_template(dict(target.manifest)) or {}
    return (template.get("spec") or {}).get("containers") or ()


def _holds(view: View, target: Target) -> bool:
    """Whether a success waits for it: what this plan brought is part of it, what was there may have been so before."""
    return target.ref.kind in HOLDING and target.key in view.work.created


def _plain(target: Target) -> bool:
    """A Service without a load balancer has nothing to wait for."""
    return target.ref.kind == "Service" and (target.manifest.get("spec") or {}).get("type") != "LoadBalancer"
