"""What came of traffic policies: the rollout's own, as they were read back last."""

from collections.abc import Sequence

from portal.steps.state import Placed
from releases.models import Rollout
from releases.orchestrator.recorders import records
from releases.strategies.shared.records import PoliciesFound


@records(PoliciesFound)
def record_policies(rollout: Rollout, placed: Sequence[Placed]) -> None:
    newest = placed[-1].record
    assert isinstance(newest, PoliciesFound)
    rollout.policies = [policy.to_json() for policy in newest.policies]
    rollout.save(update_fields=["policies"])
