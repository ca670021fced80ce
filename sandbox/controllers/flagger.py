"""Flagger's controller: it follows the phases of its documentation, with its words, for Deployments.

Routes are Istio's VirtualService; any other provider is Flagger's "kubernetes", which counts iterations. Not here:
webhooks, alerts, metric templates, mirroring, and the copies of ConfigMaps and Secrets.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.client import Client
from sandbox.cluster import SimulatedCluster
from sandbox.controllers import flagger_parts as parts
from sandbox.controllers.base import Controller
from sandbox.controllers.flagger_checks import Checks
from sandbox.controllers.flagger_configs import tracked
from sandbox.errors import ApiError
from sandbox.meta import NamespacedName, Object, deleting, uid_of
from sandbox.store import StoreKey

GROUP = "flagger.app"
FINALIZER = "finalizer.flagger.app"
UNDER_WAY = ("Progressing", "WaitingPromotion", "Promoting", "Finalising")
BEGINNING = ("", "Initializing")
ISTIO = "istio"


class Halted(Exception):
    """Why this look at a Canary ends here."""


class FlaggerController(Controller):
    kind = f"{GROUP}/Canary"

    def __init__(self, cluster: SimulatedCluster) -> None:
        super().__init__(cluster)
        self._client = cluster.client("flagger")
        self._checks = Checks(cluster)
        self._due: dict[str, float] = {}

    def sync(self, key: NamespacedName) -> float | None:
        canary = self._client.get(GROUP, "Canary", key.namespace, key.name)
        if canary is None:
            return None
        if deleting(canary):
            return self._hand_back(canary)
        self._mark(canary)
        now = self.cluster.clock.seconds()
        due = self._due.get(uid_of(canary), now)
        if now < due:
            return due - now
        self._due[uid_of(canary)] = now + parts.interval_of(canary)
        self._look(canary)
        return parts.interval_of(canary)

    def _look(self, canary: Object) -> None:
        look = CanaryAdvance(canary, self._client, self._checks, self.cluster)
        if canary["spec"].get("suspend"):
            look.say("skipping canary run as object is suspended")
            return
        try:
            look.advance()
        except Halted as halted:
            look.warn(str(halted))
        except ApiError as error:
            look.warn(error.message)

    def _mark(self, canary: Object) -> None:
        """Sets the finalizer of a Canary that is to hand back what it took."""
        if canary["spec"].get("revertOnDeletion") and FINALIZER not in _finalizers(canary):
            self._client.change(_key("Canary", canary, GROUP), _add_finalizer)

    def _hand_back(self, canary: Object) -> float | None:
        if FINALIZER not in _finalizers(canary):
            return None
        look = CanaryAdvance(canary, self._client, self._checks, self.cluster)
        if not look.handed_back():
            return 1.0
        self._checks.forget(uid_of(canary))
        self._client.change(_key("Canary", canary, GROUP), _drop_finalizer)
        return None


@dataclass
class CanaryAdvance:
    """One look at a Canary: what Flagger calls advancing it."""

    canary: Object
    client: Client
    checks: Checks
    cluster: SimulatedCluster

    # -- reading ------------------------------------------------------------------------------------------------------

    @property
    def namespace(self) -> str:
        return str(self.canary["metadata"]["namespace"])

    @property
    def name(self) -> str:
        return f"{self.canary['metadata']['name']}.{self.namespace}"

    @property
    def phase(self) -> str:
        return str((self.canary.get("status") or {}).get("phase") or "")

    @property
    def weight(self) -> int:
        return int((self.canary.get("status") or {}).get("canaryWeight") or 0)

    @property
    def iterations(self) -> int:
        return int((self.canary.get("status") or {}).get("iterations") or 0)

    @property
    def target(self) -> Object:
        return self._deployment(parts.target_of(self.canary))

    @property
    def primary(self) -> Object:
        return self._deployment(f"{parts.target_of(self.canary)}-primary")

    @property
    def label(self) -> tuple[str, str]:
        found = parts.selector_label(self.target)
        if found is None:
            words = f"spec.selector.matchLabels must contain one of {list(parts.SELECTOR_LABELS)}"
            raise Halted(f"deployment {self._target_name} {words}")
        return found

    @property
    def _target_name(self) -> str:
        return f"{parts.target_of(self.canary)}.{self.namespace}"

    @property
    def _routed(self) -> bool:
        return (self.canary["spec"].get("provider") or ISTIO) == ISTIO

    def _deployment(self, name: str) -> Object:
        found = self.client.get("apps", "Deployment", self.namespace, name)
        if found is None:
            words = f'deployment {name}.{self.namespace} get query error: deployments.apps "{name}" not found'
            raise Halted(words)
        return found

    # -- telling ------------------------------------------------------------------------------------------------------

    def say(self, words: str) -> None:
        self.cluster.recorder.event(self.canary, "Normal", "Synced", words, "flagger")

    def warn(self, words: str) -> None:
        self.cluster.recorder.event(self.canary, "Warning", "Synced", words, "flagger")

    def _status(self, status: dict[str, Any]) -> None:
        def edit(obj: Object) -> None:
            obj["status"] = {**(obj.get("status") or {}), **status}

        found = self.client.change(_key("Canary", self.canary, GROUP), edit, "status")
        self.canary = found or self.canary

    def _move(self, phase: str) -> None:
        self._status(parts.with_phase(self.canary, phase, self._stamp))

    def _sync(self, phase: str) -> None:
        noted = {"trackedConfigs": tracked(self.client, self.target)}
        self._status(parts.synced(self.canary, phase, parts.revision(self.target), self._stamp) | noted)

    @property
    def _changed(self) -> bool:
        known = (self.canary.get("status") or {}).get("trackedConfigs") or {}
        return parts.changed_since(self.canary, self.target) or tracked(self.client, self.target) != known

    @property
    def _stamp(self) -> str:
        return self.cluster.clock.moment().stamp

    # -- the steps of a look ------------------------------------------------------------------------------------------

    def advance(self) -> None:
        if not self.phase:
            self._move("Initializing")
        self._prepare()
        if self.phase in BEGINNING:
            self._scale_target(0)
            self._sync("Initialized")
            self.say(f"Initialization done! {self.name}")
        elif self.phase in UNDER_WAY:
            self._go_on()
        else:
            self._notice()

    def _prepare(self) -> None:
        """Services, primary, autoscaler and route, made or put right."""
        names, (label, value) = parts.names_of(self.canary), self.label
        self._service(names.canary, {label: value})
        self._service(names.primary, {label: f"{value}-primary"})
        primary_name = f"{parts.target_of(self.canary)}-primary"
        if self.client.get("apps", "Deployment", self.namespace, primary_name) is None:
            self.client.create(parts.primary_deployment(self.canary, self.target, (label, value)))
        if self.phase in BEGINNING and not parts.skips_analysis(self.canary):
            self._require_ready(self.primary, "")
        self._autoscaler()
        self._service(names.apex, {label: f"{value}-primary"})
        if self._routed:
            self._route()

    def _notice(self) -> None:
        """Nothing is under way: is there a new revision?"""
        changed = self._changed
        if self.phase == "Failed":
            self._sync("Failed")
        if not changed:
            return
        self.say(f"New revision detected! Scaling up {self._target_name}")
        self._scale_target(self._size())
        self._sync("Progressing")

    def _go_on(self) -> None:
        if not parts.skips_analysis(self.canary):
            self._require_ready(self.primary, "")
        if self.phase in ("Progressing", "WaitingPromotion") and self._changed:
            self.say(f"New revision detected! Restarting analysis for {self._target_name}")
            self._set_weight(0)
            self._sync("Progressing")
            return
        self._require_ready(self.target, "canary ")
        if parts.skips_analysis(self.canary):
            self._promote_at_once()
        elif self.phase == "Promoting":
            self.say("Routing all traffic to primary")
            self._set_weight(0)
            self._move("Finalising")
        elif self.phase == "Finalising":
            self._scale_target(0)
            self._move("Succeeded")
            self.say(f"Promotion completed! Scaling down {self._target_name}")
        else:
            self._analyse()

    def _analyse(self) -> None:
        failed = int(self.canary["status"].get("failedChecks") or 0)
        if failed >= parts.threshold_of(self.canary):
            self.warn(f"Rolling back {self.name} failed checks threshold reached {failed}")
            self._fail()
            return
        if not self.weight and not self.iterations:
            self.say(f"Starting canary analysis for {self._target_name}")
        elif words := self.checks.halt(self.canary):
            self._status({"failedChecks": failed + 1, "lastTransitionTime": self._stamp})
            self.warn(words)
            return
        self._step()

    def _step(self) -> None:
        iterations = int(parts.analysis_of(self.canary).get("iterations") or 0)
        if iterations > self.iterations:
            done = self.iterations + 1
            self._status({"iterations": done, "lastTransitionTime": self._stamp})
            self.say(f"Advance {self.name} canary iteration {done}/{iterations}")
        elif not iterations and self.weight < parts.max_weight(self.canary):
            weight = parts.next_weight(self.canary, self.weight)
            self.checks.begin(self.canary)
            self._set_weight(weight)
            self._status({"canaryWeight": weight, "lastTransitionTime": self._stamp})
            self.say(f"Advance {self.name} canary weight {weight}")
        else:
            self._promote()
            self._move("Promoting")

    def _promote(self) -> None:
        primary, target, label = self.primary, self.target, self.label
        self.say(f"Copying {self._target_name} template spec to {primary['metadata']['name']}.{self.namespace}")
        scaled = "autoscalerRef" in self.canary["spec"]
        self._change(primary, lambda obj: parts.promoted(obj, target, label, scaled=scaled))

    def _promote_at_once(self) -> None:
        self._set_weight(0)
        self._promote()
        self._scale_target(0)
        self._move("Succeeded")
        self.say(f"Promotion completed! Canary analysis was skipped for {self._target_name}")

    def _fail(self) -> None:
        self._set_weight(0)
        self.warn(f"Canary failed! Scaling down {self.name}")
        self._scale_target(0)
        self._sync("Failed")

    def handed_back(self) -> bool:
        """Gives target, Service and route back to whoever had them; False while the target is not ready yet."""
        try:
            target = self.target
        except Halted:
            return True
        if self.phase != "Terminating":
            self._move("Terminating")
            self.say(f"Terminating canary {self.name}")
        try:
            self._scale_target(max(1, int(self.primary["spec"].get("replicas") or 0)))
            self._require_ready(self.target, "canary ")
        except Halted:
            return False
        selector = parts.selector_label(target)
        if selector:
            self._service(parts.names_of(self.canary).apex, dict([selector]))
        return True

    # -- hands --------------------------------------------------------------------------------------------------------

    def _change(self, found: Object, edit: Callable[[Object], None]) -> None:
        self.client.change(_key(found["kind"], found, found["apiVersion"].rpartition("/")[0]), edit)

    def _scale_target(self, replicas: int) -> None:
        self._change(self.target, lambda obj: obj["spec"].update(replicas=replicas))

    def _size(self) -> int:
        """How many pods the target gets: as many as it says, else as the primary has; one under an autoscaler."""
        own = int(self.target["spec"].get("replicas") or 0)
        primary = int(self.primary["spec"].get("replicas") or 0)
        return own or (1 if "autoscalerRef" in self.canary["spec"] else primary) or 1

    def _service(self, name: str, selector: dict[str, str]) -> None:
        found = self.client.get("", "Service", self.namespace, name)
        if found is None:
            self.client.create(parts.service(self.canary, name, selector))
            return
        ports = parts.service_ports(self.canary)
        if found["spec"].get("selector") != selector or not _same_ports(found["spec"]["ports"], ports):
            self._change(found, lambda obj: obj["spec"].update(selector=selector, ports=ports))

    def _autoscaler(self) -> None:
        reference = self.canary["spec"].get("autoscalerRef")
        if not reference or reference["kind"] != "HorizontalPodAutoscaler":
            return
        own = self.client.get("autoscaling", reference["kind"], self.namespace, reference["name"])
        if own is None:
            raise Halted(f"HorizontalPodAutoscaler {reference['name']}.{self.namespace} get query error: not found")
        if self.client.get("autoscaling", reference["kind"], self.namespace, f"{reference['name']}-primary") is None:
            self.client.create(parts.primary_autoscaler(self.canary, own))

    def _route(self) -> None:
        """Puts the route right, less its weights."""
        apex = parts.names_of(self.canary).apex
        found = self.client.get("networking.istio.io", "VirtualService", self.namespace, apex)
        wanted = parts.virtual_service(self.canary, _weight_in(found, parts.names_of(self.canary).canary))
        if found is None:
            self.client.create(wanted)
        elif found["spec"] != wanted["spec"]:
            self._change(found, lambda obj: obj.update(spec=wanted["spec"]))

    def _set_weight(self, weight: int) -> None:
        if not self._routed:
            return
        wanted = parts.virtual_service(self.canary, weight)
        apex = parts.names_of(self.canary).apex
        found = self.client.get("networking.istio.io", "VirtualService", self.namespace, apex)
        if found is not None:
            self._change(found, lambda obj: obj.update(spec=wanted["spec"]))

    def _require_ready(self, deployment: Object, what: str) -> None:
        name = f"{deployment['metadata']['name']}.{self.namespace}"
        if words := parts.not_ready(deployment):
            raise Halted(f"{what + 'deployment ' if what else ''}{name} not ready: {words}")


def _same_ports(have: list[Object], wanted: list[Object]) -> bool:
    return len(have) == len(wanted) and all(new.items() <= old.items() for old, new in zip(have, wanted, strict=True))


def _weight_in(route: Object | None, host: str) -> int:
    rules = (route or {}).get("spec", {}).get("http") or ()
    targets = [each for rule in rules for each in rule.get("route") or () if each["destination"].get("host") == host]
    return int(targets[0].get("weight") or 0) if targets else 0


def _key(kind: str, obj: Object, group: str) -> StoreKey:
    return StoreKey(group, kind, obj["metadata"]["namespace"], obj["metadata"]["name"])


def _finalizers(obj: Object) -> list[str]:
    return obj["metadata"].get("finalizers") or []


def _add_finalizer(obj: Object) -> None:
    obj["metadata"]["finalizers"] = [*_finalizers(obj), FINALIZER]


def _drop_finalizer(obj: Object) -> None:
    obj["metadata"]["finalizers"] = [each for each in _finalizers(obj) if each != FINALIZER]
