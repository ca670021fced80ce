"""Whether there is room for a second version beside the first: nodes and quotas, in numbers. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import floor, inf
from typing import Any

from environments.kube.objects import Manifest
from environments.kube.quantity import amount, quantity
from kube_schema.match_expressions import expression_holds

Amounts = dict[str, float]
NAMES = {"cpu": "CPU", "memory": "memory", "pods": "pods"}
OVER = frozenset({"Succeeded", "Failed"})
KEEPS_OFF = frozenset({"NoSchedule", "NoExecute"})


@dataclass(frozen=True)
class Need:
    """`count` pods to come of a template's spec; `name` as a person reads it. `mine`: whether a pod is one of them."""

    name: str
    spec: Mapping[str, Any]
    count: int
    mine: Callable[[Manifest], bool] = lambda _pod: False


@dataclass
class Room:
    """What is free on a node."""

    node: Manifest
    free: Amounts = field(default_factory=dict)

    def fits(self, requests: Amounts) -> int:
        """How many pods with these requests."""
        shares = (self.free.get(name, 0.0) / wanted for name, wanted in requests.items() if wanted > 0)
        return max(0, floor(min(shares, default=inf) + 1e-9))

    def take(self, requests: Amounts, count: int) -> None:
        self.free = {name: left - count * requests.get(name, 0.0) for name, left in self.free.items()}


def lacking(needs: Sequence[Need], nodes: Iterable[Manifest], pods: Sequence[Manifest]) -> tuple[str, ...]:
    """What does not fit on the nodes beside the pods there are, a sentence each; () where all does."""
    rooms = [_room(node, pods, needs) for node in nodes if _usable(node)]
    words = (_place(need, rooms) for need in needs)
    return tuple(each for each in words if each)


def over_quota(needs: Sequence[Need], quotas: Iterable[Manifest]) -> tuple[str, ...]:
    """What a ResourceQuota of the namespace would refuse, a sentence each."""
    total = _sum([_times(_counted(need.spec), need.count) for need in needs])
    names = " and ".join(need.name for need in needs)
    return tuple(
        f"{names} {_verb(needs)} {_amount(total[resource], resource)} of {resource}, "
        f"{_amount(max(free, 0), resource)} of {_amount(hard, resource)} are left in quota {quota['metadata']['name']}"
        for quota in quotas
        if not _scoped(quota)
        for resource, hard, free in _limits(quota)
        if total.get(resource, 0.0) > free + 1e-9
    )


def requests_of(spec: Mapping[str, Any], kind: str = "requests") -> Amounts:
    """What a pod asks of a node: its containers together, or its largest init container where that is more."""
    inits = spec.get("initContainers") or ()
    sidecars = [each for each in inits if each.get("restartPolicy") == "Always"]
    together = _sum([_of(each, kind) for each in (*(spec.get("containers") or ()), *sidecars)])
    largest = [_of(each, kind) for each in inits if each not in sidecars]
    names = {name for each in (together, *largest) for name in each}
    asked = {name: max(each.get(name, 0.0) for each in (together, *largest)) for name in names}
    return _sum([asked, _numbers(spec.get("overhead") or {})])


def _place(need: Need, rooms: Iterable[Room]) -> str:
    """Takes the room that there is for the pods; the words where it is too little."""
    requests = {**requests_of(need.spec), "pods": 1.0}
    allowed = [room for room in rooms if may_run(need.spec, room.node)]
    left = need.count
    before = {name: sum(max(room.free.get(name, 0.0), 0.0) for room in allowed) for name in requests}
    for room in allowed:
        placed = min(left, room.fits(requests))
        room.take(requests, placed)
        left -= placed
    return _too_little(need, requests, before, len(allowed), left) if left else ""


def _too_little(need: Need, requests: Amounts, free: Amounts, nodes: int, left: int) -> str:
    if not nodes:
        return f"no node that is up is one that {need.name} may run on (labels, affinity, taints)"
    total = _times(requests, need.count)
    where = f"the {nodes} nodes that it may run on" if nodes > 1 else "the one node that it may run on"
    told = [_needs(name, total, free) for name in NAMES if total.get(name, 0.0) > free.get(name, 0.0)]
    if not told:
        return f"none of {where} has room for {left} of the {need.count} pods of {need.name} ({_list(requests)} each)"
    return f"{need.name} {' and '.join(told)} on {where}"


def _needs(name: str, total: Amounts, free: Amounts) -> str:
    return f"needs {_amount(total[name], name)} {NAMES[name]}, {_amount(free[name], name)} are free"


