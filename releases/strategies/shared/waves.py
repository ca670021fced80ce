"""Waiting for workloads: how far they are, when to look closer, and the step of a wave. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from environments.kube.status.verdict import Verdict
from environments.kube.status.workload import workload_status
from portal.steps.operations import Operation
from portal.steps.state import Memory
from portal.steps.step import Notes, undone
from portal.steps.verdicts import HEARTBEAT, Done, Fail, Judgement, Wait
from releases.engine.facts import WATCHED, Target, View
from releases.engine.operations import Diagnose, Finish, Read
from releases.engine.steps import ApplyStep, read_due

LOOK_PAUSES = (3.0, 6.0, 12.0, 30.0, 120.0, 300.0)  # seconds without progress before each look at a workload's pods
FIRST_LOOK_AT_MEMBERS = 1.0  # a StatefulSet may stand on a pod that was broken before
WITHOUT_WATCH = (2.0,)
UNSEEN_SECONDS = 2.0  # after which an applied object that no watch told of is read
FATAL_GRACE = 30.0


class Judged(NamedTuple):
    target: Target
    verdict: Verdict


def parameter(view: View, name: str, default: float) -> float:
    """A number of the strategy's parameters."""
    value = view.work.parameters.get(name)
    return default if value is None else float(value)


def is_workload(target: Target) -> bool:
    if target.ref.kind == "Pod" and not target.ref.group:
        return target.hook is not None
    return target.ref.kind in WATCHED and target.ref.group in ("apps", "batch")


def endings(view: View, judged: Sequence[Judged]) -> tuple[Operation, ...]:
    """What has run to its end and is not noted yet; what failed is looked at before, while its pods are there."""
    ended = [
        Finish(target.ref, target.index, verdict.state, verdict.why)
        for target, verdict in judged
        if target.ref.kind in ("Job", "Pod") and target.key in view.written and not has_ended(view, target)
        if verdict.state == "done" or (verdict.state == "fail" and _explained(view, target))
    ]
    return undone(view, ended)


def has_ended(view: View, target: Target) -> bool:
    """Whether it is on record how it ended: it may be gone by now."""
    return "ended" in view.written.get(target.key, {})


def _explained(view: View, target: Target) -> bool:
    return target.key in view.slot("looked") or not _present(view, target)


def judge(view: View, target: Target) -> Verdict:
    """How far a workload is since this rollout wrote it."""
    written, look = view.written.get(target.key, {}), view.look(target.key)
    if ended := written.get("ended"):
        return Verdict(ended["state"], ended["why"])
    if look is None:
        return Verdict("wait", "the cluster has not told of it yet")
    if look.object is None:
        return _gone(view, target)
    if written.get("uid", look.uid) != look.uid:
        return Verdict("wait", "the last look was at an object that has been replaced")
    return _as_wanted(target, workload_status(look.object, generation=int(written.get("generation", 0))), look.object)


def _as_wanted(target: Target, verdict: Verdict, found: Mapping[str, Any]) -> Verdict:
    """A Job that the bundle itself suspends is as it should be; a hook's Pod has to run to its end."""
    if target.ref.kind == "Pod" and verdict.state == "done" and found.get("status", {}).get("phase") != "Succeeded":
        return verdict._replace(state="wait", why="the pod runs")
    if verdict.state == "suspended" and target.ref.kind == "Job" and target.manifest["spec"].get("suspend"):
        return verdict._replace(state="done", why="the job is suspended, as the bundle has it")
    return verdict


def _gone(view: View, target: Target) -> Verdict:
    # A watch says "deleted" of an object that only lost our label: believe a read alone.
    read = view.read(target.key)
    if read is not None and read["object"] is None:
        return Verdict("fail", "somebody has deleted it")
    return Verdict("wait", "the watch says that it was deleted; reading it")


def judge_all(view: View, targets: Sequence[Target]) -> list[Judged]:
    return [Judged(target, judge(view, target)) for target in targets if is_workload(target)]


