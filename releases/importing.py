"""Taking in what already runs: a bundle of it, a release of that, and the first plan, which should change nothing."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from environments.access import require
from environments.clusters import gateway_for
from environments.importing.files import as_files
from environments.importing.survey import Imported, Selection, read_namespace
from environments.kube.api.naming import label_fault
from environments.kube.apply.diff import pod_template
from environments.kube.objects import Manifest
from environments.manifests.bundle import BundleFile, ManifestBundle
from environments.manifests.errors import BundleError
from environments.manifests.images import repository_of
from environments.manifests.kinds import kind_id
from environments.manifests.target import RenderTarget
from environments.models import Environment
from portal import audit
from portal.actors import Actor
from portal.roles import Verb
from releases import actions, ingest
from releases.errors import PlanPostponed, PlanRefused, Unacceptable
from releases.models import Application, Release, Rollout
from releases.plan.objects import Plan, Row, ref_in
from releases.planning.planner import make_plan
from releases.planning.sources import target_of

VERSION_LABEL = "app.kubernetes.io/version"
UNTOLD = "imported"
SOURCE = "import"
OUR_MARKS = "slipway.dev/"


@dataclass(frozen=True)
class WhatRuns:
    """What was read for an application that need not be there yet. `files` are those of its bundle."""

    application: str
    environment: Environment
    namespace: str
    found: Imported
    files: tuple[BundleFile, ...]
    version: str
    images: Mapping[str, str]

    @property
    def kinds(self) -> Mapping[str, int]:
        """How many objects of each kind there are."""
        return dict(sorted(Counter(each["kind"] for each in self.found.manifests).items()))


@dataclass(frozen=True)
class FirstPlan:
    """What the first rollout would do. `refused` says why there is no plan; empty where there is one."""

    refused: str = ""
    changes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether it changes nothing but Slipway's own marks."""
        return not (self.refused or self.changes)


@dataclass(frozen=True)
class TakenIn:
    """`created`: whether the application was not there before."""

    release: Release
    created: bool
    plan: FirstPlan = field(default_factory=FirstPlan)


def read(
    actor: Actor, environment: Environment, application: str, namespace: str, selection: Selection, version: str = ""
) -> WhatRuns:
    """What runs in the namespace, as files. Nothing is stored, and nothing in the cluster changes.

    Raises PermissionDenied, Unacceptable for names that do not fit, where nothing was found, and ConnectError and
    KubeError.
    """
    require(actor, Verb.CONFIGURE, environment)
    _check_name(application)
    _check_namespace(environment, application, namespace)
    target = target_of(environment, application, version or UNTOLD)
    found = read_namespace(gateway_for(environment.cluster), namespace, selection, target.allows_kind)
    if not found.manifests:
        raise Unacceptable(_nothing(namespace, selection, found))
    home = environment.namespace_for(application) == namespace
    manifests = found.manifests if home else tuple(_placed(each, namespace, target) for each in found.manifests)
    told = version or _version_of(found.manifests)
    files = tuple(as_files(manifests))
    return WhatRuns(application, environment, namespace, found, files, told, _images(found.manifests, told))


def take_in(actor: Actor, given: WhatRuns) -> TakenIn:
    """The application with the bundle as its current one, the release of what runs, and its first plan.

    Raises PermissionDenied, Unacceptable and BundleError; nothing is stored then.
    """
    require(actor, Verb.CONFIGURE, given.environment)
    with transaction.atomic():
        application, created = _application(actor, given.application)
        content = ManifestBundle.of(given.files)
        bundle = ingest.keep_bundle(actor, application, content)
        actions.make_current(actor, bundle, f"Read from the namespace {given.namespace}.")
        release, _new = ingest.create_release(
            actor, application, given.version, given.images, bundle=bundle, source=SOURCE
        )
    return TakenIn(release, created, first_plan(release, given.environment))


def first_plan(release: Release, environment: Environment) -> FirstPlan:
    """What a rollout of the release would do now. None is asked for. Raises ConnectError."""
    application = release.application
    asked = Rollout(
        release=release,
        application=application,
        environment=environment,
        strategy=application.strategy,
        parameters=application.parameters,
    )
    try:
        plan = make_plan(asked, gateway_for(environment.cluster)).document
    except (PlanRefused, PlanPostponed, BundleError) as refusal:
        return FirstPlan(refused=str(refusal))
    changed = [row for row in plan["changes"] if row["action"] != "unchanged"]
    told = [line for row in changed for line in _lines(row)]
    return FirstPlan("", (*told, *_deletions(plan)), _notes(plan))


