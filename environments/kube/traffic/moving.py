"""Moving requests in a cluster: writes what a router decides, and reads back what the cluster says.

Every write is a forced server-side apply by slipway-traffic that reaches only the version of the object that the
decision was made on, and carries the rollout's number. All functions raise KubeError: KindMissing where a definition
is not installed, NotFound where the route's object is not there, Fenced where a newer rollout has written it.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from environments.kube.api.client import Gateway
from environments.kube.api.errors import KindMissing, NotFound
from environments.kube.apply.guards import guard_of
from environments.kube.apply.retry_on_conflict import decide_anew
from environments.kube.apply.server_side_apply import refuse_older, refuse_unwritable, with_sequence
from environments.kube.names import TRAFFIC
from environments.kube.objects import Manifest, Ref, ref_of
from environments.kube.traffic.base import NOBODY, Live, Route, Router, Seen, Testers, manager_of
from environments.kube.traffic.choosing import find

Decide = Callable[[Router, Live], list[Manifest]]


def set_weight(gateway: Gateway, route: Route, weight: int, testers: Testers, *, sequence: int) -> Seen:
    """Sends `weight` % to the canary, subsets before weights, and reads back. Repeating it changes nothing.

    With the router "service" shares follow from the pods: only all and nothing are written.
    """
    return _written(gateway, route, sequence, lambda router, live: router.weigh(live, route, weight, testers))


def prepare(gateway: Gateway, route: Route, *, sequence: int) -> Seen:
    """Writes what weights refer to, some time before they are written: a mesh's proxies learn of it late."""
    return _written(gateway, route, sequence, lambda router, live: router.prepare(live, route))


def read_weight(gateway: Gateway, route: Route) -> Seen:
    """What the cluster says now."""
    router = find(route.router)
    return _seen(router, _look(gateway, router, route), route)


def clear(gateway: Gateway, route: Route, *, sequence: int) -> Seen:
    """Puts the route at rest, all on stable, and removes what was only there for the canary.

    Not accepted, with the reason, and nothing of the canary's is routed to, while it must not be at rest yet. Where
    the route's object has gone there is nothing to put at rest: `why` says so.
    """
    router = find(route.router)
    try:
        held_back = router.not_yet_at_rest(_look(gateway, router, route, clearing=True), route)
    except NotFound as gone:
        _remove_all(gateway, router, route, sequence)
        return Seen(0, why=gone.words)
    if held_back:
        seen = set_weight(gateway, route, 0, NOBODY, sequence=sequence)
        return replace(seen, accepted=False, why=held_back)
    _write(gateway, route, sequence, lambda router, live: router.rest(live, route))
    _remove_all(gateway, router, route, sequence)
    return read_weight(gateway, route)


def switch(gateway: Gateway, route: Route, to: str, *, sequence: int) -> Seen:
    """Leads all requests to `to`, a Service's name or with the router "service" a colour, by one write."""

    def decide(router: Router, live: Live) -> list[Manifest]:
        main = live.objects[router.main(route)]
        return [router.owned(router.point(main, route, to), route)]

    return _switched(gateway, route, sequence, decide)


def hold(gateway: Gateway, route: Route, *, sequence: int) -> Seen:
    """Makes slipway-traffic an owner of what serves now, so that the next apply of the base may leave it out."""

    def decide(router: Router, live: Live) -> list[Manifest]:
        return [router.owned(live.objects[router.main(route)], route)]

    return _switched(gateway, route, sequence, decide)


def read_switch(gateway: Gateway, route: Route) -> Seen:
    """Where the requests go now, as `target`; "" where they go to several places."""
    router = find(route.router)
    return _seen_switch(router, _look(gateway, router, route), route)


def _written(gateway: Gateway, route: Route, sequence: int, decide: Decide) -> Seen:
    written = _write(gateway, route, sequence, decide)
    router = find(route.router)
    live = _look(gateway, router, route)
    return _unless_older(_seen(router, live, route), live, written)


