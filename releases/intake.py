"""How bundles and releases come in. Nothing is stored by half, and the same thing twice is one thing."""

import re
from collections.abc import Mapping

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction

from environments.access import permitted
from environments.manifests import bundle as bundles
from portal import audit, blobs
from portal.actors import Actor
from portal.roles import Verb
from releases.errors import Unacceptable
from releases.models import Application, Bundle, Release

VERSION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._+-]{0,126}[A-Za-z0-9])?")
IMAGE_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._/:-]{0,199}[A-Za-z0-9])?")
REFERENCE = re.compile(r"[^\s@]+(@sha256:[0-9a-f]{64})?")


def store_bundle(application: Application, content: bytes, filename: str) -> Bundle:
    """The stored bundle of an archive or a YAML file; BundleError names what is wrong with it."""
    files = bundles.read_bundle(content, filename).files
    packed = blobs.canonical({"application": application.name, "files": [list(file) for file in files]})
    with transaction.atomic():
        digest = blobs.store(packed)
        stored, _ = Bundle.objects.get_or_create(
            digest=digest,
            defaults={
                "application": application,
                "files": [{"path": file.path, "size": len(file.text.encode())} for file in files],
                "size": len(content),
            },
        )
    return stored


def open_bundle(bundle: Bundle) -> bundles.Bundle:
    """The files of a stored bundle."""
    files = blobs.load_json(bundle.digest)["files"]
    return bundles.Bundle.of(bundles.BundleFile(path, text) for path, text in files)


def create_release(
    actor: Actor,
    application: Application,
    version: str,
    images: Mapping[str, str],
    *,
    bundle: Bundle | None = None,
    changelog: str = "",
    commit: str = "",
    commit_author: str = "",
    source: str = "",
) -> tuple[Release, bool]:
    """The release, and whether it is new. The same again is the first; another content is Unacceptable."""
    require_release_right(actor)
    check_version(version)
    _check_images(images)
    _check_texts(changelog=changelog, commit=commit, commit_author=commit_author)
    current = bundle_for(application, bundle)
    with transaction.atomic():
        existing = Release.objects.filter(application=application, version=version).first()
        if existing:
            return _same(existing, images, bundle), False
        try:
            with transaction.atomic():
                release = Release.objects.create(
                    application=application,
                    version=version,
                    images=dict(images),
                    bundle=current,
                    changelog=changelog,
                    commit=commit,
                    commit_author=commit_author,
                    source=source,
                    created_by=actor.name,
                )
        except IntegrityError:
            first = Release.objects.get(application=application, version=version)
            return _same(first, images, bundle), False
        _make_current(application, current)
        _record(actor, release)
    return release, True


def require_release_right(actor: Actor) -> None:
    """Who may ask for a rollout anywhere may say what there is to roll out; CI was let in for its application."""
    if actor.kind in ("ci", "system"):
        return
    if not permitted(actor, Verb.REQUEST):
        raise PermissionDenied(
            "To create a release you need the role developer, approver or operator in some environment. "
            "Ask an administrator for it."
        )


def check_version(version: str) -> None:
    """Unacceptable, saying what a version may be."""
    if not VERSION.fullmatch(version):
        raise Unacceptable(
            f"The version {version!r} does not fit: 1 to 128 letters, digits, dots, dashes, underscores or "
            "plus signs, with a letter or digit at both ends."
        )


def _check_images(images: Mapping[str, str]) -> None:
    for name, reference in images.items():
        if not IMAGE_NAME.fullmatch(name):
            raise Unacceptable(f"images has the name {name!r}: it has to be the name of a workload or image.")
        if not isinstance(reference, str) or not REFERENCE.fullmatch(reference):
            raise Unacceptable(f"images.{name} is {reference!r}: it has to be repository:tag or @sha256:….")


def _check_texts(**texts: str) -> None:
    for name, text in texts.items():
        longest = getattr(Release._meta.get_field(name), "max_length", None)
        if longest and len(text) > longest:
            raise Unacceptable(f"{name} has {len(text)} characters; {longest} are the most.")
        if "\0" in text:
            raise Unacceptable(f"{name} has the character U+0000, which cannot be stored.")


def bundle_for(application: Application, bundle: Bundle | None) -> Bundle:
    """The bundle that a release takes: the given one, or the application's current one. Unacceptable without any."""
    current = bundle or application.bundle
    if current is None:
        raise Unacceptable(f"{application} has no bundle yet. Send one with the release, or upload it before.")
    if current.application_id != application.pk:
        raise Unacceptable(f"The bundle {current} belongs to {current.application}, not to {application}.")
    return current


def _same(existing: Release, images: Mapping[str, str], bundle: Bundle | None) -> Release:
    other_bundle = bundle is not None and bundle.digest != existing.bundle_id
    if dict(images) != existing.images or other_bundle:
        what = "another bundle" if other_bundle else "other images"
        raise Unacceptable(f"{existing} is there already with {what}. A release never changes: choose a new version.")
    return existing


def _make_current(application: Application, bundle: Bundle) -> None:
    if application.bundle_id != bundle.digest:
        application.bundle = bundle
        application.save(update_fields=["bundle"])


def _record(actor: Actor, release: Release) -> None:
    data = {"images": release.images, "bundle": release.bundle_id, "commit": release.commit, "source": release.source}
    audit.record("release.created", release, data, actor=actor, application=release.application.name)
