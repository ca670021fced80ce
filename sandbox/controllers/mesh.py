"""What istiod writes into the mesh's objects: whether they make sense, as a condition, messages and events."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sandbox import mesh_checks
from sandbox.controllers.base import Controller
from sandbox.edge.model import held
from sandbox.mesh_checks import ENTRY, PEERS, ROUTES, RULE, SERVICE, MeshFinding
from sandbox.meta import NamespacedName, Object, changed, deleting, generation_of, key_of, kind_of

_COMPONENT = "istiod"
_PAGE = "https://istio.io/latest/docs/reference/config/analysis/{}/?ref=status"


class _MeshController(Controller):
    """Looks at one object; what is wrong with it depends on the others."""

    around: tuple[str, ...] = ()

    def concerned(self, event: str, obj: Object, old: Object | None) -> Iterable[NamespacedName]:
        yield from super().concerned(event, obj, old)
        if kind_of(obj) in self.around and (old is None or event == "DELETED" or _says(obj) != _says(old)):
            yield from [key_of(each) for each in self.view.all(self.kind)]

    def sync(self, key: NamespacedName) -> float | None:
        obj = self.view.get(self.kind, key)
        if obj is None or deleting(obj) or held(obj):
            return None
        kinds = (self.view.all(kind) for kind in (SERVICE, ENTRY, RULE))
        findings = mesh_checks.check(obj, mesh_checks.known(*kinds))
        before = obj.get("status") or {}
        status = self._status(obj, before, findings)
        if status != before:
            self.cluster.hands.update_status(changed(obj, status=status))
            self._tell(obj, before, findings)
        return None

    def _status(self, obj: Object, before: Mapping[str, Any], findings: Sequence[MeshFinding]) -> dict[str, Any]:
        generation = str(generation_of(obj))
        status = {**before, "observedGeneration": generation, "conditions": [self._condition(before, findings)]}
        status["conditions"][0]["observedGeneration"] = generation
        status.pop("validationMessages", None)
        if findings:
            status["validationMessages"] = [_message(each) for each in findings]
        return status

    def _condition(self, before: Mapping[str, Any], findings: Sequence[MeshFinding]) -> dict[str, Any]:
        old = _first(before)
        holds = "False" if findings else "True"
        now = self.cluster.clock.moment().stamp
        when = old.get("lastTransitionTime", now) if old.get("status") == holds else now
        condition = {"type": "Reconciled", "status": holds, "lastProbeTime": when, "lastTransitionTime": when}
        if findings:
            condition |= {"reason": "ValidationFailed", "message": "; ".join(each.text for each in findings)}
        return condition

    def _tell(self, obj: Object, before: Mapping[str, Any], findings: Sequence[MeshFinding]) -> None:
        said = str(_first(before).get("message", ""))
        for each in findings:
            if each.text not in said:
                self.cluster.hands.event(obj, "Warning", each.name, f"[{each.code}] {each.message}", _COMPONENT)


def _first(status: Mapping[str, Any]) -> Mapping[str, Any]:
    conditions = status.get("conditions") or [{}]
    first: Mapping[str, Any] = conditions[0]
    return first


def _says(obj: Object) -> tuple[Any, Any]:
    return obj.get("spec"), obj["metadata"].get("labels")


def _message(finding: MeshFinding) -> dict[str, Any]:
    return {
        "level": finding.level,
        "type": {"name": finding.name, "code": finding.code},
        "documentationUrl": _PAGE.format(finding.code.lower()),
    }


class DestinationRuleController(_MeshController):
    kind = RULE
    around = (SERVICE, ENTRY)


class VirtualServiceController(_MeshController):
    kind = ROUTES
    around = (SERVICE, ENTRY, RULE)


class PeerAuthenticationController(_MeshController):
    kind = PEERS


class AuthorizationPolicyController(_MeshController):
    kind = "security.istio.io/AuthorizationPolicy"


class TelemetryController(_MeshController):
    kind = "telemetry.istio.io/Telemetry"


class ServiceEntryController(_MeshController):
    kind = ENTRY
