"""What a cluster says to a plan: dry runs of every object, side by side, and what is there of what will go."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

from django.conf import settings
from django.db import connections

from environments.kube.api.client import Gateway
from environments.kube.api.errors import (
    Denied,
    Forbidden,
    KindMissing,
    KubeError,
    NotFound,
    Rejected,
    Terminating,
    Unauthorized,
)
from environments.kube.apply.diff import Preview, Taking, changes_between, pod_template, preview, preview_pod_template
from environments.kube.apply.managers import SCALED_KINDS
from environments.kube.apply.ownership import autoscaled
from environments.kube.apply.stored_size import size_fault
from environments.kube.objects import Manifest, Owner, Ref
from releases.errors import PlanPostponed, PlanRefused
from releases.plan.objects import Sighting, Wanted, is_marked
from releases.plan.secret_values import Masks
from releases.planning import jobs
from releases.planning.undisturbed import Undisturbed

SIDE_BY_SIDE = 4
SCRATCH = "default"
AUTOSCALERS = (("autoscaling/v2", "HorizontalPodAutoscaler"), ("keda.sh/v1alpha1", "ScaledObject"))
SCALERS = frozenset(kind for _, kind in AUTOSCALERS)
NOT_TRIED = "Its pods could not be tried: Slipway has no right to create pods there."

NULL = 'Invalid value: "null"'
KIND_TO_COME = "Its kind comes with this release, so the cluster could not try it."
ROLE_TO_COME = "The role that it names comes with this release, so the cluster could not try it."
KIND_CHANGES = "The definition of its kind changes with this release; as it is now, the cluster says: {words}"
NOBODY = Owner("")

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(frozen=True)
class Surroundings:
    """What stands around the objects. `missing`: namespaces that are not there; `defined`: kinds to come.

    `brought`: the objects themselves, which are there when pods are made. `ran`: the Jobs of the running release.
    """

    autoscalers: tuple[Manifest, ...] = ()
    missing: frozenset[str] = frozenset()
    defined: frozenset[tuple[str, str]] = frozenset()
    brought: frozenset[Ref] = frozenset()
    ran: Mapping[str, Manifest] = field(default_factory=dict)
    owner: Owner = NOBODY


def survey(gateway: Gateway, objects: Sequence[Wanted], going: Iterable[Ref]) -> Surroundings:
    """The namespaces and autoscalers around the objects; an autoscaler that is about to go does not count.

    Raises KubeError, and PlanPostponed where a namespace is being deleted.
    """
    namespaces = sorted({each.ref.namespace for each in objects if each.ref.namespace})
    states = dict(zip(namespaces, side_by_side(lambda name: _namespace(gateway, name), namespaces), strict=True))
    there = [name for name in namespaces if states[name] != "missing"]
    scaled = {each.ref.namespace for each in objects if each.ref.kind in SCALED_KINDS}
    found = side_by_side(lambda name: _autoscalers(gateway, name), [name for name in there if name in scaled])
    gone = {ref.key for ref in going}
    live = [each for several in found for each in several if _key(each) not in gone]
    return Surroundings(
        autoscalers=(*live, *(each.manifest for each in objects if each.ref.kind in SCALERS)),
        missing=frozenset(namespaces) - frozenset(there),
        defined=frozenset(_definitions(objects)),
        brought=frozenset(each.ref for each in objects),
    )


@dataclass(frozen=True)
class Asking:
    """How objects are tried. `masks` are those of the environment, `taking` says of what is there whether it is taken
    over, and `undisturbed` how workloads that run already are left alone; None to try all as they are.
    """

    around: Surroundings
    masks: Masks
    taking: Taking
    undisturbed: Undisturbed | None = None


def sight(gateway: Gateway, objects: Sequence[Wanted], asking: Asking) -> list[Sighting]:
    """Every object beside what the cluster has, by dry runs: what pods read first, then the workloads.

    PlanRefused has the words of every object that the cluster refuses; PlanPostponed where it cannot be told yet.
    """
    answers = _by_coming_definitions(gateway, objects, _answers(gateway, objects, asking))
    errors = [answer for answer in answers if isinstance(answer, KubeError)]
    refused = [error.words for error in errors if is_refusal(error)]
    refused += [str(answer) for answer in answers if isinstance(answer, PlanRefused)]
    if refused:
        raise PlanRefused("\n".join(dict.fromkeys(refused)))
    if errors:
        raise postponed(errors[0])
    return [answer for answer in answers if isinstance(answer, Sighting)]


def _answers(gateway: Gateway, objects: Sequence[Wanted], asking: Asking) -> list[Sighting | KubeError | PlanRefused]:
    changed: frozenset[str] = frozenset()
    found: dict[int, Sighting | KubeError | PlanRefused] = {}
    for runs_pods in (False, True):
        part = [at for at, each in enumerate(objects) if (pod_template(each.manifest) is not None) is runs_pods]
        tried = side_by_side(partial(_try, gateway, asking, changed), [objects[at] for at in part])
        found |= zip(part, tried, strict=True)
        if asking.undisturbed and not runs_pods:
            changed = asking.undisturbed.changed([each for each in tried if isinstance(each, Sighting)])
    return [found[at] for at in range(len(objects))]


def is_refusal(error: KubeError) -> bool:
    """Whether the release itself has to change; else somebody may mend the cluster, and the plan waits for that."""
    return error.fault == "user" or isinstance(error, NotFound)


def verdict(error: KubeError) -> PlanRefused | PlanPostponed:
    """What an error of the cluster means for the plan."""
    return PlanRefused(error.words) if is_refusal(error) else postponed(error)


def postponed(error: KubeError) -> PlanPostponed:
    """The words of a fault that passes, and who is to mend it where it does not pass by itself."""
    return PlanPostponed(f"{error.words}{_remedy(error)}", error.retry_after)


def _remedy(error: KubeError) -> str:
    if isinstance(error, Unauthorized):
        return " An administrator has to renew the credential: connect the cluster again."
    if isinstance(error, Denied):
        return " An administrator has to give the credential that right, or connect the cluster with another one."
    if error.fault == "transient" or isinstance(error, Terminating):
        return ""
    return " An administrator has to look at the cluster."


def read_all(gateway: Gateway, refs: Sequence[Ref]) -> dict[str, Manifest | None]:
    """The live objects by Ref.key. Raises KubeError."""
    return {ref.key: found for ref, found in zip(refs, side_by_side(gateway.get, refs), strict=True)}


def side_by_side(work: Callable[[In], Out], items: Sequence[In]) -> list[Out]:
    """The results in order; the threads give back whatever database connections they opened."""

    def closing(item: In) -> Out:
        try:
            return work(item)
        finally:
            for connection in connections.all(initialized_only=True):
                connection.close()

    if len(items) < 2:
        return [work(item) for item in items]
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        return list(pool.map(closing, items))


def _namespace(gateway: Gateway, name: str) -> str:
    """missing or there. Who may not look is taken to have it."""
    try:
        found = gateway.get(Ref("v1", "Namespace", "", name))
    except Denied:
        return "there"
    if found is None:
        return "missing"
    if found.get("status", {}).get("phase") == "Terminating":
        raise PlanPostponed(f"The namespace {name} is being deleted; it can be planned once that is over.")
    return "there"


def _autoscalers(gateway: Gateway, namespace: str) -> list[Manifest]:
    found: list[Manifest] = []
    for api_version, kind in AUTOSCALERS:
        try:
            found += gateway.list(api_version, kind, namespace)
        except (KindMissing, Denied):
            continue
    return found


def _key(obj: Mapping[str, Any]) -> str:
    metadata = obj["metadata"]
    return Ref(obj["apiVersion"], obj["kind"], metadata.get("namespace", ""), metadata["name"]).key


def _definitions(objects: Iterable[Wanted]) -> Iterable[tuple[str, str]]:
    """(group, kind) of what the bundle itself defines."""
    for each in objects:
        if each.ref.kind == "CustomResourceDefinition":
            spec = each.manifest["spec"]
            yield spec["group"], spec["names"]["kind"]


def _try(
    gateway: Gateway, asking: Asking, changed: frozenset[str], wanted: Wanted
) -> Sighting | KubeError | PlanRefused:
    around = asking.around
    scaled = autoscaled(list(around.autoscalers), wanted.ref)
    new = wanted.ref.namespace in around.missing
    try:
        _check_size(wanted.ref, wanted.manifest)
        sighting = _seen(gateway, asking, changed, wanted)
        _check_size(wanted.ref, sighting.preview.after)
        pods = _pods(gateway, sighting, around.brought) if not new else ()
        return replace(sighting, warnings=(*sighting.warnings, *pods))
    except KindMissing as error:
        known = _is_defined(wanted, around)
        return Sighting(wanted, _unseen(wanted), scaled) if known else _elsewhere(gateway, wanted.ref, error)
    except NotFound as error:
        # Who may not bind every role is told that this one is not there: the server holds its rights against theirs.
        return _foreseen(gateway, wanted, ROLE_TO_COME) if _role_of(wanted) in around.brought else error
    except (KubeError, PlanRefused) as error:
        return error


def _seen(gateway: Gateway, asking: Asking, changed: frozenset[str], wanted: Wanted) -> Sighting:
    scratch = SCRATCH if wanted.ref.namespace in asking.around.missing else ""
    if wanted.hook:
        return jobs.sight_hook(gateway, wanted, scratch=scratch)
    scaled = autoscaled(list(asking.around.autoscalers), wanted.ref)
    mask = asking.masks.of(wanted.ref)

    def seen(each: Wanted) -> Preview:
        return preview(gateway, each.manifest, scaler=scaled, mask=mask, scratch=scratch, taking=asking.taking)

    try:
        if asking.undisturbed and pod_template(wanted.manifest) is not None and not scratch:
            sighting = Sighting(*asking.undisturbed.preview(wanted, changed, seen), scaled)
        else:
            sighting = _with_or_without_nulls(wanted, seen, scaled=scaled)
    except Rejected as error:
        live = gateway.get(wanted.ref) if jobs.is_immutable(wanted, error) else None
        if live is None:
            raise
        return jobs.sight_anew(gateway, wanted, live, ours=is_marked(live, asking.around.owner))
    return jobs.judged(gateway, sighting, asking.around.ran) if wanted.ref.kind == "Job" else sighting


def _role_of(wanted: Wanted) -> Ref | None:
    """The role that a binding names; None for what is no binding."""
    if wanted.ref.kind not in ("RoleBinding", "ClusterRoleBinding"):
        return None
    role = wanted.manifest.get("roleRef") or {}
    kind = str(role.get("kind", ""))
    return Ref(wanted.ref.api_version, kind, wanted.ref.namespace if kind == "Role" else "", str(role.get("name", "")))


def _is_defined(wanted: Wanted, around: Surroundings) -> bool:
    return (wanted.ref.group, wanted.ref.kind) in around.defined


def _check_size(ref: Ref, obj: Manifest) -> None:
    """Raises Rejected: no dry run says so, since nothing is stored by it."""
    if fault := size_fault(obj, settings.OBJECT_BYTES):
        raise Rejected(f"{ref.text} {fault}. Split it into several objects.")


def _elsewhere(gateway: Gateway, ref: Ref, error: KindMissing) -> KubeError:
    """The same error, with the versions in which the cluster has the kind."""
    try:
        versions = gateway.versions_of(ref.group, ref.kind)
    except KubeError:
        return error
    if not versions:
        return error
    words = f"{ref.text}: {ref.api_version} has no {ref.kind} in this cluster; it serves {' and '.join(versions)}."
    return KindMissing(words, status=error.status)


def _with_or_without_nulls(wanted: Wanted, seen: Callable[[Wanted], Preview], *, scaled: bool) -> Sighting:
    """A custom resource whose schema takes no null at some place is seen without any: a plain create drops them too."""
    try:
        return Sighting(wanted, seen(wanted), scaled)
    except Rejected as error:
        without = replace(wanted, manifest=without_nulls(wanted.manifest))
        if NULL not in error.words or without.manifest == wanted.manifest:
            raise
        warning = f"Empty fields are left out, since its kind does not take them. {error.words}"
        return Sighting(without, seen(without), scaled, (warning,))


def without_nulls(value: Any) -> Any:
    """The value without the fields that are null; items of lists stay."""
    if isinstance(value, dict):
        return {name: without_nulls(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def _by_coming_definitions(
    gateway: Gateway, objects: Sequence[Wanted], tried: Sequence[Sighting | KubeError | PlanRefused]
) -> list[Sighting | KubeError | PlanRefused]:
    """What the cluster refuses by a definition that this release changes is judged by the new one.

    The bundle was held against that when it was rendered, so here nothing more is to be said.
    """
    changing = [each.wanted for each in tried if isinstance(each, Sighting) and each.action != "unchanged"]
    coming = frozenset(_definitions(changing))
    return [
        _foreseen(gateway, wanted, KIND_CHANGES.format(words=answer.words))
        if isinstance(answer, Rejected) and (wanted.ref.group, wanted.ref.kind) in coming
        else answer
        for wanted, answer in zip(objects, tried, strict=True)
    ]


def _foreseen(gateway: Gateway, wanted: Wanted, words: str) -> Sighting:
    """What could not be tried, beside what is there."""
    live = gateway.get(wanted.ref)
    body = {name: value for name, value in wanted.manifest.items() if name != "metadata"}
    changes = changes_between(live, {**live, **body}) if live else ()
    return Sighting(wanted, Preview(wanted.ref, live, wanted.manifest, changes, (), (), (words,)))


def _pods(gateway: Gateway, sighting: Sighting, brought: frozenset[Ref]) -> tuple[str, ...]:
    """The warnings for new pods: quota, limits and pod security speak only of these.

    Raises KubeError only where the workload's own controller would be told the same.
    """
    template = pod_template(sighting.wanted.manifest)
    changes = any(change.path.startswith(("spec.template", "spec.jobTemplate")) for change in sighting.changes)
    if template is None or sighting.finished or not (changes or sighting.action in ("create", "replace")):
        return ()
    try:
        return preview_pod_template(gateway, sighting.wanted.manifest, brought=brought)
    except Denied:
        return (NOT_TRIED,)
    except Rejected as error:
        # The workload's own dry run has passed: what does not fit is how its controller makes pods, not the workload.
        return (f"A pod of it could not be tried: {error.words}",)
    except Forbidden as error:
        # A full quota may have room once old pods go; the rollout tells if it does not.
        if "exceeded quota" in error.words:
            return (error.words,)
        raise


def _unseen(wanted: Wanted) -> Preview:
    return Preview(wanted.ref, None, wanted.manifest, (), (), (), (KIND_TO_COME,))
