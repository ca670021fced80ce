"""Releases and bundles."""

import re
from typing import Any

from django.http import Http404, HttpRequest
from ninja import Router, Status
from ninja.errors import HttpError
from ninja.errors import ValidationError as NotFitting
from pydantic import ValidationError

from environments.manifests.limits import LIMITS
from environments.sources.telling import packed
from portal import strict_json
from portal.actors import Actor
from releases import actions
from releases.api.given import once_each, refuse_unknown
from releases.api.parameters import ApplicationFilter, ApplicationName, Limit, ReleaseId
from releases.api.release_requests import ask, release_as_asked, shown_request
from releases.api.shapes import BundleOut, CurrentBundleIn, MakerOut, ReleaseIn, ReleaseOut, ReleaseRequestOut
from releases.errors import Unacceptable
from releases.ingest import RENDERED_APART, is_source, require_release_right, store_bundle
from releases.models import Application, Bundle, Release
from releases.visibility import require_inside, visible_releases

router = Router(tags=["releases"])
ID = re.compile(r"[0-9]{1,18}")
TEXTS = ("application", "version", "changelog", "commit", "commit_author")
MULTIPART = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": ReleaseIn.model_json_schema()},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["application", "version"],
                    "properties": {
                        **{
                            name: {"type": "string", "description": ReleaseIn.model_fields[name].description}
                            for name in TEXTS
                        },
                        "makers": {"type": "string", "description": 'JSON: ["login", "address"]'},
                        "images": {"type": "string", "description": 'JSON: {"name": "reference"}'},
                        "source": {"type": "string", "description": "JSON: as slipway.yaml has it"},
                        "bundle": {
                            "type": "string",
                            "format": "binary",
                            "description": "A .tar.gz, .zip or YAML file.",
                        },
                    },
                }
            },
        },
    }
}


@router.get("/releases", response=list[ReleaseOut])
def list_releases(request: HttpRequest, application: ApplicationFilter = "", limit: Limit = 50) -> list[ReleaseOut]:
    """The newest releases."""
    actor = actor_of(request)
    found = visible_releases(actor)
    if application:
        found = found.filter(application=application_named(actor, application))
    return [shown(release) for release in found[: max(1, min(limit, 500))]]


@router.get("/releases/{release_id}", response=ReleaseOut)
def get_release(request: HttpRequest, release_id: ReleaseId) -> ReleaseOut:
    """One release."""
    return shown(release_of(actor_of(request), release_id))


@router.post("/releases", response={200: ReleaseOut, 201: ReleaseOut, 202: ReleaseRequestOut}, openapi_extra=MULTIPART)
def post_release(request: HttpRequest) -> Status[ReleaseOut] | Status[ReleaseRequestOut]:
    """Creates a release: 201, or 200 where the very same is there already. As JSON, or multipart with the bundle.

    A chart, a kustomization or a repository is rendered first: 202, and /release-requests/ID tells what came of it.
    """
    actor = actor_of(request)
    require_release_right(actor)
    wanted, uploaded = _parse(request)
    application = application_named(actor, wanted.application)
    if wanted.source and (uploaded or wanted.bundle):
        raise Unacceptable("source and bundle are both given; one says where the manifests are.")
    sent = (packed(wanted.source), "source.tar.gz") if wanted.source else uploaded
    if sent and is_source(*sent):
        return Status(202, shown_request(ask(actor, application, wanted, *sent)))
    bundle = store_bundle(actor, application, *sent) if sent else _earlier(application, wanted.bundle)
    release, created = release_as_asked(actor, application, wanted, bundle)
    return Status(201 if created else 200, shown(release))


@router.post("/bundles", response={201: BundleOut})
def post_bundle(request: HttpRequest) -> Status[BundleOut]:
    """Stores a bundle for a later release: multipart with `application` and the file `bundle`."""
    actor = actor_of(request)
    require_release_right(actor)
    uploaded = _uploaded(request)
    if uploaded is None:
        raise Unacceptable("There is no file “bundle” in this request. Send it as multipart/form-data.")
    refuse_unknown("field", request.POST, ["application"])
    application = application_named(actor, once_each(request.POST).get("application", ""))
    if is_source(*uploaded):
        raise Unacceptable(RENDERED_APART)
    bundle = store_bundle(actor, application, *uploaded)
    return Status(201, BundleOut(digest=bundle.digest, application=application.name, files=bundle.files))


