"""ResourceQuotas: refuse what would exceed them."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from kube_schema.quantity import parse, text
from sandbox.admission.usage import Usage, in_scope, missing, used_by
from sandbox.admission_chain import Review
from sandbox.errors import forbidden
from sandbox.store import Object, Store


class Quotas:
    """Counts what is there for each decision; what an object uses is remembered by its uid and version."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def check(self, review: Review) -> None:
        new = review.new
        if new is None or review.subresource or not self._can_use_more(review):
            return
        for quota in self.store.list("", "ResourceQuota", review.namespace):
            if in_scope(quota, new):
                self._check_one(review, new, quota)

    def _can_use_more(self, review: Review) -> bool:
        return review.operation == "CREATE" or review.kind.kind in ("Service", "PersistentVolumeClaim")

    def _check_one(self, review: Review, new: Object, quota: Object) -> None:
        hard: Mapping[str, str] = quota["spec"].get("hard") or {}
        name = quota["metadata"]["name"]
        if new["kind"] == "Pod":
            silent = missing(new, hard)
            if silent:
                words = "; ".join(f"{resource} for: {','.join(names)}" for resource, names in silent.items())
                raise self._refused(review, f"failed quota: {name}: must specify {words}")
        asked = self._asked(review, new)
        touched = sorted(resource for resource in hard if asked.get(resource, Decimal(0)) > 0)
        used = self.usage(quota, touched)
        beyond = [item for item in touched if used[item] + asked[item] > parse(hard[item])]
        if beyond:
            raise self._refused(review, f"exceeded quota: {name}, {_figures(beyond, asked, used, hard)}")

    def _asked(self, review: Review, new: Object) -> Usage:
        """What the write adds."""
        asked = used_by(new, review.kind.plural)
        before = used_by(review.old, review.kind.plural) if review.old is not None else {}
        return {resource: value - before.get(resource, Decimal(0)) for resource, value in asked.items()}

    def _refused(self, review: Review, words: str) -> Exception:
        return forbidden(review.kind.group, review.kind.plural, review.name, words)

    def usage(self, quota: Object, resources: Iterable[str]) -> Usage:
        """What the namespace uses of these resources of a quota."""
        return usage_of(self.store, quota, resources)


def usage_of(store: Store, quota: Object, resources: Iterable[str]) -> Usage:
    """Counts a namespace's objects; only the kinds that the resources speak of are looked at."""
    totals = dict.fromkeys(resources, Decimal(0))
    namespace = quota["metadata"]["namespace"]
    for group, kind, plural in sorted({where for resource in totals for where in _counted(resource, store)}):
        for obj in store.list(group, kind, namespace):
            if in_scope(quota, obj):
                for resource, value in used_by(obj, plural).items():
                    if resource in totals:
                        totals[resource] += value
    return totals


def _counted(resource: str, store: Store) -> Iterable[tuple[str, str, str]]:
    """(group, kind, plural) of what a quota resource counts."""
    if resource.startswith("count/"):
        plural, _, group = resource.removeprefix("count/").partition(".")
        for found, kind in store.kinds():
            if found == group and plural_of(kind) == plural:
                yield group, kind, plural
    elif resource.startswith("services"):
        yield "", "Service", "services"
    elif ("storage" in resource and "ephemeral" not in resource) or resource == "persistentvolumeclaims":
        yield "", "PersistentVolumeClaim", "persistentvolumeclaims"
    elif resource in ("secrets", "configmaps", "replicationcontrollers", "resourcequotas"):
        kinds = {"secrets": "Secret", "configmaps": "ConfigMap", "resourcequotas": "ResourceQuota"}
        yield "", kinds.get(resource, "ReplicationController"), resource
    else:
        yield "", "Pod", "pods"


def plural_of(kind: str) -> str:
    """The usual plural of a kind in lower case."""
    lower = kind.lower()
    if lower.endswith(("s", "x", "ch")):
        return f"{lower}es"
    return f"{lower[:-1]}ies" if lower.endswith("y") and lower[-2] not in "aeiou" else f"{lower}s"


def _figures(resources: Iterable[str], asked: Usage, used: Usage, hard: Mapping[str, str]) -> str:
    parts = []
    for word, values in (("requested", asked), ("used", used)):
        listed = ",".join(f"{name}={text(values[name], hard[name])}" for name in resources)
        parts.append(f"{word}: {listed}")
    limited = ",".join(f"{name}={hard[name]}" for name in resources)
    return ", ".join([*parts, f"limited: {limited}"])
