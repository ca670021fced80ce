"""Which writes a webhook or policy is about."""

from collections.abc import Iterable, Mapping
from typing import Any

from sandbox.admission_chain import Review
from sandbox.meta import labels_of, matches
from sandbox.store import Object, Store, StoreKey


def namespace_of(review: Review, store: Store) -> Object | None:
    """The Namespace that the write is in, or that it is about."""
    if review.kind.kind == "Namespace" and not review.kind.group:
        return review.new or review.old
    return store.get(StoreKey("", "Namespace", "", review.namespace)) if review.namespace else None


def selected(review: Review, rules: Iterable[Mapping[str, Any]], selectors: Mapping[str, Any], store: Store) -> bool:
    """Whether any rule, and `namespaceSelector` and `objectSelector` of `selectors`, take the write in."""
    if not any(_rule_holds(rule, review) for rule in rules):
        return False
    return selectors_hold(review, selectors, store)


def selectors_hold(review: Review, selectors: Mapping[str, Any], store: Store) -> bool:
    wanted = selectors.get("namespaceSelector") or {}
    namespace = namespace_of(review, store)
    if wanted and namespace is not None and not matches(wanted, labels_of(namespace)):
        return False
    about = selectors.get("objectSelector") or {}
    objects = [obj for obj in (review.new, review.old) if obj is not None]
    return not about or any(matches(about, labels_of(obj)) for obj in objects)


def _rule_holds(rule: Mapping[str, Any], review: Review) -> bool:
    resource = f"{review.kind.plural}/{review.subresource}" if review.subresource else review.kind.plural
    names = rule.get("resourceNames") or ()
    return (
        _listed(rule.get("operations"), review.operation)
        and _listed(rule.get("apiGroups"), review.kind.group)
        and (_listed(rule.get("apiVersions"), review.kind.version) or bool(review.kind.served))
        and any(_resource_holds(pattern, resource) for pattern in rule.get("resources") or ())
        and (not names or review.name in names)
        and rule.get("scope", "*") in ("*", "Namespaced" if review.namespace else "Cluster")
    )


def _listed(values: Iterable[str] | None, value: str) -> bool:
    found = list(values or ())
    return "*" in found or value in found


def _resource_holds(pattern: str, resource: str) -> bool:
    wanted, _, sub = pattern.partition("/")
    name, _, subresource = resource.partition("/")
    if pattern == "*":
        return not subresource
    return wanted in ("*", name) and (sub == subresource or (sub == "*" and bool(sub)))
