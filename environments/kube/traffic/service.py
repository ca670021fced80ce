"""A plain Service: no weights, only the shares that follow from how many pods of each side are ready.

What is written is the Service's selector, one value for an apply: all at one side, or none. The strategy scales.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from environments.kube.names import CANARY, STABLE, TRACK
from environments.kube.objects import Manifest, Ref, ref_of
from environments.kube.status.endpoint_slices import ready_pods
from environments.kube.status.owner_references import labelled
from environments.kube.status.verdict import holds, section
from environments.kube.traffic.base import (
    NO_TESTERS,
    Listing,
    Live,
    Path,
    Route,
    Router,
    Testers,
    is_at,
    named,
    of_kind,
    with_sides,
    with_spec,
)

SELECTOR: Path = ("f:spec", "f:selector")


class PlainService(Router):
    name = "service"
    title = "Service"
    needs = (("v1", "Service"),)
    coarse = True

    def routes(
        self, objects: Sequence[Manifest], namespace: str, workload: str, service: str, hint: str = ""
    ) -> Iterator[Route]:
        for each in of_kind(objects, "", "Service"):
            if ref_of(each, namespace)[2:] != (namespace, service):
                continue
            ports = each.get("spec", {}).get("ports") or [{}]
            yield with_sides(Route(self.name, namespace, workload, service, port=ports[0].get("port", 0)))

    def point(self, manifest: Manifest, route: Route, to: str) -> Manifest:
        if not is_at(manifest, self.main(route)):
            return manifest
        return with_spec(manifest, selector={**selector_of(manifest), TRACK: to})

    def target_of(self, manifest: Manifest, route: Route) -> str:
        return selector_of(manifest).get(TRACK, "")

    def owned(self, manifest: Manifest, route: Route) -> Manifest:
        return {**named(manifest), "spec": {"selector": selector_of(manifest)}}

    def lists(self, live: Live, route: Route, *, clearing: bool) -> tuple[Listing, ...]:
        service = live.get(self.main(route))
        labels = labelled(both_sides(service or {}))
        slices = labelled({"kubernetes.io/service-name": route.service})
        return (
            Listing("discovery.k8s.io/v1", "EndpointSlice", route.namespace, slices),
            Listing("v1", "Pod", route.namespace, labels or TRACK),
        )

    def weighted(self, route: Route) -> tuple[Ref, Path]:
        return self.main(route), SELECTOR

    def weigh(self, live: Live, route: Route, weight: int, testers: Testers) -> list[Manifest]:
        service = live.objects[self.main(route)]
        selector = both_sides(service)
        pods = ready_by_track(live)
        if weight >= 100 and pods[CANARY]:
            selector[TRACK] = CANARY
        elif weight <= 0 and pods[STABLE] and not pods[""]:
            # Nothing of the canary may answer any more, also while its pods are still going.
            selector[TRACK] = STABLE
        if selector == selector_of(service):
            return []
        return [{**named(service), "spec": {"selector": selector}}]

    def weight_of(self, live: Live, route: Route) -> int:
        count = ready(live)
        total = count[STABLE] + count[CANARY]
        if not total:
            # Nobody answers, so nothing of the canary does, unless it alone is asked for.
            return 100 if selector_of(live.objects[self.main(route)]).get(TRACK) == CANARY else 0
        share = round(100 * count[CANARY] / total)
        return min(max(share, 1), 99) if count[CANARY] and count[STABLE] else share

    def rest(self, live: Live, route: Route) -> list[Manifest]:
        service = live.objects[self.main(route)]
        selector = both_sides(service)
        return [] if selector == selector_of(service) else [{**named(service), "spec": {"selector": selector}}]

    def not_accepted(self, live: Live, route: Route) -> str:
        if any(ready(live).values()) or selector_of(live.objects[self.main(route)]).get(TRACK) != CANARY:
            return ""
        return f"Service {route.service} leads to the canary alone, and no pod of it is ready."

    def not_yet_at_rest(self, live: Live, route: Route) -> str:
        if not ready_by_track(live)[CANARY]:
            return ""
        return f"The canary's pods still stand behind Service {route.service}: it leads past them until they have gone."

    def hosts(self, manifest: Manifest, route: Route) -> tuple[str, ...]:
        return (f"{route.service}.{route.namespace}",) if is_at(manifest, self.main(route)) else ()

    def unsupported(self, manifest: Manifest, route: Route, testers: Testers = NO_TESTERS) -> tuple[str, ...]:
        if not is_at(manifest, self.main(route)):
            return ()
        words = [f"Service {route.service} has no weights: shares are only as fine as the number of pods allows."]
        if testers.header or testers.cookie:
            words.append(f"Service {route.service} cannot tell testers from others: nobody is let in before the first.")
        return tuple(words)


def selector_of(service: Mapping[str, Any]) -> dict[str, str]:
    return dict((service.get("spec") or {}).get("selector") or {})


def both_sides(service: Mapping[str, Any]) -> dict[str, str]:
    return {name: value for name, value in selector_of(service).items() if name != TRACK}


def ready(live: Live) -> dict[str, int]:
    """How many pods of each side the Service sends requests to. A pod without the label is of the stable side."""
    tracks = {
        pod["metadata"]["name"]: (pod["metadata"].get("labels") or {}).get(TRACK, "") for pod in live.listed("Pod")
    }
    count = {STABLE: 0, CANARY: 0}
    for name in ready_pods(live.listed("EndpointSlice")):
        count[CANARY if tracks.get(name) == CANARY else STABLE] += 1
    return count


def ready_by_track(live: Live) -> dict[str, int]:
    """How many pods are ready by the value of the label, "" for those without it, behind the Service or not."""
    count = {STABLE: 0, CANARY: 0, "": 0}
    for pod in live.listed("Pod"):
        if holds(section(pod, "status"), "Ready"):
            track = (pod["metadata"].get("labels") or {}).get(TRACK, "")
            count[track] = count.get(track, 0) + 1
    return count


ROUTER = PlainService()
