"""Which share of a workload's requests the new version gets, as it was read back last."""

from collections.abc import Sequence

from portal.steps.state import Placed
from releases.models import Rollout
from releases.orchestrator.recorders import records
from releases.strategies.shared.records import Share


@records(Share)
def record_shares(rollout: Rollout, placed: Sequence[Placed]) -> None:
    found = {each.record.workload: each.record.percent for each in placed if isinstance(each.record, Share)}
    shares = {**rollout.shares, **found}
    if shares != rollout.shares:
        rollout.shares = shares
        rollout.save(update_fields=["shares"])
