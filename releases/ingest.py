"""How bundles and releases come in. Nothing is stored by half, and the same thing twice is one thing."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction

from environments import sources
from environments.access import permitted
from environments.manifests import bundle as bundles
from environments.source_tools import places_for, source_tools
from portal import audit, blobs
from portal.actors import Actor
from portal.audit.vouching import doubts, with_row
from portal.roles import Verb
from releases.errors import Unacceptable
from releases.makers import Maker, authors, co_authors, made_by, named, strangers, united
from releases.models import Application, Bundle, Release
from releases.states import ENDED

VERSION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._+-]{0,126}[A-Za-z0-9])?")
IMAGE_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._/:-]{0,199}[A-Za-z0-9])?")
# Of a release that is made again: all but what it is called.
AGAIN = ("images", "bundle_id", "changelog", "commit", "commit_author", "source", "created_by", "makers")
REFERENCE = re.compile(r"[^\s@]+(@sha256:[0-9a-f]{64})?")


RENDERED_APART = (
    "A chart, a kustomization or a repository is fetched and rendered apart from web requests: send it with its "
    "release, by POST /api/v1/releases, a webhook or manage.py deploy."
)


def is_source(content: bytes, filename: str) -> bool:
    """Whether it is a chart, a kustomization or the name of one, which takes a while to render. Raises BundleError."""
    return sources.is_source(bundles.members_of(content, filename))


def store_bundle(
    actor: Actor, application: Application, content: bytes, filename: str, *, token: str = "", token_host: str = ""
) -> Bundle:
    """The stored bundle of an archive or a YAML file; BundleError names what is wrong with it.

    A chart or a kustomization is rendered first, for every environment: outside of transactions and web requests. What
    it names by an address is fetched, `token` shown to that host alone; FetchLater where it may come later.
    Whoever brings the same content again is one more of those who uploaded it.
    """
    members = bundles.members_of(content, filename)
    if not sources.is_source(members):
        return _stored_bundle(actor, application, bundles.bundle_of(members, filename).files, {})
    with source_tools(token, token_host) as tools:
        made = sources.made_of(members, places_for(application.name), tools)
    return _stored_bundle(actor, application, bundles.bundle_of(made.members, filename).files, made.origin)


def keep_bundle(actor: Actor, application: Application, bundle: bundles.ManifestBundle) -> Bundle:
    """The stored bundle of files that are read already."""
    return _stored_bundle(actor, application, bundle.files, {})


def _stored_bundle(
    actor: Actor, application: Application, files: Sequence[bundles.BundleFile], origin: Mapping[str, Any]
) -> Bundle:
    packed = blobs.canonical(
        {"application": application.name, "files": [list(file) for file in files], **_reading(files)}
    )
    with transaction.atomic():
        digest = blobs.store(packed)
        stored, _ = Bundle.objects.select_for_update().get_or_create(
            digest=digest,
            defaults={
                "application": application,
                "files": [{"path": file.path, "size": len(file.text.encode())} for file in files],
                "size": sum(len(file.text.encode()) for file in files),
                "origin": dict(origin),
            },
        )
        _uploaded(actor, stored, origin)
    return stored


def _uploaded(actor: Actor, bundle: Bundle, origin: Mapping[str, Any]) -> None:
    more = made_by(actor, "uploaded", "bundle")
    makers = _as_json(united(map(Maker.from_json, bundle.makers), more))
    if makers == bundle.makers:
        return
    _check_vouched(bundle)
    bundle.makers = makers
    bundle.save(update_fields=["makers"])
    data = {"digest": bundle.digest, "makers": _as_json(more), **({"origin": dict(origin)} if origin else {})}
    audit.record("bundle.uploaded", bundle, with_row(bundle, data), actor=actor, application=bundle.application.name)


def open_bundle(bundle: Bundle) -> bundles.ManifestBundle:
    """The files of a stored bundle, and how they are read."""
    stored = blobs.load_json(bundle.digest)
    found = bundles.ManifestBundle.of(bundles.BundleFile(path, text) for path, text in stored["files"])
    return replace(found, every_escape="escapes" not in stored)


def _reading(files: Iterable[bundles.BundleFile]) -> dict[str, str]:
    """What bundles of before do not say: that `$${` is an escape before declared names only.

    Said only where it counts, so that the same content keeps its digest.
    """
    return {"escapes": "declared"} if any("$${" in file.text for file in files) else {}


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
    makers: Iterable[Maker] = (),
) -> tuple[Release, bool]:
    """The release, and whether it is new. The same again is the first; other content of that name is Unacceptable,
    unless the first was asked for and refused before any plan was made: it is then made again.

    `makers`: who is known to have made the content, beside `commit_author`, the trailers of `changelog` and the actor.
    """
    require_release_right(actor)
    check_version(version)
    _check_images(images)
    _check_texts(changelog=changelog, commit=commit, commit_author=commit_author)
    wanted = Release(
        application=application,
        version=version,
        images=dict(images),
        bundle=bundle_for(application, bundle),
        changelog=changelog,
        commit=commit,
        commit_author=commit_author,
        source=source,
        created_by=actor.name,
        makers=_as_json(_makers(actor, makers, commit_author, changelog)),
    )
    with transaction.atomic():
        # Before the release, as whoever asks for a rollout does: nobody plans it in this moment.
        Application.objects.select_for_update().get(pk=application.pk)
        release = _stored(wanted)
        if release is wanted:
            _record(actor, release)
            return release, True
        if _is_again(release, wanted, any_bundle=bundle is None):
            _make_again(actor, release, wanted)
            return release, True
        _check_same(release, wanted, any_bundle=bundle is None)
        _unite(actor, release, wanted)
    return release, False


def _stored(wanted: Release) -> Release:
    """The release of that name that is there, locked; else the wanted one, now stored."""
    rows = Release.objects.select_for_update(of=("self",)).select_related("application", "bundle")
    same = rows.filter(application=wanted.application, version=wanted.version)
    if existing := same.first():
        return existing
    try:
        with transaction.atomic():
            wanted.save(force_insert=True)
    except IntegrityError:
        return same.get()
    return wanted


def _makers(actor: Actor, told: Iterable[Maker], author: str, changelog: str) -> tuple[Maker, ...]:
    given = tuple(told)
    if any("\0" in each.who for each in given):
        raise Unacceptable("makers has the character U+0000, which cannot be stored.")
    known = {each.who for each in given}
    further = (
        *named([author] if author.strip() not in known else [], "wrote", "commit"),
        *named(co_authors(changelog), "co-wrote", "commit"),
    )
    return united(given, (*further, *made_by(actor, "created", "release")))


def _check_same(existing: Release, wanted: Release, *, any_bundle: bool) -> None:
    """Unacceptable, naming both, where a release of that version is there with other content.

    What only one of the two names is no conflict. `any_bundle`: the wanted one comes without a bundle of its own.
    """
    if differing := _differences(existing, wanted, any_bundle=any_bundle):
        raise Unacceptable(
            f"{existing} is there already with other content. {'; '.join(differing)}. "
            "A release that was planned never changes: choose a new version."
        )


def _differences(existing: Release, wanted: Release, *, any_bundle: bool) -> list[str]:
    return [
        f"{what}: {was or 'none'} there, {now or 'none'} here"
        for what, was, now in _both(existing, wanted, any_bundle=any_bundle)
    ]


def _is_again(existing: Release, wanted: Release, *, any_bundle: bool) -> bool:
    """Whether the wanted one takes its place: from the same source, other content, where nobody has seen a plan."""
    same = existing.source == wanted.source and not _are_strangers(existing, wanted)
    return same and bool(_differences(existing, wanted, any_bundle=any_bundle)) and _has_failed_unplanned(existing)


def _has_failed_unplanned(release: Release) -> bool:
    """Whether it was asked for, no plan of it ever came to be, and none is about to."""
    asked = list(release.rollouts.values_list("plan_digest", "phase"))
    return bool(asked) and all(not digest and phase in ENDED for digest, phase in asked)


def _make_again(actor: Actor, existing: Release, wanted: Release) -> None:
    """Puts other content in the place of what no plan was ever made of. Who made the first stays among its makers."""
    _check_vouched(existing)
    before = {name: getattr(existing, name) for name in AGAIN}
    for name in AGAIN:
        setattr(existing, name, getattr(wanted, name))
    existing.makers = _as_json(united(map(Maker.from_json, before["makers"]), map(Maker.from_json, wanted.makers)))
    existing.save()
    changed = {name: [was, getattr(existing, name)] for name, was in before.items() if was != getattr(existing, name)}
    data = with_row(existing, {"changed": changed})
    audit.record("release.made-again", existing, data, actor=actor, application=existing.application.name)


def _both(existing: Release, wanted: Release, *, any_bundle: bool) -> Iterable[tuple[str, str, str]]:
    """What two releases say differently: what, as it is there, as it is here."""
    if existing.source != wanted.source:
        yield "source", existing.source, wanted.source
    if _are_strangers(existing, wanted):
        yield "author", ", ".join(_authors(existing)), ", ".join(_authors(wanted))
    if existing.commit and wanted.commit and existing.commit.lower() != wanted.commit.lower():
        yield "commit", existing.commit, wanted.commit
    if not any_bundle and existing.bundle_id != wanted.bundle_id:
        yield "bundle", existing.bundle_id, wanted.bundle_id
    for name in sorted({*existing.images, *wanted.images}):
        if existing.images.get(name) != wanted.images.get(name):
            yield f"images.{name}", existing.images.get(name, ""), wanted.images.get(name, "")


def _are_strangers(existing: Release, wanted: Release) -> bool:
    return bool(strangers(_authors(existing), _authors(wanted)))


def _authors(release: Release) -> tuple[str, ...]:
    return tuple(authors(map(Maker.from_json, release.makers)))


def _unite(actor: Actor, existing: Release, told: Release) -> None:
    """What is told again of a release adds to who made it, and names what was not known; it replaces nothing."""
    makers = _as_json(united(map(Maker.from_json, existing.makers), map(Maker.from_json, told.makers)))
    more = {
        "makers": makers,
        "commit": existing.commit or told.commit,
        "commit_author": existing.commit_author or told.commit_author,
    }
    changed = {name: value for name, value in more.items() if value != getattr(existing, name)}
    if not changed:
        return
    _check_vouched(existing)
    for name, value in changed.items():
        setattr(existing, name, value)
    existing.save(update_fields=list(changed))
    data = with_row(existing, changed)
    audit.record("release.told-again", existing, data, actor=actor, application=existing.application.name)


def _check_vouched(row: Release | Bundle) -> None:
    """Unacceptable where what is there is not as the history says: nothing is added to what somebody forged."""
    if found := doubts([row]):
        raise Unacceptable(f"{'; '.join(map(str, found))}. Somebody wrote to the database itself.")


def _as_json(makers: Iterable[Maker]) -> list[dict[str, Any]]:
    return [each.as_json() for each in makers]


def application_for(actor: Actor, name: str) -> tuple[Application, bool]:
    """The application of that name, and whether it is new. Who may add applications, or is the shell, makes it.

    Raises PermissionDenied, and Unacceptable for what is no name.
    """
    if found := Application.objects.filter(name=name).first():
        return found, False
    if actor.user and not actor.user.has_perm("releases.add_application"):
        raise PermissionDenied(f"There is no application {name}, and you may not add one. Ask an administrator for it.")
    made = Application(name=name)
    try:
        made.full_clean()
    except ValidationError as error:
        raise Unacceptable(f"{name!r} cannot be an application's name: {' '.join(error.messages)}") from None
    with transaction.atomic():
        made.save()
        audit.record("application.added", made, {"by": "the first release"}, actor=actor, application=name)
    return made, True


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
        raise Unacceptable(
            f"{application} has no bundle yet that is its current one. Send one with the release, "
            f"or make one current on /applications/{application}/bundle."
        )
    if current.application_id != application.pk:
        raise Unacceptable(f"The bundle {current} belongs to {current.application}, not to {application}.")
    return current


def _record(actor: Actor, release: Release) -> None:
    names = ("images", "commit", "source", "makers")
    data = {"bundle": release.bundle_id, **{name: getattr(release, name) for name in names}}
    audit.record("release.created", release, with_row(release, data), actor=actor, application=release.application.name)