def _switched(gateway: Gateway, route: Route, sequence: int, decide: Decide) -> Seen:
    written = _write(gateway, route, sequence, decide)
    router = find(route.router)
    live = _look(gateway, router, route)
    return _unless_older(_seen_switch(router, live, route), live, written)


def _write(gateway: Gateway, route: Route, sequence: int, decide: Decide) -> list[Manifest]:
    """Looks, decides, writes; again from the start where something has changed in between."""
    router = find(route.router)

    def attempt() -> list[Manifest]:
        live = _look(gateway, router, route)
        bodies = decide(router, live)
        # Nothing is written where one of them would have to be refused.
        for ref in {router.main(route), *map(ref_of, bodies)}:
            refuse_unwritable(live.get(ref), ref, sequence)
        return [_apply(gateway, body, live.get(ref_of(body)), sequence) for body in bodies]

    return decide_anew(attempt)


def _apply(gateway: Gateway, body: Manifest, live: Manifest | None, sequence: int) -> Manifest:
    return gateway.apply(with_sequence(body, sequence), manager=TRAFFIC, force=True, guard=guard_of(live)).object


def _remove_all(gateway: Gateway, router: Router, route: Route, sequence: int) -> None:
    for ref in router.removed_at_rest(route):
        _remove(gateway, ref, sequence)


def _remove(gateway: Gateway, ref: Ref, sequence: int) -> None:
    def attempt() -> None:
        live = gateway.get(ref)
        if live is None:
            return
        refuse_older(live, ref, sequence)
        guard = guard_of(live)
        gateway.delete(ref, uid=guard.uid, resource_version=guard.resource_version)

    decide_anew(attempt)


def _look(gateway: Gateway, router: Router, route: Route, *, clearing: bool = False) -> Live:
    """All that the router looks at. Raises NotFound where the main object is not there."""
    refs = router.reads(route)
    found = ((ref, gateway.get(ref)) for ref in refs)
    live = Live({ref: obj for ref, obj in found if obj is not None})
    for ref in refs:
        if live.get(ref) is None:
            _check_kind(gateway, ref, router)
    if live.get(router.main(route)) is None:
        words = f"{router.main(route).text} is not there: requests to {route.workload} cannot be moved."
        raise NotFound(words, status=404)
    for each in router.lists(live, route, clearing=clearing):
        live.lists[each.kind] = gateway.list(each.api_version, each.kind, each.namespace, labels=each.labels)
    return live


def _check_kind(gateway: Gateway, ref: Ref, router: Router) -> None:
    try:
        gateway.resource(ref.api_version, ref.kind)
    except KindMissing as error:
        words = (
            f"{router.title} cannot move requests here: the cluster does not know {ref.kind} of {ref.api_version}. "
            f"Install the definitions (CRDs) of {router.title}, or choose another router."
        )
        raise KindMissing(words, status=error.status) from error


def _seen(router: Router, live: Live, route: Route) -> Seen:
    weighted = live.get(router.weighted(route)[0])
    decisive, path = router.decisive(live, route)
    manager = manager_of(live.get(decisive), path)
    return _of(weighted, router.weight_of(live, route), router.not_accepted(live, route), manager)


def _seen_switch(router: Router, live: Live, route: Route) -> Seen:
    main = live.objects[router.main(route)]
    why = router.not_accepted(live, route)
    seen = _of(main, -1, why, manager_of(main, router.switched(route)))
    return replace(seen, target=router.target_of(main, route))


def _of(obj: Manifest | None, weight: int, why: str, manager: str) -> Seen:
    metadata = (obj or {}).get("metadata", {})
    generation, version = metadata.get("generation", 0), metadata.get("resourceVersion", "")
    return Seen(weight, not why, why, manager, generation, version)


def _unless_older(seen: Seen, live: Live, written: Iterable[Manifest]) -> Seen:
    """What was seen; not accepted where a read was answered from before our write."""
    for obj in written:
        read = live.get(ref_of(obj))
        if read and read["metadata"].get("generation", 0) < obj["metadata"].get("generation", 0):
            return replace(seen, accepted=False, why=f"{ref_of(obj).text} is still read as it was before the write.")
    return seen
