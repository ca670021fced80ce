"""A rollout on paper: a plan, a world told in a line each, and a clock; for tests of what is decided."""

from dataclasses import replace
from typing import Any

from environments.kube.objects import Ref
from portal.steps.flow import Decision
from portal.steps.operations import Operation, Outcome, Trouble
from portal.steps.state import Placed, State, StepChange
from releases.engine.decide import absorb, decide
from releases.engine.facts import Facts, Look, Work
from releases.engine.operations import Apply, CountRestarts, Diagnose, Halt, Read
from releases.states import Phase, check_move
from releases.strategies import find

WEB = Ref("apps/v1", "Deployment", "shop", "web")
API = Ref("apps/v1", "Deployment", "shop", "api")
DB = Ref("apps/v1", "StatefulSet", "shop", "db")
SETTINGS = Ref("v1", "ConfigMap", "shop", "settings")
SCALER = Ref("autoscaling/v2", "HorizontalPodAutoscaler", "shop", "web")
PLACES = {
    "StatefulSet": ("workloads", 0),
    "Deployment": ("workloads", 2),
    "ConfigMap": ("configuration", 0),
    "HorizontalPodAutoscaler": ("after", 0),
    "Namespace": ("definitions", 0),
    "Service": ("services", 0),
    "Ingress": ("after", 0),
}


def plan_of(*refs: Ref, prune: tuple[Ref, ...] = (), adopt: tuple[Ref, ...] = (), **parameters: Any) -> dict[str, Any]:
    """A plan of these objects, in the order of their stages."""
    plan: dict[str, Any] = {
        "objects": [
            {"ref": list(ref), "stage": PLACES[ref.kind][0], "wave": PLACES[ref.kind][1], "manifest": _manifest(ref)}
            for ref in refs
        ],
        "prune": [{"ref": list(ref), "uid": f"uid-{ref.name}"} for ref in prune],
        "adopt": [list(ref) for ref in adopt],
        "strategy": {"name": "rolling", "parameters": parameters},
    }
    plan["steps"] = [step.to_json() for step in find("rolling").steps(Work.of(plan))]
    return plan


def containers_of(plan: dict[str, Any], *containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """The plan with these containers in its first object, and more in its spec."""
    plan["objects"][0]["manifest"]["spec"] = {"template": {"spec": {"containers": list(containers)}}, **spec}
    return plan


def _manifest(ref: Ref) -> dict[str, Any]:
    metadata = {"name": ref.name, "namespace": ref.namespace}
    return {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": metadata, "spec": {}}


def workload(ref: Ref, ready: int, wanted: int = 3, *, generation: int = 2, **spec: Any) -> dict[str, Any]:
    """What the cluster tells of a Deployment or StatefulSet that has `ready` pods of the newest revision."""
    status = {
        "observedGeneration": generation, "replicas": wanted, "updatedReplicas": ready, "readyReplicas": ready,
        "availableReplicas": ready,
    }  # fmt: skip
    return {
        "apiVersion": ref.api_version,
        "kind": ref.kind,
        "metadata": {"name": ref.name, "namespace": ref.namespace, "uid": f"uid-{ref.name}", "generation": generation},
        "spec": {"replicas": wanted, **spec},
        "status": status,
    }


class Paper:
    """Decides, does what was decided in an instant, and decides again, as the reconciler does."""

    def __init__(self, plan: dict[str, Any], back: dict[str, Any] | None = None, **facts: Any) -> None:
        self.tracks = {"forward": Work.of(plan), "back": Work.of(back or plan_of())}
        if back:
            steps = tuple(step.to_json() for step in find("rolling").back(self.tracks["back"]))
            self.tracks["back"] = replace(self.tracks["back"], steps=steps)
        self.state = State()
        self.facts = Facts(now=1000.0, phase=Phase.PROGRESSING, **facts)
        self.world: dict[str, Look] = {}
        self.broken: dict[str, Trouble] = {}
        self.pods: dict[str, dict[str, Any]] = {}
        self.read: dict[str, dict[str, Any] | None] = {}
        self.restarts = 0
        self.done: list[Operation] = []
        self.phases = [Phase.PROGRESSING]
        self.steps: list[tuple[str, int, str]] = []
        self.records: list[StepChange] = []
        self.on_record: list[Placed] = []

    def tell(self, ref: Ref, obj: dict[str, Any] | None) -> None:
        """A watch tells of an object."""
        generation = obj["metadata"]["generation"] if obj else 0
        self.world[ref.key] = Look(obj, self.facts.now, f"uid-{ref.name}", generation)

    def say(self, intent: str) -> Decision:
        """A person wants something."""
        self.facts = replace(self.facts, intent=intent, intent_by="lead")
        return self.go()

    def later(self, seconds: float) -> Decision:
        """Time passes, and the rollout is looked at again."""
        self.facts = replace(self.facts, now=self.facts.now + seconds)
        return self.go()

    def go(self) -> Decision:
        """One pass."""
        for _ in range(50):
            facts = replace(self.facts, looks=self.world)
            stored = replace(State.from_json(self.state.to_json()), records=self.state.records)
            decision = decide(stored, self.tracks[stored.track], facts)
            self._note(decision)
            if not decision.operations and not decision.again:
                return decision
            self.state = absorb(self.state, [self._do(operation) for operation in decision.operations], self.facts.now)
        raise AssertionError("it goes round in circles")

    def _note(self, decision: Decision) -> None:
        for move in decision.moves:
            check_move(self.phases[-1], move.phase)
            self.phases.append(move.phase)
        self.steps += [(each.track, each.index, each.state) for each in decision.steps]
        self.records += decision.steps
        self.on_record += decision.state.records
        self.state = decision.state.recorded()
        self.facts = replace(self.facts, phase=decision.phase, intent="")

    def _do(self, operation: Operation) -> Outcome:
        self.done.append(operation)
        if trouble := self.broken.get(operation.key):
            return Outcome(operation, trouble=trouble)
        match operation:
            case Apply() | Halt():
                return Outcome(operation, {"uid": f"uid-{operation.ref.name}", "generation": 2})
            case Read():
                return Outcome(operation, {"object": self.read.get(operation.key)})
            case CountRestarts():
                return Outcome(operation, {"count": self.restarts})
            case Diagnose():
                return Outcome(operation, self.pods.get(operation.key, {"problems": [], "summary": "", "freed": []}))
        return Outcome(operation, {"managers": ["kubectl-edit"], "deleted": True})

    def applied(self) -> list[str]:
        return [operation.ref.name for operation in self.done if isinstance(operation, Apply)]

    def looked(self) -> int:
        return sum(isinstance(operation, Diagnose) for operation in self.done)
