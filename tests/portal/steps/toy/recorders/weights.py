"""What the van weighed, by the step that had it weighed."""

from collections.abc import Sequence

from portal.steps.state import Placed
from tests.portal.steps.toy.operations import Weighed
from tests.portal.steps.toy.recorders import RECORDERS


@RECORDERS.records(Weighed)
def record_weights(log: list[tuple[int, int, float]], placed: Sequence[Placed]) -> None:
    log += [(each.index, each.record.kilograms, each.record.at) for each in placed if isinstance(each.record, Weighed)]
