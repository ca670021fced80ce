"""LimitRanges: defaults for containers, and the bounds of containers, pods and claims."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from kube_schema.quantity import parse
from sandbox.admission_chain import Review
from sandbox.errors import forbidden
from sandbox.store import Object, Store

_ANNOTATION = "kubernetes.io/limit-ranger"
_Quantities = Mapping[str, str]


def is_pod_creation(review: Review) -> bool:
    kind = (review.kind.group, review.kind.kind, review.subresource)
    return kind == ("", "Pod", "") and review.operation == "CREATE"


class LimitRanger:
    def __init__(self, store: Store) -> None:
        self.store = store

    def fill_in(self, review: Review) -> None:
        """Gives containers the requests and limits that they are silent about."""
        if not is_pod_creation(review) or review.new is None:
            return
        for limit_range in self.store.list("", "LimitRange", review.namespace):
            for item in limit_range["spec"].get("limits") or ():
                if item["type"] == "Container":
                    _default(review.new, item)

    def check(self, review: Review) -> None:
        new = review.new
        if new is None or review.subresource or review.kind.group or review.operation != "CREATE":
            return
        troubles: list[str] = []
        for limit_range in self.store.list("", "LimitRange", review.namespace):
            for item in limit_range["spec"].get("limits") or ():
                troubles += _troubles(review.kind.kind, new, item)
        if troubles:
            words = troubles[0] if len(troubles) == 1 else f"[{', '.join(troubles)}]"
            raise forbidden("", review.kind.plural, review.name, words)


def _default(pod: Object, item: Mapping[str, Any]) -> None:
    notes = []
    limits: _Quantities = item.get("default") or {}
    requests: _Quantities = item.get("defaultRequest") or {}
    for container in pod["spec"]["containers"]:
        resources = container.setdefault("resources", {})
        for member, defaults in (("requests", requests), ("limits", limits)):
            missing = {name: value for name, value in defaults.items() if name not in (resources.get(member) or {})}
            if missing:
                resources[member] = {**(resources.get(member) or {}), **missing}
                listed = ", ".join(sorted(missing))
                notes.append(f"{listed} {member[:-1]} for container {container['name']}")
    if notes:
        annotations = pod["metadata"].setdefault("annotations", {})
        annotations[_ANNOTATION] = f"LimitRanger plugin set: {'; '.join(notes)}"


def _troubles(kind: str, new: Object, item: Mapping[str, Any]) -> list[str]:
    """What of an object one entry of a LimitRange forbids."""
    if kind == "Pod" and item["type"] == "Container":
        containers = [*new["spec"]["containers"], *(new["spec"].get("initContainers") or ())]
        return [words for container in containers for words in _bounds(container.get("resources") or {}, item)]
    if kind == "Pod" and item["type"] == "Pod":
        return _bounds(_pod_resources(new), item)
    if kind == "PersistentVolumeClaim" and item["type"] == kind:
        requests = (new["spec"].get("resources") or {}).get("requests") or {}
        return _bounds({"requests": requests}, item)
    return []


def _pod_resources(pod: Object) -> dict[str, dict[str, str]]:
    sums: dict[str, dict[str, Decimal]] = {"requests": {}, "limits": {}}
    shown: dict[str, dict[str, str]] = {"requests": {}, "limits": {}}
    for container in pod["spec"]["containers"]:
        for member, total in sums.items():
            for name, value in ((container.get("resources") or {}).get(member) or {}).items():
                first = name not in total
                total[name] = total.get(name, Decimal(0)) + parse(value)
                shown[member][name] = value if first else str(total[name].normalize())
    return shown


def _bounds(resources: Mapping[str, Any], item: Mapping[str, Any]) -> list[str]:
    requests: _Quantities = resources.get("requests") or {}
    limits: _Quantities = resources.get("limits") or {}
    return [
        *_below(requests, limits, item.get("min") or {}, item["type"]),
        *_above(requests, limits, item.get("max") or {}, item["type"]),
        *_beyond_ratio(requests, limits, item.get("maxLimitRequestRatio") or {}, item["type"]),
    ]


def _below(requests: _Quantities, limits: _Quantities, least: _Quantities, what: str) -> Iterable[str]:
    for name, bound in sorted(least.items()):
        head = f"minimum {name} usage per {what} is {bound}"
        if name not in requests:
            yield f"{head}.  No request is specified"
        elif parse(requests[name]) < parse(bound):
            yield f"{head}, but request is {requests[name]}"
        elif name in limits and parse(limits[name]) < parse(bound):
            yield f"{head}, but limit is {limits[name]}"


def _above(requests: _Quantities, limits: _Quantities, most: _Quantities, what: str) -> Iterable[str]:
    for name, bound in sorted(most.items()):
        head = f"maximum {name} usage per {what} is {bound}"
        if what == "PersistentVolumeClaim":
            if parse(requests.get(name, 0)) > parse(bound):
                yield f"{head}, but request is {requests[name]}"
        elif name not in limits:
            yield f"{head}.  No limit is specified"
        elif parse(limits[name]) > parse(bound):
            yield f"{head}, but limit is {limits[name]}"
        elif name in requests and parse(requests[name]) > parse(bound):
            yield f"{head}, but request is {requests[name]}"


def _beyond_ratio(requests: _Quantities, limits: _Quantities, ratios: _Quantities, what: str) -> Iterable[str]:
    for name, bound in sorted(ratios.items()):
        head = f"{name} max limit to request ratio per {what} is {bound}"
        if not parse(requests.get(name, 0)):
            yield f"{head}, but no request is specified or request is 0"
        elif not parse(limits.get(name, 0)):
            yield f"{head}, but no limit is specified or limit is 0"
        elif parse(limits[name]) / parse(requests[name]) > parse(bound):
            yield f"{head}, but provided ratio is {float(parse(limits[name]) / parse(requests[name])):f}"
