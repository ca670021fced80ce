"""The steps of a release through Flagger: give it the Canary, trigger it, follow it, and the way back. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from environments.kube.objects import Ref
from portal.steps.operations import Operation
from portal.steps.step import Notes, undone
from portal.steps.verdicts import Done, Fail, Judgement, Wait
from releases.engine.facts import View, Work
from releases.engine.operations import Apply, Prune, Scale
from releases.engine.steps import ApplyStep, PruneStep, RolloutStep, all_done
from releases.strategies.flagger.operations import ApplyTemplate, Follow, HandBack, Tune
from releases.strategies.flagger.status import Sight, measured, outcome, returned, told
from releases.strategies.flagger.workloads import FlaggerWorkload, held_by
from releases.strategies.shared.records import Measured, Share

PERIOD = 2.0  # seconds between two looks at a Canary
SETTLE = 3.0  # seconds after a template was applied in which Flagger may still be at work on the one before
UNNOTICED = 60.0  # seconds beside Flagger's intervals after which it ought to have noticed a new template
KEPT_FAULTS = 5
READY = "it is ready to go"
ROUTES = frozenset({"VirtualService", "HTTPRoute"})  # those that Flagger writes
BEFORE = "flagger"
SKIP = {"skipAnalysis": True}
SUSPEND = {"suspend": True}
NOTHING: dict[str, Any] = {}


def held_in(view: View, step: RolloutStep) -> tuple[FlaggerWorkload, ...]:
    """The workloads that the step is about: those of the plan, or those that the step itself has."""
    if own := step.settings.get("held"):
        return tuple(FlaggerWorkload.from_json(each) for each in own)
    names = set(step.settings.get("workloads", ()))
    return tuple(hold for hold in held_by(view.work) if hold.workload in names)


def sight(view: View, hold: FlaggerWorkload) -> Sight | None:
    """The last look at a Canary; None where there was none since it or its target was written."""
    found = view.slot("followed").get(hold.canary.key)
    written = max(float(view.written.get(ref.key, {}).get("at", 0.0)) for ref in (hold.canary, hold.target))
    return Sight.from_json(found) if found and found["at"] >= written else None


def looks(view: View, holds: Iterable[FlaggerWorkload]) -> tuple[Operation, ...]:
    """The Canaries that are to be looked at now."""
    return tuple(Follow(hold.canary, hold.workload) for hold in holds if _due(view, hold))


def _due(view: View, hold: FlaggerWorkload) -> bool:
    seen = sight(view, hold)
    return seen is None or seen.at + PERIOD <= view.facts.now


def tuning(view: View, hold: FlaggerWorkload, wanted: dict[str, Any]) -> tuple[Operation, ...]:
    """What brings the Canary to be tuned so, where it is not."""
    now = view.slot("tuned").get(hold.canary.key, {}).get("override", NOTHING)
    target = view.work.target(hold.canary.key)
    return () if now == wanted or target is None else (Tune(hold.canary, target.index, wanted),)


def _together(judged: Sequence[tuple[FlaggerWorkload, Judgement]]) -> Judgement:
    """One verdict on several workloads, each in its own words."""
    words = "; ".join(f"{hold.workload}: {each.why}" for hold, each in judged)
    failed = [f"{hold.workload}: {each.why}" for hold, each in judged if isinstance(each, Fail)]
    if failed:
        return Fail("; ".join(failed), back=True)
    waits = [each.due_in for _, each in judged if isinstance(each, Wait)]
    return Wait(words, min(waits)) if waits else Done(words)


@dataclass(frozen=True)
class CanaryStep(RolloutStep):
    """Apply the Canaries, after the autoscalers that they name, and wait until Flagger holds the workloads."""

    kind: ClassVar[str] = "flagger-canary"

    def _wanted(self, view: View) -> tuple[Operation, ...]:
        canaries = {hold.canary.key for hold in held_in(view, self)}
        applies = [(target.key in canaries, Apply(target.ref, target.index)) for target in self.targets(view)]
        first = undone(view, [apply for later, apply in applies if not later])
        return first or undone(view, [apply for later, apply in applies if later])

    def operations(self, view: View) -> tuple[Operation, ...]:
        return self._wanted(view) or looks(view, held_in(view, self))

    def verdict(self, view: View) -> Judgement:
        return _together([(hold, self._judge(view, hold)) for hold in held_in(view, self)])

    def _judge(self, view: View, hold: FlaggerWorkload) -> Judgement:
        seen = sight(view, hold)
        if seen and (seen.settled or seen.under_way):
            return Done(f"Flagger holds it ({seen.phase}); {hold.primary.name} serves")
        words = _beginning(seen)
        if view.spent >= view.facts.progress_seconds:
            return Fail(f"after {view.facts.progress_seconds:.0f} s Flagger has not taken it: {words}")
        return Wait(words, PERIOD)


def _beginning(seen: Sight | None) -> str:
    if seen is None or not seen.phase:
        return "Flagger has not looked at the Canary yet; is its controller running?"
    return f"{seen.phase}: {seen.trouble or seen.primary_why}"


@dataclass(frozen=True)
class TriggerStep(ApplyStep):
    """Apply the new pod templates, which is what Flagger waits for. How it stood before is kept for the next step."""

    kind: ClassVar[str] = "flagger-trigger"

    def wanted(self, view: View) -> tuple[Operation, ...]:
        return tuple(ApplyTemplate(target.ref, target.index) for target in self.targets(view))

    def remember(self, view: View) -> Notes:
        before = dict(_before(view))
        for hold in held_in(view, self):
            found = view.slot("followed").get(hold.canary.key)
            if found and hold.target.key not in view.slot("applied"):
                before.setdefault(hold.canary.key, found)
        return Notes(view.memory, {**view.kept, BEFORE: before})

    def operations(self, view: View) -> tuple[Operation, ...]:
        unseen = [hold for hold in held_in(view, self) if hold.canary.key not in _before(view)]
        return looks(view, unseen) or super().operations(view)


@dataclass(frozen=True)
class FollowStep(RolloutStep):
    """Follow Flagger's analysis to its end. A person's word reaches it by `suspend` and `skipAnalysis`."""

    kind: ClassVar[str] = "flagger-follow"
    guards: ClassVar[bool] = True

    def remember(self, view: View) -> Notes:
        """The weights, and what Flagger's checks found fault with: its events go, and so would that."""
        notes = view.notes
        for hold in held_in(view, self):
            seen = sight(view, hold)
            if seen and seen.under_way:
                notes = _noted(notes, hold, seen)
        return notes

    def operations(self, view: View) -> tuple[Operation, ...]:
        holds = held_in(view, self)
        tuned = tuple(each for hold in holds for each in tuning(view, hold, self._override(view, hold)))
        if tuned:
            return tuned
        return (*looks(view, holds), *(each for hold in holds for each in self._sized(view, hold)))

    def guard(self, view: View) -> tuple[Operation, ...]:
        """Flagger would go on to the promotion while somebody thinks."""
        holds = held_in(view, self)
        going = [hold for hold in holds if not isinstance(self._judge(view, hold), Done | Fail)]
        tuned = tuple(each for hold in going for each in tuning(view, hold, SUSPEND))
        return tuned or looks(view, holds)

    def alarm(self, view: View) -> Fail | None:
        judged = _together([(hold, self._judge(view, hold)) for hold in held_in(view, self)])
        return judged if isinstance(judged, Fail) else None

    def verdict(self, view: View) -> Judgement:
        return _together([(hold, self._judge(view, hold)) for hold in held_in(view, self)])

    def _override(self, view: View, hold: FlaggerWorkload) -> dict[str, Any]:
        return SKIP if view.fully and not isinstance(self._judge(view, hold), Done | Fail) else NOTHING

    def _sized(self, view: View, hold: FlaggerWorkload) -> tuple[Operation, ...]:
        """The bundle's number of pods, once Flagger has brought the target up: the primary gets it with the pods."""
        seen = sight(view, hold)
        if seen is None or hold.replicas is None or seen.phase != "Progressing":
            return ()
        wrong = seen.size and seen.size != hold.replicas
        return undone(view, [Scale(hold.target, hold.replicas)]) if wrong else ()

    def _judge(self, view: View, hold: FlaggerWorkload) -> Judgement:
        seen = sight(view, hold)
        if seen is None:
            return Wait("Flagger's Canary is being read", PERIOD)
        before = Sight.from_json(_before(view).get(hold.canary.key, {}))
        match outcome(before, seen):
            case "failed":
                return Fail(_why_failed(seen))
            case "done":
                faults = "".join(f"; on the way: {words}" for words in view.slot("halts").get(hold.canary.key, ()))
                return Done(f"{seen.phase}: {hold.primary.name} has the new version, {seen.primary_why}{faults}")
            case "begins":
                return self._unnoticed(view, hold, before, seen)
        if view.spent >= hold.seconds:
            return Fail(f"after {hold.seconds:.0f} s Flagger has come to no end; {told(seen)}")
        return Wait(_going(seen), PERIOD)

    def _unnoticed(self, view: View, hold: FlaggerWorkload, before: Sight, seen: Sight) -> Judgement:
        written = view.written.get(hold.target.key, {})
        waited = view.facts.now - float(written.get("at", view.facts.now))
        unchanged = before.generation and before.generation == written.get("generation")
        if seen.same and (unchanged or waited >= 2 * hold.interval + SETTLE):
            return Done(f"nothing to analyse: {hold.primary.name} has these pods already, {seen.primary_why}")
        if waited >= 3 * hold.interval + UNNOTICED:
            return Fail(
                f"after {waited:.0f} s Flagger has not noticed the new version; is its controller running? "
                f"It last said: {next(iter(seen.events), 'nothing')}"
            )
        return Wait(f"Flagger looks at it every {hold.interval:.0f} s; it has not noticed the new version yet", PERIOD)