def mark_progress(view: View, judged: Sequence[Judged]) -> Memory:
    """The memory with the time at which each workload last came on; a workload that came on is a new case.

    Only what is more than ever before is progress: a container that starts and crashes, over and over, has none.
    """
    progress, looked = dict(view.slot("progress")), dict(view.slot("looked"))
    for target, verdict in judged:
        if has_ended(view, target):
            continue
        before = progress.get(target.key, {})
        aim, best = _aim(view, target, verdict), _best(verdict)
        if before.get("aim") == aim and all(now <= most for now, most in zip(best, before["best"], strict=True)):
            continue
        if before.get("aim") == aim:
            best = [max(pair) for pair in zip(best, before["best"], strict=True)]
        progress[target.key] = {"aim": aim, "best": best, "at": view.facts.now}
        looked.pop(target.key, None)
    return {**view.memory, "progress": progress, "looked": looked}


def _aim(view: View, target: Target, verdict: Verdict) -> list[int]:
    return [verdict.wanted, int(view.written.get(target.key, {}).get("generation", 0))]


def _best(verdict: Verdict) -> list[int]:
    return [int(verdict.state == "done"), verdict.ready, verdict.updated]


def next_look(view: View, target: Target) -> float:
    """When the pods of a workload that stands still are to be looked at, in seconds since the epoch."""
    looked = view.slot("looked").get(target.key)
    if looked is None:
        first = FIRST_LOOK_AT_MEMBERS if target.ref.kind == "StatefulSet" else LOOK_PAUSES[0]
        return float(view.slot("progress")[target.key]["at"]) + first
    regular = looked["at"] + LOOK_PAUSES[min(looked["count"], len(LOOK_PAUSES) - 1)]
    if not looked["fatal"]:
        return float(regular)
    grace = parameter(view, "fatalGraceSeconds", FATAL_GRACE)
    return float(min(regular, max(looked["fatal_since"] + grace, looked["at"] + 0.5)))


def looks(view: View, judged: Sequence[Judged]) -> tuple[Operation, ...]:
    """The pods to be looked at now: of what stands still, and of what has failed, once, to say why."""
    return tuple(Diagnose(target.ref) for target, verdict in judged if _look_now(view, target, verdict))


def _look_now(view: View, target: Target, verdict: Verdict) -> bool:
    if target.key not in view.written or has_ended(view, target):
        return False
    if verdict.state == "fail":
        return target.key not in view.slot("looked") and _present(view, target)
    return verdict.state == "wait" and (view.facts.now >= next_look(view, target) or _last_look(view, target))


def _last_look(view: View, target: Target) -> bool:
    """Before a step fails for its time, the reason is looked for once more."""
    looked = view.slot("looked").get(target.key)
    over = view.spent >= view.facts.progress_seconds
    return over and (looked is None or looked["at"] < view.facts.now - LOOK_PAUSES[0])


def _present(view: View, target: Target) -> bool:
    look = view.look(target.key)
    return look is not None and look.object is not None


def reads(view: View, judged: Sequence[Judged]) -> tuple[Operation, ...]:
    """What has to be read since no watch tells of it."""
    waiting = [target for target, verdict in judged if verdict.state == "wait" and target.key in view.written]
    return tuple(Read(target.ref) for target in waiting if _unwatched(view, target) and _read_now(view, target))


def _read_now(view: View, target: Target) -> bool:
    return read_due(view, target, WITHOUT_WATCH)


def _unwatched(view: View, target: Target) -> bool:
    if not view.facts.watching:
        return True
    row, written = view.told(target.key), view.written.get(target.key)
    if row and row.object is None:
        return True
    known = row is not None and (written is None or row.uid == written["uid"])
    since = written["at"] if written else view.facts.now
    return not known and bool(view.facts.now >= since + UNSEEN_SECONDS)


def failure(view: View, judged: Sequence[Judged]) -> str:
    """Why the step has failed, in the words of every workload that has; "" while it has not.

    What only misses a ConfigMap or Secret is waited for as long as another workload that comes up may make it.
    """
    others = any(verdict.state == "wait" and not missing(view, target) for target, verdict in judged)
    failed = [(t, words) for t, v in judged if (words := _failure(view, t, v)) and not (others and missing(view, t))]
    return "; ".join(f"{target.ref.name}: {words}" for target, words in failed)


def missing(view: View, target: Target) -> Sequence[str]:
    """The ConfigMaps and Secrets that a workload waits for and that are not there, where nothing else is wrong."""
    looked: Mapping[str, Any] = view.slot("looked").get(target.key) or {}
    return looked.get("missing") or ()


