"""Measurements: a row each."""

from collections.abc import Sequence

from portal.steps.state import Placed
from releases.models import Measurement, Rollout
from releases.orchestrator.recorders import records
from releases.strategies.shared.records import Measured


@records(Measured)
def record_measurements(rollout: Rollout, placed: Sequence[Placed]) -> None:
    """One that is there already stays."""
    rows = [_row(rollout, each.index, each.record) for each in placed if isinstance(each.record, Measured)]
    Measurement.objects.bulk_create(rows, ignore_conflicts=True)


def _row(rollout: Rollout, index: int, measured: Measured) -> Measurement:
    return Measurement(rollout=rollout, index=index, weight=measured.weight, **measured.point.to_json())