def _before(view: View) -> Mapping[str, Any]:
    """How Flagger's Canaries stood before they were triggered, by Ref.key."""
    found: Mapping[str, Any] = view.kept.get(BEFORE) or {}
    return found


def _noted(notes: Notes, hold: FlaggerWorkload, seen: Sight) -> Notes:
    """Notes with the weight, and with a check that has failed since the look before."""
    key, memory = hold.canary.key, notes.memory
    failed, halts = dict(memory.get("failed_checks") or {}), dict(memory.get("halts") or {})
    point = measured(seen, hold.workload) if seen.failed > failed.get(key, 0) else None
    found = (Measured(point, seen.weight),) if point else ()
    failed[key] = seen.failed
    halts[key] = list(dict.fromkeys([*halts.get(key, []), *reversed(seen.halts)]))[-KEPT_FAULTS:]
    records = (*notes.records, Share(hold.workload, seen.weight), *found)
    return Notes({**memory, "failed_checks": failed, "halts": halts}, notes.kept, records)


def _going(seen: Sight) -> str:
    if not seen.under_way:
        return f"{told(seen)}; the primary: {seen.primary_why}"
    return told(seen)


def _why_failed(seen: Sight) -> str:
    said = "; ".join(seen.halts) or "; ".join(seen.events[:2])
    return f"Flagger has given it up and leads all requests to the primary: {said or seen.message}"


