"""Requests moved between the sides of a route, and the autoscaler of the side that they leave."""

from environments.kube.api.errors import KindMissing, NotFound
from environments.kube.apply.autoscaler_minimum import hold_floor, release_floor
from environments.kube.traffic import NOBODY, Seen
from environments.kube.traffic.moving import clear, read_weight, set_weight
from releases.rollout.acting.hands import Hands, Result
from releases.rollout.acting.performers import performs
from releases.rollout.wants_traffic import ClearRoute, HoldFloor, OnRoute, ReadWeight, ReleaseFloor, SetWeight


@performs(SetWeight)
def write_weight(hands: Hands, action: SetWeight) -> Result:
    try:
        seen = set_weight(hands.gateway, action.route, action.weight, action.testers, sequence=hands.sequence)
    except (NotFound, KindMissing) as error:
        if action.testers != NOBODY or action.weight:
            raise
        # What is not there leads nobody anywhere: taking requests off it is done.
        seen = Seen(0, why=error.words)
    return {**_told(action, seen), "wanted": action.weight}


@performs(ReadWeight)
def look_at_weight(hands: Hands, action: ReadWeight) -> Result:
    return _told(action, read_weight(hands.gateway, action.route))


@performs(ClearRoute)
def put_at_rest(hands: Hands, action: ClearRoute) -> Result:
    try:
        return _told(action, clear(hands.gateway, action.route, sequence=hands.sequence))
    except (NotFound, KindMissing) as error:
        return _told(action, Seen(0, why=error.words))


@performs(HoldFloor)
def hold_up(hands: Hands, action: HoldFloor) -> Result:
    floor = hold_floor(hands.gateway, action.ref, action.minimum, sequence=hands.sequence)
    return {"asked": action.minimum, "before": floor.before if floor else None, "there": floor is not None}


@performs(ReleaseFloor)
def let_go(hands: Hands, action: ReleaseFloor) -> Result:
    floor = release_floor(hands.gateway, action.ref, sequence=hands.sequence)
    return {"minimum": floor.before if floor else None}


def _told(action: OnRoute, seen: Seen) -> Result:
    return {
        "weight": seen.weight,
        "accepted": seen.accepted,
        "why": seen.why,
        "manager": seen.manager,
        "ours": seen.ours,
        "at": action.at,
    }
