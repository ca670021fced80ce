"""Bundles and releases come in whole, once, or not at all."""

from collections.abc import Mapping

import pytest
from django.core.exceptions import PermissionDenied

from environments.manifests.errors import BundleError
from portal import blobs
from portal.actors import SYSTEM, Actor
from portal.audit.vouching import doubts
from portal.models import AuditEntry, Blob
from releases import ingest
from releases.errors import Unacceptable
from releases.ingest import create_release
from releases.makers import named
from releases.models import Application, Bundle, Release, Rollout
from releases.states import Phase
from tests.releases.world import WEB, World, archive

IMAGES = {"web": "registry.example/shop/web:1.0.0"}


def test_a_bundle_says_how_its_escapes_are_read_and_those_of_before_say_nothing(world: World) -> None:
    text = WEB.replace("LOG_LEVEL: info", "LOG_LEVEL: '$${LEVEL}'")
    assert text != WEB
    stored = ingest.store_bundle(world.people["developer"], world.application, text.encode(), "web.yaml")
    assert not ingest.open_bundle(stored).every_escape
    before = blobs.store_json({key: value for key, value in blobs.load_json(stored.digest).items() if key != "escapes"})
    old = Bundle(digest=before, application=world.application)
    assert ingest.open_bundle(old).every_escape
    assert ingest.open_bundle(old).files == ingest.open_bundle(stored).files


def test_a_bundle_is_stored_once_and_opens_as_it_was(world: World) -> None:
    content = archive({"base/web.yaml": WEB})
    first = ingest.store_bundle(SYSTEM, world.application, content, "shop.tar.gz")
    assert ingest.store_bundle(SYSTEM, world.application, content, "again.tgz") == first
    opened = ingest.open_bundle(first)
    assert [(file.path, file.text) for file in opened.files] == [("base/web.yaml", WEB)]
    assert first.files == [{"path": "base/web.yaml", "size": len(WEB)}]


def test_the_same_files_belong_to_each_application_that_sends_them(world: World) -> None:
    other = Application.objects.create(name="other")
    content = archive({"base/web.yaml": WEB})
    first = ingest.store_bundle(SYSTEM, world.application, content, "a.tar.gz")
    assert ingest.store_bundle(SYSTEM, other, content, "a.tar.gz").application == other
    assert first.application == world.application


def test_a_bad_bundle_leaves_nothing_behind(world: World) -> None:
    content = archive({"base/web.yaml": WEB, "base/bad.yaml": "kind: [\n"})
    with pytest.raises(BundleError, match=r"base/bad\.yaml line"):
        ingest.store_bundle(SYSTEM, world.application, content, "shop.tar.gz")
    assert not Bundle.objects.exists()
    assert not Blob.objects.exists()


def test_a_release_without_a_bundle_takes_the_current_one(world: World) -> None:
    first = world.release("1.0.0")
    world.application.refresh_from_db()
    second, created = ingest.create_release(SYSTEM, world.application, "1.1.0", IMAGES)
    assert created
    assert second.bundle == first.bundle


def test_the_first_release_needs_a_bundle(world: World) -> None:
    with pytest.raises(Unacceptable, match="has no bundle yet"):
        ingest.create_release(SYSTEM, world.application, "1.0.0", IMAGES)


def test_the_same_release_again_is_the_first(world: World) -> None:
    first = world.release()
    again, created = ingest.create_release(SYSTEM, world.application, "1.0.0", first.images, bundle=first.bundle)
    assert (again, created) == (first, False)
    assert AuditEntry.objects.filter(verb="release.created").count() == 1