@dataclass(frozen=True)
class ReplacedStep(PruneStep):
    """Remove the routes that Flagger's own stand for, before any request is to go by these."""

    kind: ClassVar[str] = "flagger-replaced"

    def _wanted(self, view: View) -> tuple[Operation, ...]:
        keys = set(self.settings.get("keys", ()))
        return tuple(each for each in super()._wanted(view) if isinstance(each, Prune) and each.ref.key in keys)

    def verdict(self, view: View) -> Judgement:
        return all_done(view, self._wanted(view), "Flagger's own routes stand for them")


@dataclass(frozen=True)
class ReturnToPrimaryStep(RolloutStep):
    """Put the old templates back and have Flagger promote them at once, without its analysis.

    The template first: what stands there is what an analysis that is skipped promotes.
    """

    kind: ClassVar[str] = "flagger-return"

    def _old(self, view: View) -> tuple[Operation, ...]:
        canaries = {hold.canary.key for hold in held_in(view, self)}
        return tuple(ApplyTemplate(t.ref, t.index) for t in self.targets(view) if t.key not in canaries)

    def remember(self, view: View) -> Notes:
        """The hash of the template that has to go, as an analysis under way has it, and as one that failed had it."""
        stray, settled = dict(view.slot("stray")), dict(view.slot("settled"))
        for hold in held_in(view, self):
            found = view.slot("followed").get(hold.canary.key)
            if found is None:
                continue
            seen = Sight.from_json(found)
            if hold.canary.key not in stray:
                stray[hold.canary.key] = "" if seen.applied == seen.promoted else seen.applied
            state = [seen.phase, seen.applied, seen.promoted]
            if settled.get(hold.canary.key, {}).get("state") != state:
                settled[hold.canary.key] = {"state": state, "since": view.facts.now}
        return Notes({**view.memory, "stray": stray, "settled": settled}, view.kept)

    def operations(self, view: View) -> tuple[Operation, ...]:
        holds = held_in(view, self)
        unseen = [hold for hold in holds if hold.canary.key not in view.slot("followed")]
        if unseen:
            return looks(view, unseen)
        if old := undone(view, self._old(view)):
            return old
        tuned = tuple(each for hold in holds for each in tuning(view, hold, self._override(view, hold)))
        return tuned or looks(view, holds)

    def verdict(self, view: View) -> Judgement:
        return _together([(hold, self._judge(view, hold)) for hold in held_in(view, self)])

    def _override(self, view: View, hold: FlaggerWorkload) -> dict[str, Any]:
        return NOTHING if self._is_back(view, hold) else SKIP

    def _is_back(self, view: View, hold: FlaggerWorkload) -> bool:
        seen = sight(view, hold)
        written = float(view.written.get(hold.target.key, {}).get("at", view.facts.now))
        if seen is None or seen.at < written + SETTLE:
            return False
        return returned(view.slot("stray").get(hold.canary.key, ""), seen) or self._rests(view, hold, seen)

    def _rests(self, view: View, hold: FlaggerWorkload, seen: Sight) -> bool:
        """Whether Flagger has had time enough to find anything more to do."""
        since = view.slot("settled").get(hold.canary.key, {}).get("since", view.facts.now)
        still = view.facts.now - since >= 2 * hold.interval + UNNOTICED / 4
        return bool(still and seen.settled and seen.same and seen.primary == "done")

    def _judge(self, view: View, hold: FlaggerWorkload) -> Judgement:
        seen = sight(view, hold)
        if seen is None:
            return Wait("Flagger's Canary is being read", PERIOD)
        if self._is_back(view, hold):
            return Done(f"{seen.phase}: {hold.primary.name} has the old version alone, {seen.primary_why}")
        if view.spent >= hold.seconds:
            return Fail(f"after {hold.seconds:.0f} s Flagger has not gone back; {told(seen)}")
        return Wait(f"the old version is back in {hold.workload}; {told(seen)}; {seen.primary_why}", PERIOD)


