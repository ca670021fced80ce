"""On which node a pod may run, and why on none. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from kube_schema.match_expressions import expression_holds
from kube_schema.quantity import parse
from sandbox.meta import Object, labels_of, matches

_PERMANENT = ("untolerated taint", "affinity/selector", "were unschedulable", "affinity rules")


class NodeRoom(NamedTuple):
    """Millicores, bytes of memory and of ephemeral storage, pods."""

    cpu: int = 0
    memory: int = 0
    storage: int = 0
    pods: int = 0

    def plus(self, other: "NodeRoom", sign: int = 1) -> "NodeRoom":
        return NodeRoom(*(mine + sign * theirs for mine, theirs in zip(self, other, strict=True)))


_RESOURCES = (("cpu", 0), ("memory", 1), ("ephemeral-storage", 2))


@lru_cache(maxsize=4096)
def _amount(resource: str, quantity: str) -> int:
    value = parse(quantity)
    return int(value * 1000) if resource == "cpu" else int(value)


def _room(quantities: Mapping[str, Any], pods: int) -> NodeRoom:
    cpu, memory, storage = (_amount(name, str(quantities.get(name, 0))) for name, _ in _RESOURCES)
    return NodeRoom(cpu, memory, storage, pods)


def allocatable(node: Object) -> NodeRoom:
    """Nothing, as long as no kubelet has reported."""
    quantities = (node.get("status") or {}).get("allocatable") or {}
    return _room(quantities, int(quantities.get("pods", 0)))


def requests_of(pod: Object) -> NodeRoom:
    """What a pod asks for: its containers and sidecars together, or its largest init container."""
    spec = pod["spec"]
    total = NodeRoom(pods=1)
    for container in spec["containers"]:
        total = total.plus(_requested(container))
    largest = NodeRoom()
    for container in spec.get("initContainers") or ():
        asked = _requested(container)
        if container.get("restartPolicy") == "Always":
            total = total.plus(asked)
        else:
            largest = NodeRoom(*map(max, largest, asked))
    return NodeRoom(*map(max, total, largest)).plus(_room(spec.get("overhead") or {}, 0))


def _requested(container: Object) -> NodeRoom:
    resources = container.get("resources") or {}
    return _room({**(resources.get("limits") or {}), **(resources.get("requests") or {})}, 0)


@dataclass
class Space:
    """A node and what is used of it; `pods` are the labels of its pods by namespace and uid."""

    node: Object
    total: NodeRoom
    used: NodeRoom = field(default_factory=NodeRoom)
    pods: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)
    ports: Counter[tuple[int, str]] = field(default_factory=Counter)

    @property
    def name(self) -> str:
        return str(self.node["metadata"]["name"])


def tolerates(pod: Object, taint: Mapping[str, Any]) -> bool:
    for item in pod["spec"].get("tolerations") or ():
        if item.get("effect") and item["effect"] != taint["effect"]:
            continue
        if item.get("key") and item["key"] != taint["key"]:
            continue
        if item.get("operator", "Equal") == "Exists" or item.get("value", "") == taint.get("value", ""):
            return True
    return False


def untolerated(pod: Object, node: Object) -> bool:
    """Whether the node has a taint that keeps the pod away."""
    taints = node["spec"].get("taints") or ()
    return any(taint["effect"] != "PreferNoSchedule" and not tolerates(pod, taint) for taint in taints)


def wants(pod: Object, node: Object) -> bool:
    """Whether nodeSelector and required node affinity allow the node."""
    labels, spec = labels_of(node), pod["spec"]
    if any(labels.get(key) != value for key, value in (spec.get("nodeSelector") or {}).items()):
        return False
    affinity = ((spec.get("affinity") or {}).get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    )
    if not affinity:
        return True
    fields = {"metadata.name": node["metadata"]["name"]}
    return any(_term_holds(term, labels, fields) for term in affinity.get("nodeSelectorTerms") or ())


def _term_holds(term: Mapping[str, Any], labels: Mapping[str, str], fields: Mapping[str, str]) -> bool:
    by_label, by_field = term.get("matchExpressions") or (), term.get("matchFields") or ()
    return bool(by_label or by_field) and (
        all(expression_holds(item, labels) for item in by_label)
        and all(expression_holds(item, fields) for item in by_field)
    )


def obstacles(pod: Object, asked: NodeRoom, space: Space, spaces: Sequence[Space]) -> list[str]:
    """Why the pod cannot go to a node, in the scheduler's words; [] where it can."""
    node = space.node
    if node["spec"].get("unschedulable") and not tolerates(
        pod, {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
    ):
        return ["node(s) were unschedulable"]
    if untolerated(pod, node):
        return ["node(s) had untolerated taint(s)"]
    if not wants(pod, node):
        return ["node(s) didn't match Pod's node affinity/selector"]
    if any(space.ports[port] for port in host_ports(pod)):
        return ["node(s) didn't have free ports for the requested pod ports"]
    return _lacking(asked, space) or _apart(pod, space, spaces)


def _lacking(asked: NodeRoom, space: Space) -> list[str]:
    reasons = ["Too many pods"] if space.used.pods + 1 > space.total.pods else []
    for name, place in _RESOURCES:
        if asked[place] and space.used[place] + asked[place] > space.total[place]:
            reasons.append(f"Insufficient {name}")
    return reasons


def host_ports(pod: Object) -> list[tuple[int, str]]:
    ports = (port for container in pod["spec"]["containers"] for port in container.get("ports") or ())
    return [(port["hostPort"], port.get("protocol", "TCP")) for port in ports if port.get("hostPort")]


def _apart(pod: Object, space: Space, spaces: Sequence[Space]) -> list[str]:
    """Required affinity and anti-affinity between pods."""
    affinity = pod["spec"].get("affinity") or {}
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    for term in (affinity.get("podAffinity") or {}).get(required) or ():
        if not _has_neighbour(pod, term, space, spaces) and not _is_first(pod, term, spaces):
            return ["node(s) didn't match pod affinity rules"]
    for term in (affinity.get("podAntiAffinity") or {}).get(required) or ():
        if _has_neighbour(pod, term, space, spaces):
            return ["node(s) didn't match pod anti-affinity rules"]
    return []


def _has_neighbour(pod: Object, term: Mapping[str, Any], space: Space, spaces: Sequence[Space]) -> bool:
    key = term["topologyKey"]
    domain = labels_of(space.node).get(key)
    if domain is None:
        return False
    close = (other for other in spaces if labels_of(other.node).get(key) == domain)
    return any(_meant(pod, term, namespace, labels) for other in close for namespace, labels in other.pods.values())


def _is_first(pod: Object, term: Mapping[str, Any], spaces: Sequence[Space]) -> bool:
    """A pod whose affinity is to its own kind must be able to start somewhere."""
    everyone = (item for space in spaces for item in space.pods.values())
    if any(_meant(pod, term, namespace, labels) for namespace, labels in everyone):
        return False
    return _meant(pod, term, pod["metadata"]["namespace"], labels_of(pod))


def _meant(pod: Object, term: Mapping[str, Any], namespace: str, labels: Mapping[str, str]) -> bool:
    namespaces = term.get("namespaces") or [pod["metadata"]["namespace"]]
    return namespace in namespaces and matches(term.get("labelSelector"), labels)


class Choice(NamedTuple):
    """`node` is "" where none fits; `message` then says why."""

    node: str
    message: str


def choose(pod: Object, spaces: Sequence[Space]) -> Choice:
    """The node with the most room left among those that fit."""
    asked = requests_of(pod)
    best: Space | None = None
    best_load = 0.0
    reasons: list[list[str]] = []
    hopeless = 0
    for space in spaces:
        found = obstacles(pod, asked, space, spaces)
        if found:
            reasons.append(found)
            hopeless += _is_hopeless(found, asked, space)
        elif best is None or _load(space) < best_load:
            best, best_load = space, _load(space)
    if best is not None:
        return Choice(best.name, "")
    return Choice("", _no_room(reasons, hopeless))


def _is_hopeless(found: Iterable[str], asked: NodeRoom, space: Space) -> bool:
    """Whether no pod that went would make room here: the node is unfit, or smaller than what is asked."""
    if any(word in reason for reason in found for word in _PERMANENT):
        return True
    return any(asked[place] > space.total[place] for _, place in _RESOURCES)


def _load(space: Space) -> float:
    shares = (used / total for used, total in zip(space.used, space.total, strict=True) if total)
    return max(shares, default=0.0)


def _no_room(reasons: Sequence[Iterable[str]], unhelpful: int) -> str:
    """The message of FailedScheduling."""
    if not reasons:
        return "no nodes available to schedule pods"
    counted = Counter(reason for found in reasons for reason in found)
    listed = ", ".join(sorted(f"{number} {reason}" for reason, number in counted.items()))
    total = len(reasons)
    pairs = (
        (unhelpful, "Preemption is not helpful for scheduling"),
        (total - unhelpful, "No preemption victims found for incoming pod"),
    )
    preempted = ", ".join(sorted(f"{number} {words}" for number, words in pairs if number))
    head = f"0/{total} nodes are available"
    return f"{head}: {listed}. no new claims to deallocate, preemption: {head}: {preempted}."
