"""Which pods stand behind a Service, as its EndpointSlices say; which of them belong to a subset."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from sandbox.edge import istio
from sandbox.edge.model import Backend
from sandbox.kubelet.pod import PodRun
from sandbox.meta import NamespacedName, Object, key_of, kind_of, labels_of

SLICE, _OWNER = "discovery.k8s.io/EndpointSlice", "kubernetes.io/service-name"


class Endpoint(NamedTuple):
    """A pod and the number of the port that is asked for."""

    run: PodRun
    port: int


class Endpoints:
    """Fed by one thread, read by any: what is fed replaces what was there. `run_of` finds a pod by its name."""

    def __init__(self, run_of: Callable[[str, str], PodRun | None]) -> None:
        self._run_of = run_of
        self._services: dict[NamespacedName, Object] = {}
        self._slices: dict[NamespacedName, tuple[Object, ...]] = {}
        self._subsets: dict[NamespacedName, dict[tuple[str, str], dict[str, dict[str, str]]]] = {}

    def see(self, event: str, obj: Object) -> None:
        """Takes a Service, an EndpointSlice or a DestinationRule in."""
        kind, key, gone = kind_of(obj), key_of(obj), event == "DELETED"
        if kind == SLICE:
            self._see_slice(NamespacedName(key.namespace, labels_of(obj).get(_OWNER, "")), obj, gone=gone)
        elif kind == istio.SUBSETS:
            place, named = istio.subsets(obj)
            self._subsets = {**self._subsets, key: {} if gone else {place: named}}
        elif kind == "Service" and gone:
            self._services.pop(key, None)
        elif kind == "Service":
            self._services[key] = obj

    def _see_slice(self, service: NamespacedName, obj: Object, *, gone: bool) -> None:
        others = [item for item in self._slices.get(service, ()) if key_of(item) != key_of(obj)]
        self._slices[service] = (*others, *(() if gone else (obj,)))
        if not self._slices[service]:
            del self._slices[service]

    def has_service(self, key: NamespacedName) -> bool:
        return key in self._services

    def of(self, backend: Backend) -> list[Endpoint]:
        """The ready ones, by name; of the subset where the backend names one, which may be none."""
        key = NamespacedName(backend.namespace, backend.service)
        service = self._services.get(key)
        port = _port_of(service, backend.port) if service else None
        if port is None:
            return []
        wanted = self._labels(backend) if backend.subset else {}
        if wanted is None:
            return []
        found = [item for each in self._slices.get(key, ()) for item in self._ready(each, port.get("name") or "")]
        return [item for item in found if wanted.items() <= labels_of(item.run.object).items()]

    def _labels(self, backend: Backend) -> Mapping[str, str] | None:
        """The labels of a subset; None for one that nobody defines."""
        place = (backend.namespace, backend.service)
        named = [rules[place] for rules in self._subsets.values() if place in rules]
        return next((rules[backend.subset] for rules in reversed(named) if backend.subset in rules), None)

    def _ready(self, slice_: Object, port: str) -> list[Endpoint]:
        number = next((item.get("port") for item in slice_.get("ports") or () if (item.get("name") or "") == port), 0)
        targets = [item.get("targetRef") for item in slice_.get("endpoints") or () if _is_ready(item)]
        runs = [self._run_of(item["namespace"], item["name"]) for item in targets if item]
        return [Endpoint(run, int(number)) for run in runs if run is not None and number]


def _is_ready(endpoint: Mapping[str, Any]) -> bool:
    return bool((endpoint.get("conditions") or {}).get("ready", True))


def _port_of(service: Object, port: str) -> Mapping[str, Any] | None:
    """The Service's port of a name or number, its first one where none fits; None where it has none."""
    ports = service["spec"].get("ports") or ()
    named = [item for item in ports if port and port in (item.get("name"), str(item["port"]))]
    return next(iter([*named[-1:], *ports]), None)
