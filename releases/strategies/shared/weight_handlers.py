"""Requests moved between the sides of a route, and the autoscaler of the side that they leave."""

from collections.abc import Callable, Sequence

from environments.kube.api.errors import KindMissing, KubeError, NotFound
from environments.kube.apply.autoscaler_minimum import hold_floor, release_floor
from environments.kube.traffic import NOBODY, Route, find
from environments.kube.traffic.moving import clear, read_weight, set_weight
from environments.kube.traffic.several import RouteSeen, off, standing_out, together
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
    def write(route: Route) -> RouteSeen:
        weight, testers = operation.weight, operation.testers
        return RouteSeen(route, set_weight(execution.gateway, route, weight, testers, sequence=execution.sequence))

    is_off = operation.testers == NOBODY and not operation.weight
    # What keeps a Service to stable comes before anything leads to the canary, and goes after all of it.
    routes = operation.routes if is_off else tuple(sorted(operation.routes, key=_moves))
    found = _each(operation, routes, write, gone_is_off=is_off)
    return {**_told(operation, found, operation.weight), "wanted": operation.weight}


@handles(ReadWeight)
def look_at_weight(execution: Execution, operation: ReadWeight) -> Result:
    found = [RouteSeen(route, read_weight(execution.gateway, route)) for route in operation.routes]
    return _told(operation, found)


@handles(ClearRoute)
def put_at_rest(execution: Execution, operation: ClearRoute) -> Result:
    def put(route: Route) -> RouteSeen:
        return RouteSeen(route, clear(execution.gateway, route, sequence=execution.sequence))

    return _told(operation, _each(operation, operation.routes, put, gone_is_off=True), 0)


def _each(
    operation: OnRoute, routes: Sequence[Route], work: Callable[[Route], RouteSeen], *, gone_is_off: bool
) -> list[RouteSeen]:
    """What each route says, the main one first. Every route is tried; raises the first KubeError after that.

    `gone_is_off`: what is not there leads nobody anywhere, so taking requests off it is done.
    """
    found: dict[Route, RouteSeen] = {}
    errors: list[KubeError] = []
    for route in routes:
        try:
            found[route] = work(route)
        except (NotFound, KindMissing) as error:
            found[route] = off(route, error.words)
            errors += [] if gone_is_off else [error]
        except KubeError as error:
            errors.append(error)
    if errors:
        raise errors[0]
    return [found[route] for route in operation.routes]


def _moves(route: Route) -> bool:
    return not find(route.router).follows


@handles(HoldFloor)
def hold_up(execution: Execution, operation: HoldFloor) -> Result:
    floor = hold_floor(execution.gateway, operation.ref, operation.minimum, sequence=execution.sequence)
    return {"asked": operation.minimum, "before": floor.before if floor else None, "there": floor is not None}


@handles(ReleaseFloor)
def let_go(execution: Execution, operation: ReleaseFloor) -> Result:
    floor = release_floor(execution.gateway, operation.ref, sequence=execution.sequence)
    return {"minimum": floor.before if floor else None}


def _told(operation: OnRoute, found: Sequence[RouteSeen], wanted: int = -1) -> Result:
    seen = together(found)
    return {
        "weight": seen.weight,
        "accepted": seen.accepted,
        "why": seen.why,
        "manager": seen.manager,
        "ours": seen.ours,
        "where": standing_out(found, seen.weight if wanted < 0 else wanted),
        "at": operation.at,
    }