@router.put("/applications/{name}/bundle", response=BundleOut)
def put_bundle(request: HttpRequest, name: ApplicationName, wanted: CurrentBundleIn) -> BundleOut:
    """Makes a stored bundle the application's current one: what releases without a bundle take from then on."""
    actor = actor_of(request)
    bundle = _earlier(application_named(actor, name), wanted.digest)
    if bundle is None:
        raise Unacceptable("digest: name the bundle that is to become the current one.")
    actions.make_current(actor, bundle, wanted.comment)
    return BundleOut(digest=bundle.digest, application=name, files=bundle.files)


def actor_of(request: HttpRequest) -> Actor:
    """Who calls: what the bearer token stands for."""
    actor: Actor = request.auth  # type: ignore[attr-defined]
    return actor


def application_named(actor: Actor, name: str) -> Application:
    """The application; Http404 names those that there are, PermissionDenied does not."""
    require_inside(actor)
    found = Application.objects.filter(name=name).first()
    if found is None:
        names = ", ".join(Application.objects.values_list("name", flat=True)) or "none yet"
        raise Http404(f"There is no application {name!r}. There are: {names}.")
    return found


def release_of(actor: Actor, wanted: int | str) -> Release:
    """By id or "application@version"; Http404 where there is none, PermissionDenied for an outsider."""
    require_inside(actor)
    releases = Release.objects.select_related("application")
    application, at, version = str(wanted).rpartition("@")
    if at:
        found = releases.filter(application__name=application, version=version).first()
    else:
        found = releases.filter(pk=int(wanted)).first() if ID.fullmatch(str(wanted)) else None
    if found is None:
        raise Http404(f"There is no release {wanted!r}. Name its id, or application@version.")
    return found


def shown(release: Release) -> ReleaseOut:
    """The release as the API gives it."""
    return ReleaseOut(
        id=release.pk,
        application=release.application.name,
        version=release.version,
        images=release.images,
        bundle=release.bundle_id,
        changelog=release.changelog,
        commit=release.commit,
        commit_author=release.commit_author,
        makers=[MakerOut(who=each.who, how=each.how, part=each.part) for each in release.made_by],
        source=release.source,
        created=release.created_at,
    )


def _parse(request: HttpRequest) -> tuple[ReleaseIn, tuple[bytes, str] | None]:
    if request.content_type != "multipart/form-data":
        return _fitting(_json(request.body, "The body")), None
    fields, uploaded = once_each(request.POST), _uploaded(request)
    if uploaded and "bundle" in fields:
        raise Unacceptable("bundle is given twice: as a file and as a digest.")
    read = {
        name: _json(fields.get(name) or empty, name)
        for name, empty in (("images", "{}"), ("makers", "[]"), ("source", "{}"))
    }
    return _fitting({**fields, **read}), uploaded


def _fitting(values: Any) -> ReleaseIn:
    try:
        return ReleaseIn.model_validate(values)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)
        raise NotFitting([{**one, "loc": ("body", *one["loc"])} for one in wrong]) from None


def _json(text: str | bytes, what: str) -> Any:
    try:
        return strict_json.read(text)
    except strict_json.NotTaken as error:
        status = 413 if isinstance(error, strict_json.TooLong) else 400
        raise HttpError(status, f"{what} {error}") from None


def _uploaded(request: HttpRequest) -> tuple[bytes, str] | None:
    refuse_unknown("file", request.FILES, ["bundle"])
    file = once_each(request.FILES).get("bundle")
    if file is None:
        return None
    if (file.size or 0) > LIMITS.archive:
        raise HttpError(413, f"The bundle has {file.size} bytes; {LIMITS.archive} are the most.")
    return file.read(), file.name or "bundle"


def _earlier(application: Application, digest: str) -> Bundle | None:
    if not digest:
        return None
    found = Bundle.objects.filter(pk=digest, application=application).first()
    if found is None:
        raise Unacceptable(f"bundle: {application} has no bundle {digest}. Upload it, or leave the field out.")
    return found
