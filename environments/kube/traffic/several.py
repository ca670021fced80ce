"""What several routes of one workload say together: its share, and which of them does not have it. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from environments.kube.names import TRAFFIC
from environments.kube.traffic.base import Route, Seen
from environments.kube.traffic.choosing import find


class RouteSeen(NamedTuple):
    """A route, and what the cluster says of it."""

    route: Route
    seen: Seen


def together(found: Sequence[RouteSeen]) -> Seen:
    """One Seen for all: the share that each of them has, else -1; `why` names those that stand out.

    The manager is the first who is not ours. What only goes along with the others counts where it does not.
    """
    main = found[0].seen
    if len(found) == 1:
        return main
    weight = _weight(found)
    whys = [_why(each) for each in found if not each.seen.accepted]
    if weight < 0 and len({each.seen.weight for each in found if _moves(each)}) > 1:
        whys.append(", ".join(f"{each.route.text} {_share(each.seen)}" for each in found if _moves(each)))
    strangers = [each.seen.manager for each in found if each.seen.manager and not each.seen.ours]
    manager = strangers[0] if strangers else next((e.seen.manager for e in found if e.seen.ours), main.manager)
    accepted = all(each.seen.accepted for each in found)
    return replace(main, weight=weight, accepted=accepted, why=" ".join(filter(None, whys)), manager=manager)


def standing_out(found: Sequence[RouteSeen], weight: int) -> str:
    """The routes that somebody else holds, or that have another share, in words; the first where none does."""
    names = [e.route.text for e in found if not e.seen.ours or (_moves(e) and e.seen.weight != weight)]
    return ", ".join(names) or found[0].route.text


def _moves(each: RouteSeen) -> bool:
    return not find(each.route.router).follows


def _weight(found: Sequence[RouteSeen]) -> int:
    weights = {each.seen.weight for each in found if _moves(each) or each.seen.weight < 0}
    if len(weights) == 1:
        return weights.pop()
    if min(weights) < 0 or not find(found[0].route.router).coarse:
        return -1
    # By pods each Service has a share of its own: neither nothing nor all, unless all of them have it.
    return min(max(round(sum(weights) / len(weights)), 1), 99)


def _why(each: RouteSeen) -> str:
    return each.seen.why if each.route.text in each.seen.why else f"{each.route.text}: {each.seen.why}"


def _share(seen: Seen) -> str:
    return f"{seen.weight} %" if seen.weight >= 0 else "a share that cannot be told"


def off(route: Route, why: str) -> RouteSeen:
    """A route that is not there: it leads nobody anywhere."""
    return RouteSeen(route, Seen(0, why=why, manager=TRAFFIC))