def _list(requests: Amounts) -> str:
    told = [f"{_amount(requests[name], name)} {NAMES[name]}" for name in ("cpu", "memory") if name in requests]
    return ", ".join(told) or "without requests"


def _amount(value: float, resource: str) -> str:
    """2.5, 750m, 1.5Gi, 3."""
    if "memory" in resource or "storage" in resource:
        return amount(value, "memory")
    return f"{value:.4g}" if value >= 1 or not value or "cpu" not in resource else amount(value, "cpu")


def _room(node: Manifest, pods: Iterable[Manifest], needs: Iterable[Need]) -> Room:
    name = node["metadata"]["name"]
    there = [pod for pod in pods if pod["spec"].get("nodeName") == name and not _over(pod)]
    counted = [pod for pod in there if not any(need.mine(pod) for need in needs)]
    used = _sum([{**requests_of(pod["spec"]), "pods": 1.0} for pod in counted])
    given = _numbers(node.get("status", {}).get("allocatable") or {})
    return Room(node, {resource: value - used.get(resource, 0.0) for resource, value in given.items()})


def _over(pod: Manifest) -> bool:
    return (pod.get("status") or {}).get("phase") in OVER


def _usable(node: Manifest) -> bool:
    conditions = node.get("status", {}).get("conditions") or ()
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    return ready and not node.get("spec", {}).get("unschedulable")


def may_run(spec: Mapping[str, Any], node: Manifest) -> bool:
    """Whether node selector, required affinity and taints let a pod onto a node."""
    labels = node["metadata"].get("labels") or {}
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    terms = required.get("nodeSelectorTerms")
    return (
        (spec.get("nodeSelector") or {}).items() <= labels.items()
        and (terms is None or any(_term(term, node) for term in terms))
        and all(_tolerated(taint, spec) for taint in node.get("spec", {}).get("taints") or ())
    )


def _term(term: Mapping[str, Any], node: Manifest) -> bool:
    labels, fields = node["metadata"].get("labels") or {}, {"metadata.name": node["metadata"]["name"]}
    matches = [(each, labels) for each in term.get("matchExpressions") or ()]
    matches += [(each, fields) for each in term.get("matchFields") or ()]
    return bool(matches) and all(expression_holds(each, having) for each, having in matches)


def _tolerated(taint: Mapping[str, Any], spec: Mapping[str, Any]) -> bool:
    if taint.get("effect") not in KEEPS_OFF:
        return True
    return any(_tolerates(each, taint) for each in spec.get("tolerations") or ())


def _tolerates(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    if toleration.get("effect") not in (None, "", taint["effect"]):
        return False
    if toleration.get("operator") == "Exists":
        return toleration.get("key") in (None, "", taint["key"])
    return (toleration.get("key"), toleration.get("value") or "") == (taint["key"], taint.get("value") or "")


def _of(container: Mapping[str, Any], kind: str) -> Amounts:
    """What a container asks for; a limit without a request is one too."""
    resources = container.get("resources") or {}
    given = _numbers(resources.get(kind) or {})
    return {**_numbers(resources.get("limits") or {}), **given} if kind == "requests" else given


def _counted(spec: Mapping[str, Any]) -> Amounts:
    """What one pod counts for in a quota, by the quota's names."""
    asked, limits = requests_of(spec), requests_of(spec, "limits")
    named = {f"requests.{name}": value for name, value in asked.items()}
    return {**asked, **named, **{f"limits.{name}": value for name, value in limits.items()}, "pods": 1.0}


def _limits(quota: Manifest) -> Iterable[tuple[str, float, float]]:
    """(resource, hard, free) of what a quota limits."""
    used = _numbers(quota.get("status", {}).get("used") or {})
    hard = _numbers(quota.get("status", {}).get("hard") or quota.get("spec", {}).get("hard") or {})
    return [(name, value, value - used.get(name, 0.0)) for name, value in hard.items()]


def _scoped(quota: Manifest) -> bool:
    spec = quota.get("spec", {})
    return bool(spec.get("scopes") or spec.get("scopeSelector"))


def _verb(needs: Sequence[Need]) -> str:
    return "needs" if len(needs) == 1 else "need"


def _numbers(amounts: Mapping[str, Any]) -> Amounts:
    read = {name: quantity(value) for name, value in amounts.items()}
    return {name: value for name, value in read.items() if value is not None}


def _times(amounts: Amounts, count: int) -> Amounts:
    return {name: value * count for name, value in amounts.items()}


def _sum(several: Iterable[Amounts]) -> Amounts:
    total: Amounts = {}
    for each in several:
        for name, value in each.items():
            total[name] = total.get(name, 0.0) + value
    return total
