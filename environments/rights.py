"""What a cluster's credential may not do, of what is needed: asked once a namespace, and told as rules to paste."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from environments.kube.api.client import Gateway

RULES_REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
ACCESS_REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
MOST_REVIEWS = 200
ANY = "*"

Rules = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, order=True)
class Right:
    """One verb on one resource: in a namespace, or ("") in the whole cluster. `group` is "" for the core group."""

    namespace: str
    group: str
    resource: str
    verb: str


def missing(gateway: Gateway, needed: Iterable[Right]) -> list[Right]:
    """Those of the rights that the credential has not, sorted.

    One request a namespace; one a right for the whole cluster, and where the server cannot list its rules: at most
    MOST_REVIEWS. What the server does not say counts as there. Raises KubeError.
    """
    found: list[Right] = []
    left = MOST_REVIEWS
    for namespace, group in groupby(sorted(set(needed)), key=lambda right: right.namespace):
        rights = list(group)
        rules = _rules(gateway, namespace) if namespace else None
        if rules is not None:
            found += [right for right in rights if not _allows(rules, right)]
            continue
        asked, left = rights[:left], left - min(left, len(rights))
        found += [right for right in asked if _is_refused(gateway, right)]
    return found


def as_rules(rights: Iterable[Right]) -> str:
    """The rights as rules to paste into roles, by namespace; the whole cluster last."""
    by_place = groupby(
        sorted(rights, key=lambda right: (not right.namespace, right)), key=lambda right: right.namespace
    )
    return "\n".join(f"{_place(namespace)}\n{_rules_text(list(group))}" for namespace, group in by_place)


def in_words(rights: Iterable[Right]) -> str:
    """ "create, patch jobs.batch in shop-dev; get namespaces in the whole cluster"."""
    by_resource = groupby(sorted(rights), key=lambda right: (right.namespace, right.group, right.resource))
    return "; ".join(
        f"{', '.join(right.verb for right in group)} {resource}{f'.{api}' if api else ''} "
        f"in {namespace or 'the whole cluster'}"
        for (namespace, api, resource), group in by_resource
    )


def _place(namespace: str) -> str:
    if namespace:
        return f"# in slipway-release of docs/how-to/cluster-rights.yaml, bound in the namespace {namespace}:"
    return "# in slipway-cluster of docs/how-to/cluster-rights.yaml, bound in the whole cluster:"


def _rules_text(rights: Iterable[Right]) -> str:
    verbs: dict[tuple[str, str], list[str]] = {}
    for right in rights:
        verbs.setdefault((right.group, right.resource), []).append(right.verb)
    resources: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (group, resource), allowed in verbs.items():
        resources.setdefault((group, tuple(allowed)), []).append(resource)
    return "\n".join(_rule(group, names, allowed) for (group, allowed), names in resources.items())


def _rule(group: str, resources: Iterable[str], verbs: Iterable[str]) -> str:
    return f'  - apiGroups: ["{group}"]\n    resources: [{", ".join(resources)}]\n    verbs: [{", ".join(verbs)}]'


def _rules(gateway: Gateway, namespace: str) -> Rules | None:
    """What the credential may do in the namespace; None where the server cannot say all of it."""
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    answer = gateway.raw("POST", RULES_REVIEW, body=body)
    if answer.status >= 300:
        return None
    status = answer.json().get("status") or {}
    return None if status.get("incomplete") else status.get("resourceRules") or []


def _allows(rules: Rules, right: Right) -> bool:
    """A rule for some names counts: which of them, the cluster itself says by and by."""
    return any(_fits(rule, right) for rule in rules)


def _fits(rule: Mapping[str, Any], right: Right) -> bool:
    wanted = {"verbs": (right.verb,), "apiGroups": (right.group,), "resources": tuple(_spellings(right.resource))}
    return all({ANY, *names} & set(rule.get(field) or ()) for field, names in wanted.items())


def _spellings(resource: str) -> Iterator[str]:
    """The ways in which a rule may name it: pods/log is also */log."""
    yield resource
    _, slash, below = resource.partition("/")
    if slash:
        yield f"*/{below}"


def _is_refused(gateway: Gateway, right: Right) -> bool:
    resource, _, below = right.resource.partition("/")
    given = {"namespace": right.namespace, "group": right.group, "resource": resource, "subresource": below}
    attributes = {name: value for name, value in {**given, "verb": right.verb}.items() if value}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    answer = gateway.raw("POST", ACCESS_REVIEW, body=review)
    return answer.status < 300 and not (answer.json().get("status") or {}).get("allowed")
