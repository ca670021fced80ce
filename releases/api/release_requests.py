"""Releases that the API is asked for with a chart, a kustomization or a repository: made by a long job."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest
from ninja import Router

from environments.manifests.errors import BundleError
from environments.sources import FetchLater
from portal import blobs
from portal.actors import Actor, Scope
from portal.models import Job
from portal.orchestration import jobs
from portal.orchestration.jobs import JobKind, RunningJob, job_kind
from releases.api.parameters import ReleaseRequestId
from releases.api.shapes import ReleaseIn, ReleaseRequestOut
from releases.errors import Unacceptable
from releases.ingest import check_version, create_release, store_bundle
from releases.makers import named
from releases.models import Application, Bundle, Release
from releases.visibility import require_inside

KIND = "releases.api.release"
router = Router(tags=["releases"])


@router.get("/release-requests/{request_id}", response=ReleaseRequestOut)
def get_release_request(request: HttpRequest, request_id: ReleaseRequestId) -> ReleaseRequestOut:
    """What came of a release that had to be fetched or rendered."""
    actor: Actor = request.auth  # type: ignore[attr-defined]
    require_inside(actor)
    found = Job.objects.filter(kind=KIND, pk=request_id).first()
    if found is None:
        raise Http404(f"There is no release request {request_id}.")
    return shown_request(found)


def shown_request(job: Job) -> ReleaseRequestOut:
    """The request as the API gives it."""
    result = job.result or {}
    refused = result.get("why") or (job.why if job.ended and job.state != Job.State.DONE else "")
    state = "waiting" if not job.ended else "refused" if refused else "done"
    return ReleaseRequestOut(id=job.pk, state=state, why=refused, release=result.get("release"))


def ask(actor: Actor, application: Application, wanted: ReleaseIn, content: bytes, filename: str) -> Job:
    """Has a release made once its source is rendered. Raises Unacceptable for a bad version."""
    check_version(wanted.version)
    arguments = {
        "application": application.pk,
        "wanted": wanted.model_dump(exclude={"source"}),
        "content": blobs.store(content),
        "filename": filename,
        "actor": _kept(actor),
    }
    label = f"Render {application} {wanted.version}"[:200]
    with transaction.atomic():
        return jobs.submit(KIND, arguments, label=label, target=f"release:{application}", requested_by=actor.name)


@job_kind(KIND)
class MakeRelease(JobKind):
    """Fetches, renders and makes a release for whoever asked; a refusal is its result, in words."""

    tries = 3

    def run(self, job: RunningJob) -> Mapping[str, Any]:
        given = job.arguments
        try:
            return {"release": _made(given, ReleaseIn.model_validate(given["wanted"]))}
        except (BundleError, Unacceptable, PermissionDenied, FetchLater) as error:
            return {"why": str(error)}


def _made(given: Mapping[str, Any], wanted: ReleaseIn) -> int:
    actor = _actor(given["actor"])
    application = Application.objects.get(pk=given["application"])
    bundle = store_bundle(actor, application, blobs.load(given["content"]), given["filename"])
    release, _created = release_as_asked(actor, application, wanted, bundle)
    return int(release.pk)


def release_as_asked(
    actor: Actor, application: Application, wanted: ReleaseIn, bundle: Bundle | None
) -> tuple[Release, bool]:
    """What create_release gives for what the API was sent."""
    return create_release(
        actor,
        application,
        wanted.version,
        wanted.images,
        bundle=bundle,
        changelog=wanted.changelog,
        commit=wanted.commit,
        commit_author=wanted.commit_author,
        source="api",
        makers=named(wanted.makers, "made", "release"),
    )


def _kept(actor: Actor) -> dict[str, Any]:
    scope = actor.scope
    return {
        "kind": actor.kind,
        "name": actor.name,
        "user": actor.user.pk if actor.user else None,
        "scope": [sorted(scope.environments), sorted(scope.verbs)] if scope else None,
        "own": actor.own,
    }


def _actor(kept: Mapping[str, Any]) -> Actor:
    """Who asked, with the rights that they have now. PermissionDenied for an account that is gone or closed."""
    user = User.objects.filter(pk=kept["user"], is_active=True).first() if kept["user"] else None
    if kept["user"] and user is None:
        raise PermissionDenied(f"The account of {kept['name']} is closed.")
    scope = Scope(*map(frozenset, kept["scope"])) if kept["scope"] else None
    return Actor(kept["kind"], kept["name"], user, scope, kept["own"])
