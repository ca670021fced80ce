"""Puts a decision on record: steps, phases and their audit entries, in the caller's transaction."""

from datetime import UTC, datetime
from typing import Any

from portal.steps.flow import Decision
from portal.steps.state import Move, StepChange
from releases import events
from releases.audit_entries import entry
from releases.engine.facts import Work
from releases.engine.program_output import said_of
from releases.lifecycle import moved, wake_next
from releases.models import Rollout, Step
from releases.orchestrator.recorders import RECORDERS
from releases.states import ENDED, Phase


def fields_of(rollout: Rollout, decision: Decision) -> dict[str, Any]:
    """What the decision changes in the rollout's row."""
    fields: dict[str, Any] = {"cursor": decision.state.to_json(), "attempts": 0}
    why = _why(decision)
    if why is not None:
        fields["why"] = why
    if rollout.intent and (decision.again or decision.phase in ENDED):
        fields |= {"intent": "", "intent_by": ""}
    if decision.state.track == "back" and rollout.state.track == "forward":
        fields["sequence"] = rollout.sequence + 1
    return fields | moved(Phase(rollout.phase), [Phase(move.phase) for move in decision.moves])


def _why(decision: Decision) -> str | None:
    """What the rollout's row is to say; None where the next decision of this pass will."""
    if decision.operations or decision.again:
        return decision.moves[-1].why if decision.moves else None
    return decision.why


def record(rollout: Rollout, work: Work, decision: Decision, before: Phase) -> None:
    """Steps and phases of a decision whose fields are saved already; `before` is the phase that it left.

    The history comes last: whoever waits for its lock may hold rows that the others want.
    """
    if decision.moves and decision.phase in ENDED:
        events.tell(rollout)
        wake_next(rollout)
    if decision.steps and decision.steps[0].index == 0:
        _lay_out(rollout, work, decision.steps[0].track)
    RECORDERS.put(rollout, decision.state.records)
    for each in decision.steps:
        _record_step(rollout, work, each)
    for move in decision.moves:
        _record_move(rollout, move, before)
        before = Phase(move.phase)


def _lay_out(rollout: Rollout, work: Work, track: str) -> None:
    """The rows of all steps of a track, pending; those that are there stay as they are."""
    Step.objects.bulk_create(
        [Step(rollout=rollout, track=track, index=i, label=step["label"]) for i, step in enumerate(work.steps)],
        ignore_conflicts=True,
    )


def _record_step(rollout: Rollout, work: Work, each: StepChange) -> None:
    Step.objects.filter(rollout=rollout, track=each.track, index=each.index).update(
        state=each.state,
        why=each.why,
        said=said_of(each.outputs),
        started_at=_time(each.started),
        finished_at=_time(each.finished),
    )
    if each.state not in ("done", "failed"):
        return
    data = {"track": each.track, "index": each.index, "label": work.steps[each.index]["label"], "try": each.tries}
    entry(rollout, f"rollout.step-{each.state}", {**data, "seconds": each.seconds, "why": each.why})


def _record_move(rollout: Rollout, move: Move, before: Phase) -> None:
    entry(rollout, f"rollout.{move.phase.replace(' ', '-')}", {"from": before, "why": move.why})


def _time(at: float | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, UTC)