def _failure(view: View, target: Target, verdict: Verdict) -> str:
    looked = view.slot("looked").get(target.key) or {}
    if verdict.state == "fail":
        return _with_reason(verdict.why, looked)
    grace = parameter(view, "fatalGraceSeconds", FATAL_GRACE)
    confirmed = looked.get("fatal") and looked["at"] >= looked["fatal_since"] + grace
    return _with_reason(verdict.why, looked) if confirmed and verdict.state == "wait" else ""


def _with_reason(why: str, looked: Mapping[str, Any]) -> str:
    return f"{looked['summary']} ({why})" if looked.get("summary") else why


def waiting(view: View, judged: Sequence[Judged]) -> str:
    """ "3 of 5 ready: agent-service: 2 of 5 pods updated; …"."""
    done = sum(verdict.state == "done" for _, verdict in judged)
    parts = [
        f"{t.ref.name}: {_with_reason(v.why, view.slot('looked').get(t.key) or {})}{_person(t, v)}"
        for t, v in judged
        if v.state != "done"
    ]
    return f"{done} of {len(judged)} ready: {'; '.join(parts)}"


def _person(target: Target, verdict: Verdict) -> str:
    if verdict.state != "suspended":
        return ""
    if target.ref.kind == "Deployment":
        return f". It waits for a person: kubectl rollout resume deployment/{target.ref.name} -n {target.ref.namespace}"
    return ". It waits for a person"


def due_in(view: View, judged: Sequence[Judged]) -> float:
    """Seconds until the next thing that time alone brings."""
    times = [next_look(view, t) for t, v in judged if v.state == "wait" and t.key in view.written]
    if any(v.state == "wait" and _soon_read(view, t) for t, v in judged):
        times.append(view.facts.now + WITHOUT_WATCH[0])
    left = view.facts.progress_seconds - view.spent
    return max(0.05, min([HEARTBEAT, left + 0.05, *(time - view.facts.now for time in times)]))


def _soon_read(view: View, target: Target) -> bool:
    row, written = view.told(target.key), view.written.get(target.key)
    known = row is not None and row.object is not None and (written is None or row.uid == written["uid"])
    return not view.facts.watching or not known


@dataclass(frozen=True)
class WaveStep(ApplyStep):
    """Apply workloads side by side, then wait until every one of them is up.

    With `settings` {"followed": True} one that waits for a ConfigMap or Secret that is not there is not waited for:
    the wave that follows may make it, and the last step reads all of them back.
    """

    kind: ClassVar[str] = "wave"

    def remember(self, view: View) -> Notes:
        return Notes(mark_progress(view, judge_all(view, self.targets(view))), super().remember(view).kept)

    def operations(self, view: View) -> tuple[Operation, ...]:
        applies = super().operations(view)
        left = {each.key for each in applies}
        judged = judge_all(view, [target for target in self.targets(view) if target.key not in left])
        return (*applies, *reads(view, judged), *looks(view, judged), *endings(view, judged))

    def verdict(self, view: View) -> Judgement:
        judged = judge_all(view, self.targets(view))
        applied = super().verdict(view)
        if not isinstance(applied, Done):
            return applied
        if all(verdict.state == "done" for _, verdict in judged):
            return Done(self._done(judged))
        if self.settings.get("followed") and (words := self._left(view, judged)):
            return Done(words)
        if words := failure(view, judged):
            return Fail(words)
        if view.spent >= view.facts.progress_seconds:
            return Fail(f"not ready after {view.facts.progress_seconds:.0f} s; {waiting(view, judged)}")
        return Wait(waiting(view, judged), due_in(view, judged))

    def _left(self, view: View, judged: Sequence[Judged]) -> str:
        """What still waits for something to be made, where that is all that is left; else ""."""
        left = [target for target, verdict in judged if verdict.state != "done"]
        if not all(missing(view, target) for target in left):
            return ""
        words = (f"{target.ref.name} waits for {' and '.join(missing(view, target))}" for target in left)
        return f"{'; '.join(words)}, not there yet: the next wave may make it"

    def _done(self, judged: Sequence[Judged]) -> str:
        told = "; ".join(f"{target.ref.name}: {verdict.why}" for target, verdict in judged)
        return told or f"{len(self.objects)} applied"
