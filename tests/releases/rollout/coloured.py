"""A blue-green rollout on paper: a bundle arranged, and a cluster in a few numbers that does what is decided."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from environments.kube.names import STABLE, TRACK
from environments.kube.objects import Manifest, Ref, ref_of
from portal.steps.operations import Operation, Outcome
from releases.engine.facts import Look, Work
from releases.engine.operations import Apply, CountRestarts, Prune, Read, Scale
from releases.plan.objects import Wanted
from releases.plan.rollback_plan import back_plan
from releases.states import Phase
from releases.strategies import Arrangement, Arranging, find
from releases.strategies.blue_green.operations import CountEndpoints, CountPods, Lead, LookLed, Probe
from tests.releases.rollout.paper import Paper, workload

PROBE = {"httpGet": {"path": "/healthz", "port": 8080}}
QUICK = {"checks": 3, "checkSeconds": 2, "soakSeconds": 60, "drainSeconds": 5}
STAGES = {"Service": "services", "Deployment": "workloads", "ConfigMap": "configuration"}


def wanted(api_version: str, kind: str, name: str, spec: Mapping[str, Any], wave: int = 0) -> Wanted:
    manifest = {
        "apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "shop"}, "spec": dict(spec),
    }  # fmt: skip
    return Wanted(manifest, ref_of(manifest), STAGES.get(kind, "after"), wave)


def deployment(name: str = "web", replicas: int = 3, track: str = STABLE, **container: Any) -> Wanted:
    pod = {"containers": [{"name": name, "image": "shop/web:2", "readinessProbe": PROBE, **container}]}
    labels = {"app": name, TRACK: track}
    template = {"metadata": {"labels": labels}, "spec": pod}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template}
    return wanted("apps/v1", "Deployment", name, spec, wave=2)


def service(name: str = "web", **selector: str) -> Wanted:
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    return wanted("v1", "Service", name, {"selector": selector or {"app": name}, "ports": ports})


def scaler(name: str = "web", target: str = "web") -> Wanted:
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": target}
    return wanted("autoscaling/v2", "HorizontalPodAutoscaler", name, {"scaleTargetRef": reference, "maxReplicas": 9})


def budget(name: str = "web") -> Wanted:
    return wanted("policy/v1", "PodDisruptionBudget", name, {"selector": {"matchLabels": {"app": "web"}}})


def ingress(backend: str = "web") -> Wanted:
    path = {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": backend, "port": {"number": 80}}}}
    rules = [{"host": "web.example.test", "http": {"paths": [path]}}]
    return wanted("networking.k8s.io/v1", "Ingress", "web", {"rules": rules})


BUNDLE = (service(), deployment())


def arranged(*objects: Wanted, live: tuple[Wanted, ...] = BUNDLE, **given: Any) -> Arrangement:
    """What the strategy makes of a bundle where these objects are live."""
    there = {each.ref.key: each.manifest for each in live}
    parameters = {**QUICK, "checkCapacity": False, **given.pop("parameters", {})}
    return find("blue-green").arrange(
        Arranging(
            objects=objects or BUNDLE,
            application="shop",
            namespace="shop",
            parameters=parameters,
            live=lambda ref: there.get(ref.key),
            **given,
        )
    )


def plan_of(arrangement: Arrangement, previous: tuple[Wanted, ...] = BUNDLE, **parameters: Any) -> dict[str, Any]:
    """The plan of an arrangement, where the plan before it has these objects."""
    before = {each.ref.key for each in previous}
    now = {each.ref.key for each in arrangement.objects}
    gone = [{"ref": list(each.ref), "uid": f"uid-{each.ref.name}"} for each in previous if each.ref.key not in now]
    passing = [{"ref": list(each.ref), "uid": ""} for each in arrangement.objects if each.temporary]
    plan: dict[str, Any] = {
        "format": 1, "application": "shop", "environment": "dev", "namespace": "shop", "version": "2",
        "objects": [_row(each) for each in arrangement.objects],
        "traffic": list(arrangement.traffic),
        "prune": [*passing, *gone],
        "adopt": [],
        "added": [each.ref.key for each in arrangement.objects if each.ref.key not in before],
        "strategy": {"name": "blue-green", "parameters": {**QUICK, **parameters}},
        "back": {"rollout": None, "version": "", "plan": ""},
    }  # fmt: skip
    plan["steps"] = [step.to_json() for step in find("blue-green").steps(Work.of(plan))]
    return plan


def _row(each: Wanted) -> dict[str, Any]:
    temporary = {"temporary": True} if each.temporary else {}
    return {"ref": list(each.ref), "stage": each.stage, "wave": each.wave, "manifest": each.manifest, **temporary}


class Cluster(Paper):
    """Deployments with their size and ready pods, Services with the track they lead to.

    `late`: how many looks a router takes until it has taken a switch up. `manager`: who has led requests last.
    """

    def __init__(
        self, plan: dict[str, Any], *, previous: tuple[Wanted, ...] = BUNDLE, sizes: Mapping[str, int], **facts: Any
    ) -> None:
        super().__init__(plan, **facts)
        objects = {"objects": [_row(each) for each in previous], "version": "1", "strategy": plan["strategy"]}
        before = {"images": {}, "references": {}, "smoke_tests": [], "replicas": {}, **objects}
        back = Work.of(back_plan(plan, before))
        steps = tuple(step.to_json() for step in find("blue-green").back(back))
        self.tracks["back"] = replace(back, steps=steps)
        self.sizes, self.ready = dict(sizes), dict(sizes)
        self.serving: dict[str, str] = {}
        self.generations: dict[str, int] = {}
        self.stuck: set[str] = set()
        self.answers: dict[str, str] = {}
        self.said = ""
        self.history: list[tuple[str, str]] = []
        self.late = 0
        self.manager = ""

    def size(self, name: str, size: int) -> None:
        """An autoscaler or a person sets a size."""
        self._sized(name, size)

    def reopen(self) -> None:
        """A success is taken up again, to go back."""
        self.facts = replace(self.facts, phase=Phase.ROLLING_BACK)
        self.phases.append(Phase.ROLLING_BACK)
        self.state = replace(self.state, index=0)

    def applied_kinds(self) -> list[str]:
        return [f"{operation.ref.kind} {operation.ref.name}" for operation in self.done if isinstance(operation, Apply)]

    def tracks_of(self, name: str) -> str:
        return name.rpartition("-")[2] if name.endswith(("-blue", "-green")) else STABLE

    def _sized(self, name: str, size: int) -> None:
        self.sizes[name] = size
        self.generations[name] = self.generations.get(name, 1) + 1
        if name not in self.stuck:
            self.ready[name] = size
        self._tell(name)

    def _tell(self, name: str) -> None:
        ref = Ref("apps/v1", "Deployment", "shop", name)
        self.world[ref.key] = Look(self._object(ref), self.facts.now, f"uid-{name}", self.generations.get(name, 1))

    def _object(self, ref: Ref) -> Manifest | None:
        if ref.name not in self.sizes:
            return None
        size, ready = self.sizes[ref.name], self.ready.get(ref.name, 0)
        return workload(ref, ready, size, generation=self.generations.get(ref.name, 1))

    def _do(self, operation: Operation) -> Outcome:
        if self.broken.get(operation.key):
            return super()._do(operation)
        if isinstance(operation, Apply) and operation.ref.kind == "Deployment":
            self.done.append(operation)
            return self._applied(operation)
        result = self._looked(operation) or self._written(operation)
        if result is None:
            return super()._do(operation)
        self.done.append(operation)
        return Outcome(operation, result)

    def _looked(self, operation: Operation) -> dict[str, Any] | None:
        match operation:
            case Read(ref=ref) if ref.kind == "Deployment":
                return {"object": self._object(ref)}
            case CountEndpoints():
                return {"ready": self._endpoints(operation.ref), "at": operation.at}
            case CountPods():
                return {"count": self.sizes.get(operation.ref.name, 0), "at": operation.at}
            case Probe():
                why = next((why for part, why in self.answers.items() if part in operation.key), "")
                self.history.append(("probe", operation.key))
                return {"ok": not why, "why": why, "at": operation.at, "said": self.said if why else ""}
            case CountRestarts():
                return {"count": self.restarts}
            case LookLed():
                self.late -= 1
                return {**self._led(operation.route.text), "at": operation.at}
        return None

    def _led(self, route: str) -> dict[str, Any]:
        why = "it is not taken up yet" if self.late > 0 else ""
        return {
            "target": self.serving[route], "accepted": not why, "why": why, "there": True, "manager": self.manager,
        }  # fmt: skip

    def _written(self, operation: Operation) -> dict[str, Any] | None:
        match operation:
            case Scale():
                self._sized(operation.ref.name, operation.replicas)
                self.history.append(("scale", f"{operation.ref.name} {operation.replicas}"))
                return {"replicas": operation.replicas, "generation": self.generations[operation.ref.name]}
            case Lead():
                self.serving[operation.route.text] = operation.to
                self.history.append(
                    ("lead", f"{operation.route.object.kind if operation.route.object else ''} {operation.to}")
                )
                return self._led(operation.route.text)
            case Prune():
                self._pruned(operation.ref)
                return {"deleted": True}
        return None

    def _applied(self, operation: Apply) -> Outcome:
        target = self.tracks[self.state.track].targets[operation.index]
        if operation.ref.name not in self.sizes:
            self.generations[operation.ref.name] = 0
            self._sized(operation.ref.name, int(target.manifest["spec"].get("replicas", 1)))
        self._tell(operation.ref.name)
        self.history.append(("apply", operation.ref.name))
        generation = self.generations.setdefault(operation.ref.name, 1)
        return Outcome(operation, {"uid": f"uid-{operation.ref.name}", "generation": generation})

    def _pruned(self, ref: Ref) -> None:
        self.history.append(("prune", f"{ref.kind} {ref.name}"))
        if ref.kind == "Deployment":
            self.sizes.pop(ref.name, None)
            self.ready.pop(ref.name, None)

    def _endpoints(self, ref: Ref) -> dict[str, int]:
        target = next((t for t in self.tracks["forward"].targets if t.key == ref.key), None)
        held = self.serving.get(ref.text)
        track = held or (target.manifest["spec"]["selector"].get(TRACK) if target else None)
        found = {self.tracks_of(name): ready for name, ready in self.ready.items() if ready}
        return {name: count for name, count in found.items() if track in (None, name)}

    def run(self, seconds: float = 2.0, most: int = 300) -> list[str]:
        """Passes until it has ended or stands still; the words of each."""
        words = []
        for _ in range(most):
            decision = self.later(seconds)
            words.append(decision.why)
            if decision.due_in is None or decision.phase.value == "paused":
                return words
        raise AssertionError(f"it does not end: {words[-1]}")

    def until(self, words: str, seconds: float = 0.5, most: int = 300) -> None:
        for _ in range(most):
            if words in self.later(seconds).why:
                return
        raise AssertionError(f"{words!r} was not said; {self.later(seconds).why!r}")


def cluster(arrangement: Arrangement | None = None, *, previous: tuple[Wanted, ...] = BUNDLE, **more: Any) -> Cluster:
    """A rollout of web from the plain Deployment to green, where web has 3 pods."""
    parameters, sizes = more.pop("parameters", {}), more.pop("sizes", {"web": 3})
    found = arrangement or arranged(live=previous, parameters=parameters)
    return Cluster(plan_of(found, previous, **parameters), previous=previous, sizes=sizes, **more)
