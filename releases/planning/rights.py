"""The rights that a plan's rollout takes: those without which it cannot go, and those that it misses later."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache

from environments import rights
from environments.kube.api.client import Gateway
from environments.kube.api.errors import Denied, KindMissing, Unaddressable
from environments.kube.apply.diff import pod_template
from environments.kube.objects import Ref
from environments.rights import Right
from releases.errors import PlanPostponed
from releases.plan.objects import Wanted
from releases.plan.pruning import NEVER_PRUNED
from releases.strategies import Strategy

WRITING = ("get", "create", "patch")
PODS = (
    ("", "pods", "list"),
    ("", "pods", "create"),
    ("", "pods", "delete"),
    ("", "pods/log", "get"),
    ("", "events", "list"),
    ("apps", "replicasets", "list"),
    ("apps", "controllerrevisions", "list"),
)
TITLE = "Rights that are missing"


@contextmanager
def explained(gateway: Gateway, objects: Sequence[Wanted], strategy: Strategy) -> Iterator[None]:
    """Where the cluster denies one thing, PlanPostponed names all that the rollout takes, with the rules to paste."""
    try:
        yield
    except (Denied, PlanPostponed) as fault:
        refs = [each.ref for each in objects]
        writing = set(_on(gateway, refs, WRITING))
        absent = rights.missing(gateway, {*writing, *_later(gateway, refs), *_around(objects, strategy)})
        if not writing.intersection(absent):
            raise
        raise PlanPostponed(_words(absent, writing.intersection(absent))) from fault


def note(gateway: Gateway, objects: Sequence[Wanted], going: Sequence[Ref], strategy: Strategy) -> tuple[str, str]:
    """(title, words) of what the rollout may miss later, for the plan.

    Raises PlanPostponed where it could not delete what goes with it, and KubeError.
    """
    deleting = set(_on(gateway, going, ("delete",)))
    refs = [each.ref for each in objects]
    absent = rights.missing(gateway, {*deleting, *_later(gateway, refs), *_around(objects, strategy)})
    if deleting.intersection(absent):
        raise PlanPostponed(_words(absent, deleting.intersection(absent)))
    return TITLE, f"{rights.in_words(absent)}. Rules to paste: {_one_line(absent)}" if absent else ""


def _later(gateway: Gateway, refs: Iterable[Ref]) -> Iterator[Right]:
    """On the way back what a release added goes."""
    return _on(gateway, (ref for ref in refs if ref.kind not in NEVER_PRUNED), ("delete",))


def _words(absent: Sequence[Right], needed: Iterable[Right]) -> str:
    return (
        f"The cluster's credential may not {rights.in_words(needed)}. "
        "An administrator has to give it these rights. This is all that the rollout takes and has not:\n"
        f"{rights.as_rules(absent)}"
    )


def _one_line(absent: Sequence[Right]) -> str:
    return " ".join(rights.as_rules(absent).split())


def _on(gateway: Gateway, refs: Iterable[Ref], verbs: Iterable[str]) -> Iterator[Right]:
    """These verbs on objects; kinds that are to come are left out."""
    wanted, known = tuple(verbs), cache(lambda api_version, kind: _resource(gateway, api_version, kind))
    for ref in refs:
        if resource := known(ref.api_version, ref.kind):
            yield from (Right(ref.namespace, ref.group, resource, verb) for verb in wanted)


def _resource(gateway: Gateway, api_version: str, kind: str) -> str:
    """The kind's name in rules."""
    try:
        return gateway.resource(api_version, kind).plural
    except (KindMissing, Unaddressable):
        return ""


def _around(objects: Iterable[Wanted], strategy: Strategy) -> Iterator[Right]:
    """What tells why pods do not come up, and what a strategy looks at."""
    places = {each.ref.namespace for each in objects if pod_template(each.manifest) is not None}
    for namespace in places:
        yield from (Right(namespace, *each) for each in (*PODS, *strategy.looks_at))
