"""Decides what a running rollout does next, by the kernel's steps. Pure: no database, no clock, no network."""

from collections.abc import Iterable

from environments.kube.status.workload import workload_status
from portal.steps import engine, step
from portal.steps.flow import Decision, Flow, Wording
from portal.steps.operations import Operation, Outcome
from portal.steps.phases import Phases, Return
from portal.steps.retries import Patience
from portal.steps.state import State
from releases.engine.facts import WATCHED, Facts, Target, View, Work
from releases.engine.operations import Apply, Halt
from releases.engine.steps import LEFT, RETURNED, RolloutStep, read_step
from releases.states import Phase

CLUSTER_GRACE = 30.0  # seconds in which an administrator's fault may still come right: a definition just made, a role


def decide(state: State, work: Work, facts: Facts) -> Decision:
    """The next thing to do for a rollout in a live phase, by the plan of the state's track."""
    return engine.decide(FLOW, state, work, facts)


def absorb(state: State, outcomes: Iterable[Outcome], now: float) -> State:
    """The state that remembers what came of the operations."""
    return engine.absorb(FLOW, state, outcomes, now)


def give_up(state: State, facts: Facts, why: str) -> Decision:
    """Ends a rollout whose passes only fail, whatever the step at work says."""
    return engine.give_up(FLOW, state, facts, why)


def _view(work: Work, facts: Facts, state: State) -> View:
    return View(work, facts, **step.seen(state))


def _halts(view: View, at: step.BaseStep[View]) -> tuple[Operation, ...]:
    """While it is paused, Deployments under way stand still where they are."""
    applied, halted = view.slot(Apply.slot), view.slot(Halt.slot)
    targets = at.targets(view) if isinstance(at, RolloutStep) else ()
    going = [t for t in targets if t.key in applied and t.key not in halted and t.ref.kind == "Deployment"]
    return tuple(Halt(target.ref, target.index) for target in going if not _is_up(view, target))


def _is_up(view: View, target: Target) -> bool:
    look = view.look(target.key)
    if look is None or look.object is None:
        return False
    return workload_status(look.object, generation=view.written[target.key]["generation"]).state == "done"


def _told(view: View, failed: bool) -> str:
    """What a way back has left as it was, since it could not be undone; of one that failed, what runs now."""
    if not view.work.returning:
        return ""
    left = (*view.work.leaves, *view.kept.get(LEFT, {}).values())
    leaves = f"Left as it is: {'; '.join(dict.fromkeys(left))}." if left else ""
    return " ".join(filter(None, (_runs_now(view) if failed else "", leaves)))


def _runs_now(view: View) -> str:
    """Which workloads are back, and which run still as the release left them."""
    workloads = [target for target in view.work.targets if target.ref.kind in WATCHED]
    back = [target.ref.name for target in workloads if target.key in view.kept.get(RETURNED, {})]
    still = [target.ref.name for target in workloads if target.key not in view.kept.get(RETURNED, {})]
    told = f"Put back by now: {', '.join(back)}." if back else "No workload was put back."
    return f"{told} As the release left them: {', '.join(still)}." if still else told


FLOW: Flow[Work, Facts, View] = Flow(
    phases=Phases(
        running=Phase.PROGRESSING,
        paused=Phase.PAUSED,
        succeeded=Phase.SUCCEEDED,
        failed=Phase.FAILED,
        abort=Return(Phase.ABORTING, Phase.ABORTED, "Aborted"),
        rollback=Return(Phase.ROLLING_BACK, Phase.ROLLED_BACK, "Rolled back"),
        also_running=frozenset({Phase.VERIFYING}),
    ),
    view=_view,
    read=read_step,
    hold=_halts,
    anew=frozenset({Apply.slot, Halt.slot}),
    patience=Patience(frozenset({"user"}), {"cluster": CLUSTER_GRACE}, "the cluster"),
    wording=Wording(
        by_itself="Rolling back by itself",
        at_once="so that no more of it is served",
        as_asked="as the environment says",
        given_up="Slipway could not go on",
    ),
    told=_told,
)
