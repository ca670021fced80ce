"""What a Gateway API controller writes: whether classes, gateways and routes are accepted."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sandbox.controllers.base import Controller
from sandbox.edge.gateway import GATEWAY, KIND, parents_of, services_of
from sandbox.edge.model import Parent, held
from sandbox.meta import NamespacedName, Object, changed, deleting, generation_of, key_of, kind_of

_CONTROLLER, _ADDRESS = "test.slipway/edge", "10.250.0.1"
_ACCEPTED, _PROGRAMMED = ("Accepted", "True", "Accepted"), ("Programmed", "True", "Programmed")
_RESOLVED = ("ResolvedRefs", "True", "ResolvedRefs")
_Verdict = tuple[str, str, str]


class _Accepting(Controller):
    """Writes a status where it is another one."""

    def sync(self, key: NamespacedName) -> float | None:
        obj = self.view.get(self.kind, key)
        if obj is None or deleting(obj) or held(obj):
            return None
        before = obj.get("status") or {}
        status = {**before, **self._status(obj, before)}
        if status != before:
            self.cluster.hands.update_status(changed(obj, status=status))
        return None

    def _status(self, obj: Object, before: Mapping[str, Any]) -> dict[str, Any]:
        raise NotImplementedError

    def _conditions(self, obj: Object, before: Mapping[str, Any], *verdicts: _Verdict) -> list[dict[str, Any]]:
        """Type, status and reason of each; the time of transition moves with the status alone."""
        old = {(item["type"], item["status"]): item for item in before.get("conditions") or ()}
        now, generation = self.cluster.clock.moment().stamp, generation_of(obj)
        return [
            {
                "type": kind,
                "status": status,
                "reason": reason,
                "message": "",
                "observedGeneration": generation,
                "lastTransitionTime": old.get((kind, status), {}).get("lastTransitionTime", now),
            }
            for kind, status, reason in verdicts
        ]


class GatewayClassController(_Accepting):
    kind = "gateway.networking.k8s.io/GatewayClass"

    def _status(self, obj: Object, before: Mapping[str, Any]) -> dict[str, Any]:
        return {"conditions": self._conditions(obj, before, _ACCEPTED)}


class GatewayController(_Accepting):
    kind = GATEWAY

    def concerned(self, event: str, obj: Object, old: Object | None) -> Iterable[NamespacedName]:
        yield from super().concerned(event, obj, old)
        if kind_of(obj) == KIND:
            for route in (obj, *([old] if old is not None else [])):
                yield from (parent.key for parent in parents_of(route) if parent.kind == GATEWAY)

    def _status(self, obj: Object, before: Mapping[str, Any]) -> dict[str, Any]:
        attached = self._attached(key_of(obj))
        known = {item["name"]: item for item in before.get("listeners") or ()}
        names = [item["name"] for item in (obj.get("spec") or {}).get("listeners") or ()]
        return {
            "addresses": [{"type": "IPAddress", "value": _ADDRESS}],
            "conditions": self._conditions(obj, before, _ACCEPTED, _PROGRAMMED),
            "listeners": [self._listener(obj, name, known.get(name, {}), attached) for name in names],
        }

    def _attached(self, key: NamespacedName) -> int:
        routes = (parents_of(route) for route in self.view.all(KIND))
        return sum(parent == Parent(GATEWAY, key) for parents in routes for parent in parents)

    def _listener(self, obj: Object, name: str, before: Mapping[str, Any], attached: int) -> dict[str, Any]:
        return {
            "name": name,
            "attachedRoutes": attached,
            "supportedKinds": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute"}],
            "conditions": self._conditions(obj, before, _ACCEPTED, _PROGRAMMED, _RESOLVED),
        }


class HTTPRouteController(_Accepting):
    kind = KIND

    def concerned(self, event: str, obj: Object, old: Object | None) -> Iterable[NamespacedName]:
        yield from super().concerned(event, obj, old)
        if kind_of(obj) in (GATEWAY, "Service") and (old is None or event == "DELETED"):
            yield from map(key_of, self.view.all(KIND))

    def _status(self, obj: Object, before: Mapping[str, Any]) -> dict[str, Any]:
        found = all(self.view.get("Service", key) for key in services_of(obj))
        resolved = _RESOLVED if found else ("ResolvedRefs", "False", "BackendNotFound")
        old: Sequence[Mapping[str, Any]] = before.get("parents") or ()
        references = (obj.get("spec") or {}).get("parentRefs") or ()
        return {
            "parents": [
                {
                    "parentRef": reference,
                    "controllerName": _CONTROLLER,
                    "conditions": self._conditions(
                        obj, old[place] if place < len(old) else {}, self._verdict(parent), resolved
                    ),
                }
                for place, (reference, parent) in enumerate(zip(references, parents_of(obj), strict=True))
            ]
        }

    def _verdict(self, parent: Parent) -> _Verdict:
        return _ACCEPTED if self.view.get(*parent) else ("Accepted", "False", "NoMatchingParent")