@dataclass(frozen=True)
class HandBackStep(RolloutStep):
    """Take Canaries away, and have Flagger give back what it held.

    The objects are the routes: applied after Flagger has stopped to write them, before what they led to goes.
    """

    kind: ClassVar[str] = "flagger-hand-back"

    def operations(self, view: View) -> tuple[Operation, ...]:
        refs = self._refs()
        if unready := [ref for ref in refs if not self._is(view, ref, "ready")]:
            return self._looks(view, unready, delete=False)
        routes = [Apply(target.ref, target.index) for target in self.targets(view)]
        left = [ref for ref in refs if not self._is(view, ref, "gone")]
        return undone(view, routes) or self._looks(view, left, delete=True)

    def verdict(self, view: View) -> Judgement:
        left = [ref for ref in self._refs() if not self._is(view, ref, "gone")]
        if not left:
            return Done("Flagger holds nothing of it any more")
        words = "; ".join(f"{ref.name}: {view.slot('handed').get(ref.key, {}).get('why', '')}" for ref in left)
        if view.spent >= view.facts.progress_seconds:
            return Fail(f"after {view.facts.progress_seconds:.0f} s Flagger still holds it; is it running? {words}")
        return Wait(words, PERIOD)

    def _refs(self) -> tuple[Ref, ...]:
        return tuple(Ref(*ref) for ref in self.settings.get("canaries", ()))

    def _is(self, view: View, ref: Ref, state: str) -> bool:
        return bool(view.slot("handed").get(ref.key, {}).get(state))

    def _looks(self, view: View, refs: Iterable[Ref], *, delete: bool) -> tuple[Operation, ...]:
        handed, revert = view.slot("handed"), bool(self.settings.get("revert"))
        routes = tuple(target.ref for target in self.targets(view))
        return tuple(
            HandBack(ref, revert, delete, routes) for ref in refs if _look_due(view, handed.get(ref.key), delete)
        )


def _look_due(view: View, last: Mapping[str, Any] | None, delete: bool) -> bool:
    """At once where there was none yet, or where it was ready and is now to go; else after a while."""
    if last is None or (delete and last["why"] == READY):
        return True
    return bool(last["at"] + PERIOD <= view.facts.now)


@dataclass(frozen=True)
class RestoreTemplatesStep(ApplyStep):
    """Apply the old templates to what Flagger holds, before it is asked to give it back."""

    kind: ClassVar[str] = "flagger-restore"


def hand_back(work: Work, refs: Iterable[Ref], *, revert: bool = True) -> tuple[RolloutStep, ...]:
    """The step that takes these Canaries away; () for none."""
    canaries = [list(ref) for ref in refs]
    routes = tuple(target.index for target in work.targets if revert and target.ref.kind in ROUTES)
    settings = {"canaries": canaries, "revert": revert}
    label = f"Take {', '.join(ref[-1] for ref in canaries)} back from Flagger"
    return (HandBackStep(label[:200], routes, settings),) if canaries else ()