WAS = {
    "images": IMAGES,
    "source": "github/shop",
    "commit": "a" * 40,
    "commit_author": "ann",
}
OTHER = {"base/web.yaml": WEB, "base/more.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: more}\n"}
CONFLICTS: list[tuple[str, dict, str]] = [
    ("another source", {"source": "api"}, "source: github/shop there, api here"),
    ("another author", {"commit_author": "bob"}, "author: ann there, bob here"),
    ("another commit", {"commit": "b" * 40}, f"commit: {'a' * 40} there, {'b' * 40} here"),
    (
        "another image",
        {"images": {"web": "registry.example/shop/web:other"}},
        "images.web: registry.example/shop/web:1.0.0 there, registry.example/shop/web:other here",
    ),
    ("an image more", {"images": {**IMAGES, "db": "db:1"}}, "images.db: none there, db:1 here"),
    ("an image less", {"images": {}}, "images.web: registry.example/shop/web:1.0.0 there, none here"),
]


@pytest.mark.parametrize(("what", "other", "words"), CONFLICTS, ids=[what for what, _, _ in CONFLICTS])
def test_a_release_never_changes_and_a_conflict_names_both(world: World, what: str, other: dict, words: str) -> None:
    first = world.release("1.0.0", **WAS)
    with pytest.raises(Unacceptable) as refused:
        ingest.create_release(SYSTEM, world.application, "1.0.0", **{**WAS, **other})
    assert words in str(refused.value)
    kept = Release.objects.get(pk=first.pk)
    assert [getattr(kept, name) for name in (*WAS, "makers")] == [getattr(first, name) for name in (*WAS, "makers")]


def test_a_release_with_another_bundle_is_a_conflict_that_names_both(world: World) -> None:
    first = world.release("1.0.0", **WAS)
    other = ingest.store_bundle(SYSTEM, world.application, archive(OTHER), "shop.tar.gz")
    with pytest.raises(Unacceptable, match=f"bundle: {first.bundle_id} there, {other.digest} here"):
        ingest.create_release(SYSTEM, world.application, "1.0.0", bundle=other, **WAS)


SAME: list[tuple[str, dict]] = [
    ("the very same", {}),
    ("its author by another form", {"commit_author": "Ann <1+ann@users.noreply.github.com>"}),
    ("the commit in capitals", {"commit": "A" * 40}),
    ("without an author", {"commit_author": ""}),
    ("without a commit", {"commit": ""}),
    ("with another changelog", {"changelog": "Faster."}),
]


@pytest.mark.parametrize(("what", "told"), SAME, ids=[what for what, _ in SAME])
def test_what_is_told_again_of_a_release_takes_nothing_away(world: World, what: str, told: dict) -> None:
    first = world.release("1.0.0", **WAS)
    again, created = ingest.create_release(SYSTEM, world.application, "1.0.0", **{**WAS, **told})
    assert (again, created) == (first, False)
    again.refresh_from_db()
    assert [getattr(again, name) for name in WAS] == list(WAS.values())
    assert [each for each in first.makers if each not in again.makers] == []


def test_what_was_not_known_is_added_and_in_the_history(world: World) -> None:
    first = world.release("1.0.0", **{**WAS, "commit": "", "commit_author": ""})
    ingest.create_release(SYSTEM, world.application, "1.0.0", makers=named(["lead2"], "pushed", "commit"), **WAS)
    first.refresh_from_db()
    assert (first.commit, first.commit_author) == (WAS["commit"], "ann")
    assert {each.who for each in first.made_by} >= {"ann", "lead2", "slipway"}
    entry = AuditEntry.objects.get(verb="release.told-again")
    assert entry.data["commit"] == WAS["commit"]
    assert {"who": "lead2", "how": "pushed", "part": "commit"} in entry.data["makers"]


def test_an_upload_does_not_become_what_other_releases_take(world: World) -> None:
    first = world.release("1.0.0")
    for persona in ("developer", "operator"):
        own = ingest.store_bundle(world.people[persona], world.application, archive(OTHER), "own.tar.gz")
        ingest.create_release(world.people[persona], world.application, f"2-{persona}", IMAGES, bundle=own)
        later, _ = ingest.create_release(SYSTEM, Application.objects.get(), f"3-{persona}", IMAGES)
        assert (later.bundle, Application.objects.get().bundle) == (first.bundle, first.bundle)


