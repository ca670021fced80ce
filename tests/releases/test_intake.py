"""Bundles and releases come in whole, once, or not at all."""

import pytest
from django.core.exceptions import PermissionDenied

from environments.manifests.errors import BundleError
from portal.actors import SYSTEM, Actor
from portal.models import AuditEntry, Blob
from releases import intake
from releases.errors import Unacceptable
from releases.models import Application, Bundle, Release
from tests.releases.world import WEB, World, archive

IMAGES = {"web": "registry.example/shop/web:1.0.0"}


def test_a_bundle_is_stored_once_and_opens_as_it_was(world: World) -> None:
    content = archive({"base/web.yaml": WEB})
    first = intake.store_bundle(world.application, content, "shop.tar.gz")
    assert intake.store_bundle(world.application, content, "again.tgz") == first
    opened = intake.open_bundle(first)
    assert [(file.path, file.text) for file in opened.files] == [("base/web.yaml", WEB)]
    assert first.files == [{"path": "base/web.yaml", "size": len(WEB)}]


def test_the_same_files_belong_to_each_application_that_sends_them(world: World) -> None:
    other = Application.objects.create(name="other")
    content = archive({"base/web.yaml": WEB})
    first = intake.store_bundle(world.application, content, "a.tar.gz")
    assert intake.store_bundle(other, content, "a.tar.gz").application == other
    assert first.application == world.application


def test_a_bad_bundle_leaves_nothing_behind(world: World) -> None:
    content = archive({"base/web.yaml": WEB, "base/bad.yaml": "kind: [\n"})
    with pytest.raises(BundleError, match=r"base/bad\.yaml line"):
        intake.store_bundle(world.application, content, "shop.tar.gz")
    assert not Bundle.objects.exists()
    assert not Blob.objects.exists()


def test_a_release_without_a_bundle_takes_the_current_one(world: World) -> None:
    first = world.release("1.0.0")
    world.application.refresh_from_db()
    second, created = intake.create_release(SYSTEM, world.application, "1.1.0", IMAGES)
    assert created
    assert second.bundle == first.bundle


def test_the_first_release_needs_a_bundle(world: World) -> None:
    with pytest.raises(Unacceptable, match="has no bundle yet"):
        intake.create_release(SYSTEM, world.application, "1.0.0", IMAGES)


def test_the_same_release_again_is_the_first(world: World) -> None:
    first = world.release()
    again, created = intake.create_release(SYSTEM, world.application, "1.0.0", first.images, bundle=first.bundle)
    assert (again, created) == (first, False)
    assert AuditEntry.objects.filter(verb="release.created").count() == 1


def test_a_release_never_changes(world: World) -> None:
    world.release()
    with pytest.raises(Unacceptable, match="with other images"):
        intake.create_release(SYSTEM, world.application, "1.0.0", {"web": "registry.example/shop/web:other"})


@pytest.mark.parametrize("version", ["", "-1", "1.0 beta", "1/2", "é", "x" * 129])
def test_a_version_has_to_fit(world: World, version: str) -> None:
    with pytest.raises(Unacceptable, match="does not fit"):
        intake.create_release(SYSTEM, world.application, version, IMAGES)
    assert not Release.objects.exists()


@pytest.mark.parametrize("images", [{"": "a:1"}, {"web": ""}, {"web": "a b"}, {"web": 3}, {"web": "a@sha256:12"}])
def test_images_have_to_fit(world: World, images: dict) -> None:
    with pytest.raises(Unacceptable, match="images"):
        intake.create_release(SYSTEM, world.application, "1.0.0", images)


@pytest.mark.parametrize(
    ("persona", "may"),
    [("lead", True), ("developer", True), ("operator", True), ("auditor", False), ("outsider", False)],
)
def test_who_may_create_releases(world: World, persona: str, may: bool) -> None:
    first = world.release()
    if may:
        release, _ = intake.create_release(world.people[persona], world.application, "2.0.0", IMAGES)
        assert (release.created_by, release.bundle) == (persona, first.bundle)
    else:
        with pytest.raises(PermissionDenied, match="role developer"):
            intake.create_release(world.people[persona], world.application, "2.0.0", IMAGES)


def test_a_machine_creates_releases_of_what_it_was_let_in_for(world: World) -> None:
    world.release()
    release, _ = intake.create_release(Actor.ci("github/shop"), world.application, "2.0.0", IMAGES)
    assert release.created_by == "github/shop"
