"""Which pods a Service sends requests to, by its EndpointSlices. Pure."""

from collections.abc import Iterable

from environments.kube.objects import Manifest


def ready_pods(slices: Iterable[Manifest]) -> set[str]:
    """Their names, once each: a pod of two address families stands in two slices."""
    endpoints = (endpoint for each in slices for endpoint in each.get("endpoints") or ())
    # One that does not say is ready.
    ready = (each for each in endpoints if (each.get("conditions") or {}).get("ready") is not False)
    return {(each.get("targetRef") or {}).get("name", "") for each in ready} - {""}
