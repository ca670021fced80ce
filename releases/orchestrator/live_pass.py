"""One pass of a live rollout: the kernel's loop of steps, on its row, its plan and its cluster."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.utils import timezone

from environments.clusters import gateway_for, prometheus_for
from environments.kube.objects import Owner
from portal.steps.flow import Decision
from portal.steps.passes import drive
from portal.steps.state import State
from releases.engine.decide import absorb, decide, give_up
from releases.engine.facts import Facts
from releases.metrics import rollout_ended, step_ended
from releases.models import Rollout
from releases.orchestrator import recording
from releases.orchestrator.claims import Claim, Lost
from releases.orchestrator.executor import execute
from releases.orchestrator.observe import observe
from releases.orchestrator.plan_cache import Loaded, load
from releases.states import ENDED, LIVE, Phase
from releases.strategies.shared.handling import Execution

log = structlog.get_logger(__name__)
PASS_AT_MOST = 10.0
LONGEST_PAUSE = 60.0


def pass_live(claim: Claim) -> bool:
    """On and on, until there is nothing but to wait: never further in this pass."""
    until = time.monotonic() + PASS_AT_MOST
    state = claim.rollout.state
    drive(LivePass(claim, load(claim.rollout, state.track)), state, lambda: time.monotonic() > until)
    return False


def end(claim: Claim, why: str) -> None:
    """Ends a live rollout whose passes only fail."""
    state = claim.rollout.state
    host = LivePass(claim, load(claim.rollout, state.track))
    host.save(give_up(state, host.facts(state), why), last=True)


@dataclass
class LivePass:
    """The host of a pass. The cluster is looked at and written outside any transaction."""

    claim: Claim
    loaded: Loaded

    def decide(self, state: State) -> Decision:
        self.loaded = load(self.claim.rollout, state.track)
        return decide(state, self.loaded.work, self.facts(state))

    def facts(self, state: State) -> Facts:
        return observe(self.claim.rollout, self.loaded.work, state.index)

    def act(self, decision: Decision) -> State:
        outcomes = execute(self._execution(), decision.operations) if decision.operations else ()
        return absorb(decision.state, outcomes, timezone.now().timestamp())

    def save(self, decision: Decision, *, last: bool) -> bool:
        """Decision, steps and audit in one transaction; False where the rollout has changed and is to be read anew."""
        claim, before = self.claim, Phase(self.claim.rollout.phase)
        fields = recording.fields_of(claim.rollout, decision)
        with transaction.atomic():
            saved = claim.release(fields, _due(decision)) if last else claim.save(fields)
            if saved:
                recording.record(claim.rollout, self.loaded.work, decision, before)
        if saved:
            _tell(claim.rollout, decision)
        return saved

    def afresh(self, state: State) -> State:
        """The stored state, or ours where the rollout was only woken."""
        version = self.claim.rollout.version
        self.claim.reload()
        if Phase(self.claim.rollout.phase) not in LIVE:
            raise Lost
        return state if self.claim.rollout.version == version else self.claim.rollout.state

    def is_short(self) -> bool:
        return not self.claim.may_write()

    def _execution(self) -> Execution:
        rollout, loaded = self.claim.rollout, self.loaded
        return Execution(
            gateway=gateway_for(rollout.environment.cluster),
            owner=Owner(rollout.application.name, rollout.environment.name),
            sequence=rollout.sequence,
            manifests=lambda index: loaded.manifests[index],
            scalers=loaded.scalers,
            may_write=self.claim.may_write,
            prometheus=prometheus_for(rollout.environment),
            keeps_size=loaded.keeps_size,
            of_before=loaded.of_before,
        )


def _due(decision: Decision) -> datetime | None:
    if decision.due_in is None:
        return None
    return timezone.now() + timedelta(seconds=min(decision.due_in, LONGEST_PAUSE))


def _tell(rollout: Rollout, decision: Decision) -> None:
    for each in decision.steps:
        log.info("step", rollout=rollout.pk, track=each.track, step=each.index, state=each.state, why=each.why)
        step_ended(each.track, each.state, each.seconds)
    for move in decision.moves:
        log.info("phase", rollout=rollout.pk, phase=move.phase, why=move.why)
        if move.phase in ENDED:
            rollout_ended(rollout, Phase(move.phase))