def _lines(row: Row) -> Iterator[str]:
    """What becomes of an object, our own marks aside."""
    ref = ref_in(row)
    if row["action"] == "create":
        yield f"{ref.text} is created"
    fields = [each for each in row["fields"] if not _is_mark(each)]
    restarts = " (its pods restart)" if row["restarts"] else ""
    yield from (f"{ref.text}{restarts}: {each['path']}: {_change(each)}" for each in fields)


def _is_mark(row: Row) -> bool:
    """Whether the field, or all that is new in it, is Slipway's own."""
    new = row["after"] if row["before"] is None and isinstance(row["after"], Mapping) else {}
    return OUR_MARKS in row["path"] or (bool(new) and all(name.startswith(OUR_MARKS) for name in new))


def _change(row: Row) -> str:
    return f"{_short(row['before'])} → {_short(row['after'])}"


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


def _deletions(plan: Plan) -> Iterator[str]:
    yield from (f"{ref_in(row).text} is deleted" for row in plan["prune"])


def _notes(plan: Plan) -> tuple[str, ...]:
    return tuple(f"{risk['title']}: {risk['detail']}" for risk in plan["risks"])


def _check_name(application: str) -> None:
    try:
        Application(name=application).clean_fields(exclude=["parameters"])
    except ValidationError as error:
        raise Unacceptable(f"{application!r} cannot be an application's name: {' '.join(error.messages)}") from None


def _check_namespace(environment: Environment, application: str, namespace: str) -> None:
    if fault := label_fault(namespace):
        raise Unacceptable(f"The namespace {fault}.")
    if not any(fnmatchcase(namespace, each) for each in environment.namespaces_for(application)):
        where = environment.namespace_for(application)
        raise Unacceptable(
            f"{environment} puts {application} into the namespace {where}, and does not allow {namespace}. "
            f"Choose another environment, or add {namespace} to its namespaces."
        )


def _nothing(namespace: str, selection: Selection, found: Imported) -> str:
    left = "; ".join(each.text for each in found.left_out[:5])
    unread = f" The credential may not list {', '.join(found.unread)}." if found.unread else ""
    what = "" if selection.is_all else " of what was selected"
    return f"Nothing{what} in {namespace} is an application's own.{unread}{f' Left out: {left}.' if left else ''}"


def _placed(manifest: Manifest, namespace: str, target: RenderTarget) -> Manifest:
    """With its namespace, where the environment puts objects without one elsewhere."""
    if target.is_of_cluster(kind_id(manifest["apiVersion"], manifest["kind"])):
        return manifest
    return {
        **manifest,
        "metadata": {"name": manifest["metadata"]["name"], "namespace": namespace, **manifest["metadata"]},
    }


def _references(manifests: Iterable[Manifest]) -> Iterator[str]:
    for manifest in manifests:
        spec = (pod_template(manifest) or {}).get("spec") or {}
        for group in ("initContainers", "containers"):
            yield from (str(each.get("image", "")) for each in spec.get(group) or ())


def _version_of(manifests: Sequence[Manifest]) -> str:
    """The tag that all images have, else the version that all labels name, else "imported"."""
    tags = {_tag(each) for each in _references(manifests)}
    named = {(each["metadata"].get("labels") or {}).get(VERSION_LABEL, "") for each in manifests}
    for found in (tags, named - {""}):
        if len(found) == 1 and ingest.VERSION.fullmatch(only := found.pop()):
            return only
    return UNTOLD


def _tag(reference: str) -> str:
    return reference.partition("@")[0].removeprefix(repository_of(reference)).lstrip(":")


def _images(manifests: Sequence[Manifest], version: str) -> dict[str, str]:
    """{repository: reference} of the images at the release's version: those that the next version has at its own."""
    found = {reference for reference in _references(manifests) if _tag(reference) == version and "@" not in reference}
    return {repository_of(reference): reference for reference in sorted(found)}


def _application(actor: Actor, name: str) -> tuple[Application, bool]:
    found = Application.objects.filter(name=name).first()
    if found:
        return found, False
    made = Application.objects.create(name=name)
    audit.record("application.added", made, {}, actor=actor, application=name)
    return made, True