def test_everybody_who_uploads_a_bundle_is_kept_with_it_and_in_the_history(world: World) -> None:
    for persona in ("developer", "lead", "developer"):
        bundle = ingest.store_bundle(world.people[persona], world.application, archive(OTHER), "own.tar.gz")
    assert {(each["who"], each["user"]) for each in bundle.makers if "@" not in each["who"]} == {
        (persona, world.people[persona].user.pk) for persona in ("developer", "lead")
    }
    told = AuditEntry.objects.filter(verb="bundle.uploaded").order_by("number")
    assert [(entry.actor, entry.target_id) for entry in told] == [
        ("developer", bundle.digest),
        ("lead", bundle.digest),
    ]


@pytest.mark.parametrize("version", ["", "-1", "1.0 beta", "1/2", "é", "x" * 129])
def test_a_version_has_to_fit(world: World, version: str) -> None:
    with pytest.raises(Unacceptable, match="does not fit"):
        ingest.create_release(SYSTEM, world.application, version, IMAGES)
    assert not Release.objects.exists()


@pytest.mark.parametrize("images", [{"": "a:1"}, {"web": ""}, {"web": "a b"}, {"web": 3}, {"web": "a@sha256:12"}])
def test_images_have_to_fit(world: World, images: dict) -> None:
    with pytest.raises(Unacceptable, match="images"):
        ingest.create_release(SYSTEM, world.application, "1.0.0", images)


@pytest.mark.parametrize(
    ("persona", "may"),
    [("lead", True), ("developer", True), ("operator", True), ("auditor", False), ("outsider", False)],
)
def test_who_may_create_releases(world: World, persona: str, may: bool) -> None:
    first = world.release()
    if may:
        release, _ = ingest.create_release(world.people[persona], world.application, "2.0.0", IMAGES)
        assert (release.created_by, release.bundle) == (persona, first.bundle)
    else:
        with pytest.raises(PermissionDenied, match="role developer"):
            ingest.create_release(world.people[persona], world.application, "2.0.0", IMAGES)


def test_a_machine_creates_releases_of_what_it_was_let_in_for(world: World) -> None:
    world.release()
    release, _ = ingest.create_release(Actor.ci("github/shop"), world.application, "2.0.0", IMAGES)
    assert release.created_by == "github/shop"


class TestAReleaseThatIsMadeAgain:
    """What was asked for, and refused before it was planned, may get other content: nobody has seen what it does."""

    OTHER: Mapping[str, str] = {"web": "registry.example/shop/web:9"}

    def again(self, world: World) -> tuple[Release, bool]:
        return create_release(world.people["operator"], world.application, "1.0.0", self.OTHER)

    @pytest.mark.parametrize("phase", [Phase.FAILED, Phase.CANCELLED])
    def test_where_every_plan_failed_before_it_was_made(self, world: World, phase: Phase) -> None:
        first = world.rollout(phase, plan_digest="").release
        release, new = self.again(world)
        assert (release.pk, new, release.images) == (first.pk, True, self.OTHER)
        entry = AuditEntry.objects.filter(verb="release.made-again").get()
        assert entry.data["changed"]["images"] == [first.images, self.OTHER]
        assert not doubts([release])

    def test_not_by_another_source(self, world: World) -> None:
        world.rollout(Phase.FAILED, plan_digest="")
        with pytest.raises(Unacceptable, match="source: none there, api here"):
            create_release(world.people["operator"], world.application, "1.0.0", self.OTHER, source="api")

    def test_not_before_it_was_asked_for(self, world: World) -> None:
        world.release("1.0.0")
        with pytest.raises(Unacceptable, match="never changes"):
            self.again(world)

    @pytest.mark.parametrize(
        ("phase", "plan"), [(Phase.PLANNING, ""), (Phase.FAILED, "sha256:1"), (Phase.SUCCEEDED, "sha256:1")]
    )
    def test_not_where_one_was_planned_or_is_about_to_be(self, world: World, phase: Phase, plan: str) -> None:
        rollout = world.rollout(phase)
        Rollout.objects.filter(pk=rollout.pk).update(plan_digest=plan)
        with pytest.raises(Unacceptable, match="never changes"):
            self.again(world)
