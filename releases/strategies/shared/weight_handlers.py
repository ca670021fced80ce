"""Requests moved between the sides of a route, and the autoscaler of the side that they leave."""

from environments.kube.api.errors import KindMissing, NotFound
from environments.kube.apply.autoscaler_minimum import hold_floor, release_floor
from environments.kube.traffic import NOBODY, Seen
from environments.kube.traffic.moving import clear, read_weight, set_weight
from portal.steps.operations import Result
from releases.strategies.shared.handling import Execution, handles
from releases.strategies.shared.traffic_operations import (
    ClearRoute,
    HoldFloor,
    OnRoute,
    ReadWeight,
    ReleaseFloor,
    SetWeight,
)


@handles(SetWeight)
def write_weight(execution: Execution, operation: SetWeight) -> Result:
    try:
        seen = set_weight(
            execution.gateway, operation.route, operation.weight, operation.testers, sequence=execution.sequence
        )
    except (NotFound, KindMissing) as error:
        if operation.testers != NOBODY or operation.weight:
            raise
        # What is not there leads nobody anywhere: taking requests off it is done.
        seen = Seen(0, why=error.words)
    return {**_told(operation, seen), "wanted": operation.weight}


@handles(ReadWeight)
def look_at_weight(execution: Execution, operation: ReadWeight) -> Result:
    return _told(operation, read_weight(execution.gateway, operation.route))


@handles(ClearRoute)
def put_at_rest(execution: Execution, operation: ClearRoute) -> Result:
    try:
        return _told(operation, clear(execution.gateway, operation.route, sequence=execution.sequence))
    except (NotFound, KindMissing) as error:
        return _told(operation, Seen(0, why=error.words))


@handles(HoldFloor)
def hold_up(execution: Execution, operation: HoldFloor) -> Result:
    floor = hold_floor(execution.gateway, operation.ref, operation.minimum, sequence=execution.sequence)
    return {"asked": operation.minimum, "before": floor.before if floor else None, "there": floor is not None}


@handles(ReleaseFloor)
def let_go(execution: Execution, operation: ReleaseFloor) -> Result:
    floor = release_floor(execution.gateway, operation.ref, sequence=execution.sequence)
    return {"minimum": floor.before if floor else None}


def _told(operation: OnRoute, seen: Seen) -> Result:
    return {
        "weight": seen.weight,
        "accepted": seen.accepted,
        "why": seen.why,
        "manager": seen.manager,
        "ours": seen.ours,
        "at": operation.at,
    }
