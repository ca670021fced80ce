"""The edge: takes routing objects in as they change, and sends requests through them to the sandbox's pods."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

from sandbox.edge import gateway, ingress, istio, plain
from sandbox.edge.endpoints import SLICE, Endpoint, Endpoints
from sandbox.edge.measures import RoutedRequest, measure
from sandbox.edge.model import Backend, EdgeRequest, RoutedObject, RoutingRule, held
from sandbox.edge.sending import SENDERS, Senders, sending_of
from sandbox.edge.table import Table
from sandbox.edge.turns import Turns
from sandbox.kubelet.agent import Kubelet
from sandbox.meta import NamespacedName, Object, key_of, kind_of
from sandbox.subresources import Reply
from sandbox.traffic import answered, server_of

_JSON = {"Content-Type": "application/json"}
_ATTEMPTS = 3
_OVERHEAD = 0.001
SOURCES: Mapping[str, Callable[[Object], RoutedObject]] = {
    istio.KIND: istio.source,
    gateway.KIND: gateway.source,
    ingress.KIND: ingress.source,
    plain.KIND: plain.source,
}
_HELD = {istio.KIND, istio.SUBSETS, gateway.KIND, ingress.KIND}


class EdgeAnswer(NamedTuple):
    """What the edge answers after `seconds`; `deliveries` are to be measured then (none where no backend was asked)."""

    reply: Reply
    seconds: float = 0.0
    deliveries: tuple[RoutedRequest, ...] = ()


class Edge:
    """Fed by the loop's thread, asked by any. `senders` are the traffic of its own that objects ask for."""

    def __init__(self, kubelet: Kubelet) -> None:
        self._cluster, self.senders = kubelet.cluster, Senders()
        self._endpoints, self._turns = Endpoints(kubelet.run_of), Turns()
        self._gateways: set[NamespacedName] = set()
        self._table = Table(self._accepted)

    def see(self, event: str, obj: Object, old: Object | None) -> None:
        """Takes a change of any object in."""
        kind = kind_of(obj)
        if kind in _HELD and event != "DELETED" and held(obj):
            return
        if kind in (SLICE, istio.SUBSETS, plain.KIND):
            self._endpoints.see(event, obj)
        if kind in SOURCES:
            self._see_source(event, kind, obj)
        elif kind == gateway.GATEWAY:
            (self._gateways.discard if event == "DELETED" else self._gateways.add)(key_of(obj))
        if kind in SENDERS:
            self._see_sender(event, kind, obj)
        if kind in (gateway.GATEWAY, plain.KIND) and (old is None or event == "DELETED"):
            self._table.parents_changed()

    def answer(self, request: EdgeRequest, who: str) -> EdgeAnswer:
        """The answer to a request. Each `who` takes weighted turns of its own."""
        rule = self._table.find(request)
        if rule is None:
            return EdgeAnswer(_refusal(404, f"no route for {request.host}{request.path}"))
        backend = self._turns.choose(rule, request, who)
        if backend is None:
            return EdgeAnswer(_refusal(500, f"no backend in {rule.kind} {rule.name}"))
        reply, delivery = self._deliver(rule, backend, request)
        mirrored = (self._deliver(rule, rule.mirror, request)[1],) if rule.mirror else ()
        return EdgeAnswer(reply, delivery.seconds, (delivery, *mirrored))

    def count(self, answer: EdgeAnswer) -> None:
        """Measures what an answer took, in the cluster's metrics."""
        for delivery in answer.deliveries:
            measure(self._cluster.metrics, delivery)

    def start(self) -> None:
        """Begins with the traffic of its own."""
        self.senders.start(self._send)

    def stop(self) -> None:
        self.senders.stop()

    def _send(self, request: EdgeRequest) -> None:
        """A request of its own: nobody waits for the answer."""
        self.count(self.answer(request, "own"))

    def _see_source(self, event: str, kind: str, obj: Object) -> None:
        if event == "DELETED":
            self._table.drop(obj["kind"], key_of(obj))
        else:
            self._table.put(SOURCES[kind](obj))

    def _see_sender(self, event: str, kind: str, obj: Object) -> None:
        place = (kind, key_of(obj))
        hosts = tuple(SOURCES[kind](obj).rules) if kind in SOURCES else ()
        self.senders.set(place, None if event == "DELETED" else sending_of(obj, hosts))

    def _accepted(self, source: RoutedObject) -> bool:
        """Whether any parent of an HTTPRoute is there."""
        return any(
            parent.key in self._gateways if parent.kind == gateway.GATEWAY else self._endpoints.has_service(parent.key)
            for parent in source.parents
        )

    def _deliver(self, rule: RoutingRule, backend: Backend, request: EdgeRequest) -> tuple[Reply, RoutedRequest]:
        """Tries up to three endpoints, as proxies do when a connection is refused."""
        endpoints = self._endpoints.of(backend)
        reply, run, seconds = _refusal(503, f"no ready endpoint of {backend.service}"), None, 0.0
        for _ in range(min(_ATTEMPTS, len(endpoints))):
            chosen = self._turns.next_of((backend.namespace, backend.service, backend.subset), endpoints)
            run = chosen.run
            found = _asked(chosen, backend, request)
            if found is not None:
                reply, seconds = found
                break
            reply = _refusal(503, f"dial tcp {run.address}:{chosen.port}: connect: connection refused")
        pod = run.object if run is not None else None
        return reply, RoutedRequest(rule, backend, pod, request, reply.status, seconds + _OVERHEAD)


def _asked(endpoint: Endpoint, backend: Backend, request: EdgeRequest) -> tuple[Reply, float] | None:
    """What a pod answers, and after how many seconds; None where nothing listens."""
    container = server_of(endpoint.run, endpoint.port)
    if container is None:
        return None
    headers = {name.lower(): value for name, value in backend.headers}
    asked = replace(request, headers={**request.headers, **headers}) if headers else request
    return answered(endpoint.run, container, asked)


def _refusal(status: int, words: str) -> Reply:
    return Reply(status, json.dumps({"edge": words}).encode() + b"\n", _JSON)
