"""A canary on paper: the documents' agent-service behind a router that does what it is told, and a clock."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

from environments.kube.names import STABLE, TRACK, TRAFFIC
from environments.kube.objects import Manifest, Ref, ref_of
from environments.manifests.order import stage_of
from portal.steps.flow import Decision
from portal.steps.operations import Operation, Outcome
from releases.engine.facts import Look, Work
from releases.engine.operations import Apply, Prune, Read, Scale
from releases.plan.objects import Wanted
from releases.plan.rollback_plan import back_plan
from releases.states import ENDED
from releases.strategies import Arranging, find
from releases.strategies.shared.policy_step import ReadPolicies
from releases.strategies.shared.traffic_operations import (
    ClearRoute,
    HoldFloor,
    Measure,
    ReadWeight,
    ReleaseFloor,
    SetWeight,
)
from tests.environments.kube.traffic import documents
from tests.releases.rollout.paper import Paper

NAMESPACE = documents.NAMESPACE
AGENT = Ref("apps/v1", "Deployment", NAMESPACE, "agent-service")
CANARY = AGENT._replace(name="agent-service-canary")
SCALER = Ref("autoscaling/v2", "HorizontalPodAutoscaler", NAMESPACE, "agent-service")
PAUSE = 1.0


def deployment(name: str = "agent-service", replicas: int = 4, kind: str = "Deployment") -> Manifest:
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": {**labels, TRACK: STABLE}},
                "spec": {
                    "containers": [
                        {"name": name, "envFrom": [{"configMapRef": {"name": "settings"}}], "readinessProbe": {}}
                    ]
                },
            },
        },
    }


def config(colour: str) -> Manifest:
    metadata = {"name": "settings", "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"COLOUR": colour}}


def autoscaler(name: str = "agent-service", minimum: int = 2) -> Manifest:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"scaleTargetRef": target, "minReplicas": minimum, "maxReplicas": 10},
    }


def bundle(*more: Manifest, colour: str = "blue", routes: str = documents.ISTIO) -> list[Manifest]:
    """agent-service with its Service, its configuration and its route."""
    service = documents.read(documents.SERVICE)[0]
    return [config(colour), service, deployment(), *documents.read(routes), *more]


def wanted(manifests: Sequence[Manifest]) -> tuple[Wanted, ...]:
    waves = {"StatefulSet": 0, "Deployment": 2}
    return tuple(Wanted(each, ref_of(each), stage_of(each), waves.get(each["kind"], 0)) for each in manifests)


def arranging(manifests: Sequence[Manifest], live: Sequence[Manifest] | None = None, **more: Any) -> Arranging:
    """`live`: what the cluster has; None for the same objects."""
    there = {ref_of(each).key: each for each in (manifests if live is None else live)}
    previous = {"objects": [{"ref": list(ref_of(each))} for each in there.values()]} if there else None
    given: dict[str, Any] = {
        "objects": wanted(manifests),
        "application": "ai-workflow",
        "namespace": NAMESPACE,
        "parameters": {},
        "measured": True,
        "previous": previous,
        "live": lambda ref: there.get(ref.key),
    }
    return Arranging(**{**given, **more})


def plan_of(
    manifests: Sequence[Manifest], previous: Mapping[str, Any] | None = None, **parameters: Any
) -> dict[str, Any]:
    """The plan of a canary from these objects to themselves in version 1.1.0."""
    strategy = find("canary")
    parameters = strategy.check(parameters)
    arranged = strategy.arrange(arranging(manifests, parameters=parameters))
    rows = [
        {
            "ref": list(each.ref), "stage": each.stage, "wave": each.wave, "manifest": each.manifest,
            "scaler": False, **({"temporary": True} if each.temporary else {}),
        }
        for each in arranged.objects
    ]  # fmt: skip
    before = {Ref(*row["ref"]).key for row in (previous or {"objects": []})["objects"]}
    temporary = [each for each in arranged.objects if each.temporary]
    plan: dict[str, Any] = {
        "format": 1, "application": "ai-workflow", "environment": "prod", "namespace": NAMESPACE, "version": "1.1.0",
        "objects": rows,
        "prune": [{"ref": list(each.ref), "uid": ""} for each in reversed(temporary)],
        "adopt": [],
        "added": [each.ref.key for each in arranged.objects if each.ref.key not in before],
        "strategy": {"name": "canary", "parameters": parameters},
        "traffic": [dict(entry) for entry in arranged.traffic],
        "notes": arranged.notes,
        "back": {"rollout": None, "version": "", "plan": ""},
    }  # fmt: skip
    plan["steps"] = [step.to_json() for step in strategy.steps(Work.of(plan))]
    return plan


def previous_plan(manifests: Sequence[Manifest]) -> dict[str, Any]:
    """The plan of what ran before, a rolling one."""
    rows = [
        {"ref": list(each.ref), "stage": each.stage, "wave": each.wave, "manifest": each.manifest, "scaler": False}
        for each in wanted(manifests)
    ]
    return {
        "objects": rows, "version": "1.0.0", "strategy": {"name": "rolling", "parameters": {}}, "images": {},
        "references": {}, "smoke_tests": [], "replicas": {},
    }  # fmt: skip


Sampled = Callable[[Measure], Mapping[str, Any]]


def healthy(_action: Measure) -> Mapping[str, Any]:
    return {"canary": 100.0 if _action.metric.name == "success-rate" else 120.0, "requests": 100.0}


def failing(operation: Measure) -> Mapping[str, Any]:
    return {**healthy(operation), "canary": 62.0} if operation.metric.name == "success-rate" else healthy(operation)


class CanaryPaper(Paper):
    """What pods, routes and measurements do follows from what is written; each can be made to misbehave.

    `sampled` gives what is measured, `stuck` has the keys of Deployments that never get ready, `weights` what the
    routes give now, `managers` who wrote that; `late` at how many looks a router has not taken a write up yet.
    """

    def __init__(self, manifests: Sequence[Manifest] | None = None, **parameters: Any) -> None:
        before = bundle(colour="blue") if manifests is None else list(manifests)
        after = [config("green") if each["kind"] == "ConfigMap" else deepcopy(each) for each in before]
        earlier = previous_plan(before)
        plan = plan_of(after, earlier, **{"interval": 6, "count": 2, **parameters})
        super().__init__(plan)
        back = Work.of(back_plan(plan, earlier))
        steps = tuple(step.to_json() for step in find("canary").back(back))
        self.tracks["back"] = replace(back, steps=steps)
        self.plan = plan
        self.sampled: Sampled = healthy
        self.stuck: set[str] = set()
        self.weights: dict[str, int] = {}
        self.managers: dict[str, str] = {}
        self.minimum: int | None = None
        self.log: list[str] = []
        self.late = self.pending = 0
        self.asked: dict[str, tuple[int, Any]] = {}
        self.generations: dict[str, int] = {}
        for each in before:
            if each["kind"] == "Deployment":
                self.size(ref_of(each), each["spec"]["replicas"])

    def size(self, ref: Ref, replicas: int, ready: int | None = None) -> None:
        """A Deployment with so many pods, all of them ready unless it is stuck."""
        generation = self.generations[ref.key] = self.generations.get(ref.key, 1) + 1
        ready = (0 if ref.key in self.stuck else replicas) if ready is None else ready
        status = {
            "observedGeneration": generation, "replicas": replicas, "updatedReplicas": replicas,
            "readyReplicas": ready, "availableReplicas": ready,
        }  # fmt: skip
        metadata = {"name": ref.name, "namespace": ref.namespace, "uid": f"uid-{ref.name}", "generation": generation}
        obj = {**deployment(ref.name), "metadata": metadata, "status": status}
        obj["spec"]["replicas"] = replicas
        self.world[ref.key] = Look(obj, self.facts.now, f"uid-{ref.name}", generation)

    def replicas(self, ref: Ref) -> int:
        found = self.world[ref.key].object
        assert found
        return int(found["spec"]["replicas"])

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> Decision:
        """Passes, a second apart, until the rollout ends or the time is over."""
        decision = self.later(0.0) if self.phases[-1] not in ENDED else self.last
        end = self.facts.now + seconds
        while decision.due_in is not None and self.facts.now < end and not until():
            decision = self.later(PAUSE)
        return decision

    def go(self) -> Decision:
        self.last = super().go()
        return self.last

    def label(self) -> str:
        """The step at work."""
        return str(self.tracks[self.state.track].steps[self.state.index]["label"])

    def edit(self, weight: int, manager: str = "kubectl-edit") -> None:
        """Somebody else sets the weight."""
        self.weights["agent-service"], self.managers["agent-service"] = weight, manager

    def _do(self, operation: Operation) -> Outcome:
        if operation.key in self.broken:
            return super()._do(operation)
        result = self._routed(operation)
        if result is not None:
            self.done.append(operation)
            return Outcome(operation, result)
        match operation:
            case Apply() if operation.ref.kind == "Deployment":
                return self._written(operation, self._wanted_replicas(operation))
            case Scale():
                return self._written(operation, operation.replicas)
            case Prune():
                self.log.append(f"remove {operation.ref.kind} {operation.ref.name}")
        return super()._do(operation)

    def _routed(self, operation: Operation) -> Mapping[str, Any] | None:
        """What comes of an operation on requests, None for any other."""
        match operation:
            case SetWeight():
                self.log.append(f"{operation.key} {operation.weight} %")
                again = self.asked.get(operation.key) == (operation.weight, operation.testers)
                self.asked[operation.key] = (operation.weight, operation.testers)
                self.weights[operation.key], self.managers[operation.key] = operation.weight, TRAFFIC
                self.pending = self.pending - 1 if again else self.late
                return {**self._seen(operation), "wanted": operation.weight}
            case ReadWeight():
                self.pending -= 1
                return self._seen(operation)
            case ClearRoute():
                self.log.append(f"{operation.key} at rest")
                self.weights[operation.key] = 0
                return self._seen(operation)
            case Measure():
                sample = {"metric": operation.metric.name, "workload": operation.route.workload, "at": operation.at}
                return {**sample, **self.sampled(operation)}
        return self._looked_at(operation)

    def _looked_at(self, operation: Operation) -> Mapping[str, Any] | None:
        match operation:
            case HoldFloor():
                self.log.append(f"floor {operation.minimum}")
                self.minimum = operation.minimum
                return {"asked": operation.minimum, "before": 2, "there": True}
            case ReleaseFloor():
                self.log.append("floor given back")
                self.minimum = None
                return {"minimum": 2}
            case ReadPolicies():
                return {"policies": []}
            case Read() if operation.key in self.world:
                return {"object": self.world[operation.key].object}
        return None

    def _written(self, operation: Apply | Scale, replicas: int) -> Outcome:
        self.size(operation.ref, replicas)
        did = "apply" if isinstance(operation, Apply) else "scale"
        self.log.append(f"{did} {operation.ref.name} {replicas}")
        self.done.append(operation)
        generation = self.generations[operation.ref.key]
        return Outcome(operation, {"uid": f"uid-{operation.ref.name}", "generation": generation, "replicas": replicas})

    def _wanted_replicas(self, operation: Apply) -> int:
        target = self.tracks[self.state.track].targets[operation.index]
        held = self.minimum if self.minimum and operation.ref == AGENT else 0
        return max(int(target.manifest["spec"].get("replicas", 1)), held)

    def _seen(self, operation: Any) -> dict[str, Any]:
        manager = self.managers.get(operation.key, TRAFFIC)
        heard = self.pending <= 0
        return {
            "weight": self.weights.get(operation.key, 0), "accepted": heard, "why": "" if heard else "not taken up yet",
            "manager": manager,
            "ours": manager == TRAFFIC, "at": operation.at,
        }  # fmt: skip
