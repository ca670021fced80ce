"""A Service beside the routes that move a workload's requests: it leads to stable alone while a canary is there.

Nobody chooses it: it goes along with other routers, so that who calls the Service past them meets no canary. Where the
weights are between subsets of the Service itself (`by_host` is false), it has to lead to both once the canary gets any.
"""

from environments.kube.names import STABLE, TRACK
from environments.kube.objects import Manifest
from environments.kube.traffic.base import Live, Route, Testers, named
from environments.kube.traffic.service import PlainService, both_sides, ready_by_track, selector_of


class ServiceBeside(PlainService):
    name = "beside"
    title = "Service beside the routes"
    coarse = False
    follows = True

    def weigh(self, live: Live, route: Route, weight: int, testers: Testers) -> list[Manifest]:
        service = live.objects[self.main(route)]
        selector, pods = both_sides(service), ready_by_track(live)
        lets_in = weight > 0 or testers.header or testers.cookie
        if (route.by_host or not lets_in) and not pods[""]:
            selector[TRACK] = STABLE
        if selector == selector_of(service):
            return []
        return [{**named(service), "spec": {"selector": selector}}]

    def weight_of(self, live: Live, route: Route) -> int:
        """0 where it leads to no canary, or may."""
        if not route.by_host or self._is_kept(live, route):
            return 0
        return 0 if not super().weight_of(live, route) else -1

    def not_accepted(self, live: Live, route: Route) -> str:
        if not route.by_host or self._is_kept(live, route):
            return ""
        if ready_by_track(live)[""]:
            return f"Service {route.service} still leads to pods without the label {TRACK}: they would be cut off."
        return ""

    def _is_kept(self, live: Live, route: Route) -> bool:
        return selector_of(live.objects[self.main(route)]).get(TRACK) == STABLE


ROUTER = ServiceBeside()
