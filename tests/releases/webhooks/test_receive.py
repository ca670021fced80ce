"""What comes in by webhook: proven, stored once, answered at once."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from standardwebhooks.webhooks import Webhook

from portal.actors import Actor
from portal.models import AuditEntry
from releases import actions
from releases.ingest import create_release, store_bundle
from releases.models import Delivery, Release, Rollout, WebhookSource
from releases.states import Phase
from tests.releases.webhooks.signing import (
    GENERIC_SECRET,
    GITHUB_SECRET,
    LONG_AGO,
    github_signature,
    post_generic,
    post_github,
)
from tests.releases.world import WEB, World, archive

pytestmark = pytest.mark.django_db
COMMIT = "8a1d3b3f5f3f0a1f4c2e9d7b6a5c4d3e2f1a0b9c"
IMAGES = "registry.example/shop/{workload}:{version}"


@pytest.fixture
def github(world: World) -> WebhookSource:
    world.release("0.9.0")
    return source(world, "shop", "github", GITHUB_SECRET, {"repository": "example/shop", "images": IMAGES})


@pytest.fixture
def generic(world: World) -> WebhookSource:
    world.release("0.9.0")
    return source(world, "shop-ci", "generic", GENERIC_SECRET, {"images": IMAGES})


def source(world: World, name: str, provider: str, secret: str, mapping: dict[str, Any]) -> WebhookSource:
    made = WebhookSource.objects.create(
        name=name, provider=provider, application=world.application, secret=secret, mapping=mapping
    )
    made.rollout_to.set([world.environments["dev"], world.environments["staging"]])
    return made


def published(tag: str = "v1.1.0", **more: Any) -> dict[str, Any]:
    release = {"id": 7, "tag_name": tag, "body": "Faster.", "author": {"login": "octocat"}, "target_commitish": "main"}
    return {"action": "published", "release": release, "repository": {"id": 1, "full_name": "example/shop"}, **more}


def test_the_published_vector_of_github_is_what_we_compute() -> None:
    wanted = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert github_signature(b"Hello, World!") == wanted


def test_a_published_release_becomes_a_release_and_a_rollout_into_each_environment(
    client: Client, github: WebhookSource
) -> None:
    answer = post_github(client, "release", published())
    assert answer.status_code == 202
    told = answer.json()
    release = Release.objects.get(version="1.1.0")
    assert (told["outcome"], told["release"], told["delivery"]) == ("accepted", release.pk, "d-1")
    assert release.images == {"registry.example/shop/web": "registry.example/shop/web:1.1.0"}
    assert (release.commit_author, release.source) == ("octocat", "github/shop")
    rollouts = Rollout.objects.filter(pk__in=told["rollouts"])
    assert {str(rollout.environment) for rollout in rollouts} == {"dev", "staging"}
    assert {rollout.phase for rollout in rollouts} == {Phase.PLANNING}
    assert AuditEntry.objects.filter(verb="webhook.accepted", actor="github/shop").exists()


EVENTS = [
    (
        "push",
        {"ref": "refs/tags/v2.0.0", "after": COMMIT, "head_commit": {"author": {"username": "ann"}}},
        "2.0.0",
        "ann",
    ),
    (
        "workflow_run",
        {
            "action": "completed",
            "workflow_run": {
                "id": 5, "run_attempt": 1, "conclusion": "success", "head_branch": "v2.1.0", "head_sha": COMMIT,
                "head_commit": {"author": {"email": "ann@example.test"}},
            },
        },
        "2.1.0",
        "ann@example.test",
    ),
    (
        "registry_package",
        {
            "action": "published",
            "registry_package": {
                "id": 3,
                "package_version": {
                    "id": 4, "target_oid": COMMIT, "author": {"login": "ann"},
                    "container_metadata": {"tag": {"name": "2.2.0"}},
                },
            },
        },
        "2.2.0",
        "ann",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("event", "payload", "version", "author"), EVENTS)
def test_every_event_tells_version_commit_and_author(
    client: Client, github: WebhookSource, event: str, payload: dict[str, Any], version: str, author: str
) -> None:
    answer = post_github(client, event, {**payload, "repository": {"id": 1, "full_name": "example/shop"}})
    assert (answer.status_code, answer.json()["outcome"]) == (202, "accepted")
    release = Release.objects.get(version=version)
    assert (release.commit, release.commit_author) == (COMMIT, author)


def user(login: str) -> dict[str, Any]:
    return {"login": login, "id": 1, "type": "User"}


def git_person(name: str) -> dict[str, str]:
    return {"name": f"{name} Name", "email": f"{name}@example.test", "username": name}


HEAD = {
    "id": COMMIT,
    "message": "Faster\n\nCo-authored-by: co <co@example.test>",
    "author": git_person("author"),
    "committer": git_person("committer"),
}
OLDER = {**HEAD, "message": "", "author": git_person("older"), "committer": git_person("web-flow")}
# Everybody whom GitHub names in each event, by one of their names.
PEOPLE: list[tuple[str, dict[str, Any], set[str]]] = [
    (
        "push",
        {
            "ref": "refs/tags/v2.0.0",
            "after": COMMIT,
            "head_commit": HEAD,
            "commits": [OLDER, HEAD],
            "pusher": {"name": "pusher", "email": "pusher@example.test"},
        },
        {"author", "committer", "older", "co <co@example.test>", "pusher@example.test"},
    ),
    (
        "workflow_run",
        {
            "action": "completed",
            "workflow_run": {
                "id": 5,
                "conclusion": "success",
                "head_branch": "v2.0.0",
                "head_sha": COMMIT,
                "head_commit": HEAD,
                "actor": user("actor"),
                "triggering_actor": user("again"),
            },
        },
        {"author", "committer", "co <co@example.test>", "actor", "again"},
    ),
    (
        "registry_package",
        {
            "action": "published",
            "registry_package": {
                "id": 3,
                "owner": user("owner"),
                "package_version": {
                    "id": 4,
                    "author": user("publisher"),
                    "container_metadata": {"tag": {"name": "2.0.0"}},
                },
            },
        },
        {"publisher"},
    ),
    (
        "release",
        {
            "action": "published",
            "release": {"id": 7, "tag_name": "v2.0.0", "author": user("publisher"), "body": "Co-authored-by: co"},
        },
        {"publisher", "co"},
    ),
]


@pytest.mark.parametrize(("event", "payload", "people"), PEOPLE, ids=[event for event, _, _ in PEOPLE])
def test_nobody_whom_an_event_names_approves_what_it_brings(
    client: Client, world: World, github: WebhookSource, event: str, payload: dict[str, Any], people: set[str]
) -> None:
    repository = {"id": 1, "full_name": "example/shop", "owner": user("owner")}
    told = post_github(client, event, {**payload, "repository": repository, "sender": user("sender")})
    release = Release.objects.get(pk=told.json()["release"])
    assert {each.who for each in release.made_by} >= people | {"sender", "github/shop"}
    rollout = world.rollout(Phase.AWAITING_APPROVAL, version="2.0.0")
    lead = world.people["lead"].user
    assert lead
    for name in people | {"sender"}:
        address = name.partition("<")[2].rstrip(">") or name
        lead.username, lead.email = ("lead", address) if "@" in name else (name, "lead@example.test")
        assert actions.offer(Actor.of(lead), rollout, "approve").why_not.endswith("has to approve this release.")
    lead.username, lead.email = "owner", ""
    assert actions.offer(Actor.of(lead), rollout, "approve").allowed


def test_events_of_one_source_about_one_commit_are_one_release_made_by_all_of_them(
    client: Client, github: WebhookSource
) -> None:
    repository = {"id": 1, "full_name": "example/shop"}
    for number, (event, payload, _) in enumerate(PEOPLE):
        answer = post_github(client, event, {**payload, "repository": repository}, delivery=f"d-{number}")
        assert answer.json()["outcome"] == "accepted", answer.json()
    release = Release.objects.get(version="2.0.0")
    everybody = set().union(*(people for _, _, people in PEOPLE))
    assert {each.who for each in release.made_by} >= everybody
    assert release.commit == COMMIT


def test_another_commit_of_the_same_tag_is_refused_and_names_both(client: Client, github: WebhookSource) -> None:
    event, payload, _ = PEOPLE[0]
    repository = {"id": 1, "full_name": "example/shop"}
    post_github(client, event, {**payload, "repository": repository})
    moved = {**payload, "after": "f" * 40, "repository": repository}
    answer = post_github(client, event, moved, delivery="d-2")
    assert (answer.status_code, f"commit: {COMMIT} there, {'f' * 40} here" in answer.json()["detail"]) == (422, True)
    assert Release.objects.get(version="2.0.0").commit == COMMIT


def test_a_release_that_somebody_made_beforehand_is_no_release_of_ci(
    client: Client, world: World, github: WebhookSource
) -> None:
    """A developer who approves too takes CI's images and a bundle of their own, and lets CI's webhook vouch for it."""
    lead = world.people["lead"]
    own = store_bundle(lead, world.application, archive({"base/web.yaml": WEB + "# mine\n"}), "own.tar.gz")
    images = {"registry.example/shop/web": "registry.example/shop/web:1.1.0"}
    forged, _ = create_release(lead, world.application, "1.1.0", images, bundle=own, source="api")
    answer = post_github(client, "release", published())
    assert answer.status_code == 422
    assert "source: api there, github/shop here" in answer.json()["detail"]
    assert (forged.rollouts.count(), Delivery.objects.get().outcome) == (0, "refused")
    rollout = world.rollout(Phase.AWAITING_APPROVAL, version="1.1.0")
    with pytest.raises(PermissionDenied):
        actions.approve(lead, rollout, rollout.plan_digest, "fine")


IGNORED = [
    ("ping", {"zen": "Keep it simple."}, "pong"),
    ("issues", {"action": "opened"}, "listens to"),
    ("release", published(action="created"), "published does"),
    ("release", published(repository={"id": 2, "full_name": "evil/shop"}), "not to evil/shop"),
    ("push", {"ref": "refs/heads/main", "after": COMMIT, "repository": {"full_name": "example/shop"}}, "tag"),
]


@pytest.mark.parametrize(("event", "payload", "why"), IGNORED)
def test_events_that_mean_nothing_are_stored_and_answered(
    client: Client, github: WebhookSource, event: str, payload: dict[str, Any], why: str
) -> None:
    answer = post_github(client, event, payload)
    assert (answer.status_code, answer.json()["outcome"]) == (202, "ignored")
    assert why in answer.json()["detail"]
    assert not Rollout.objects.exists()


UNTRUSTED = [
    ("a wrong signature", {"signature": "sha256=" + "0" * 64}),
    ("no signature", {"signature": ""}),
    ("a signature that is no ASCII", {"signature": "sha256=é"}),
    ("a source that is not there", {"source": "nobody"}),
]


@pytest.mark.parametrize(("what", "change"), UNTRUSTED, ids=[what for what, _ in UNTRUSTED])
def test_whoever_cannot_prove_who_they_are_learns_nothing(
    client: Client, github: WebhookSource, what: str, change: dict[str, str]
) -> None:
    answer = post_github(client, "release", published(), **change)
    assert (answer.status_code, answer.json()["detail"]) == (401, "The request could not be verified.")
    assert not Delivery.objects.exists()


def test_a_redelivery_a_replay_and_the_same_happening_lead_to_the_first_delivery(
    client: Client, github: WebhookSource
) -> None:
    first = post_github(client, "release", published()).json()
    again = post_github(client, "release", published()).json()
    replay = post_github(client, "release", published(), delivery="d-2").json()
    retold = post_github(client, "release", published(sender={"login": "bot"}), delivery="d-3").json()
    for later in (again, replay, retold):
        assert (later["id"], later["outcome"], later["rollouts"]) == (first["id"], "duplicate", first["rollouts"])
    assert Delivery.objects.count() == 1
    assert Rollout.objects.count() == 2


def test_more_than_a_mebibyte_is_refused_before_it_is_verified(client: Client, github: WebhookSource) -> None:
    assert post_github(client, "release", b"x" * (1024 * 1024 + 1)).status_code == 413


# Text and numbers that JSON in Python takes and a database does not: tests/portal/test_strict_json.py has them all.
UNSTORABLE = [
    b'{"a": "\\u0000"}',
    b'{"a": "\\ud800"}',
    b'{"a": NaN}',
    b'{"a":' * 100_000,
    b'{"a": ' + b"9" * 5000 + b"}",
]
NO_OBJECT = [b"", b"{", b"[]", b"\xff\xfe", *UNSTORABLE]


@pytest.mark.parametrize("body", NO_OBJECT)
def test_a_genuine_body_that_is_no_json_object_is_told(client: Client, github: WebhookSource, body: bytes) -> None:
    assert post_github(client, "release", body).status_code == 422


@pytest.mark.parametrize("body", NO_OBJECT)
def test_a_genuine_generic_body_that_is_no_json_object_is_told(
    client: Client, generic: WebhookSource, body: bytes
) -> None:
    assert post_generic(client, body).status_code == 422


def test_the_generic_signature_is_that_of_standard_webhooks(client: Client, generic: WebhookSource) -> None:
    at, body = datetime.now(UTC), '{"type": "ping"}'
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": f"v1a,other {Webhook(GENERIC_SECRET).sign('msg_1', at, body)}",
    }
    answer = client.post("/webhooks/generic/shop-ci", body, content_type="application/json", headers=headers)
    assert answer.status_code == 202


# Where an event has an object, something else.
MISSHAPEN = [
    ("registry_package", {"action": "published", "registry_package": "text"}),
    ("registry_package", {"action": "published", "registry_package": {"package_version": [1]}}),
    ("workflow_run", {"action": "completed", "workflow_run": 7}),
    ("release", {"action": "published", "release": [], "repository": "example/shop"}),
    ("push", {"ref": {"a": 1}, "after": [1], "head_commit": 1, "repository": 5}),
]


@pytest.mark.parametrize(("event", "payload"), MISSHAPEN)
def test_an_event_of_another_shape_is_told_or_means_nothing(
    client: Client, github: WebhookSource, event: str, payload: dict[str, Any]
) -> None:
    github.mapping = {}
    github.save()
    assert post_github(client, event, payload).status_code in {202, 422}


MAPPINGS: list[Any] = [
    [],
    [1],
    "text",
    7,
    {"events": 5},
    {"events": [1]},
    {"branches": [{}]},
    {"workloads": [1], "images": "{tag}"},
    {"images": {"web": None}},
    {"version": "{tag:>999999999}"},
    {"version": "{tag.__class__}"},
    {"version": "{0}"},
]


@pytest.mark.parametrize("mapping", MAPPINGS)
def test_a_mapping_that_no_form_would_take_is_told(client: Client, github: WebhookSource, mapping: Any) -> None:
    github.mapping = mapping
    github.save()
    answer = post_github(client, "release", published())
    assert (answer.status_code, "mapping of github/shop" in answer.json()["detail"]) == (422, True)


def test_a_refused_delivery_says_why_and_may_come_again(client: Client, github: WebhookSource) -> None:
    github.application.bundle = None
    github.application.save()
    refused = post_github(client, "release", published())
    assert refused.status_code == 422
    assert "no bundle" in refused.json()["detail"]
    assert not Rollout.objects.exists()
    github.application.bundle = github.application.bundles.first()
    github.application.save()
    assert post_github(client, "release", published()).json()["outcome"] == "accepted"
    assert Delivery.objects.count() == 1


def test_a_refused_delivery_that_somebody_else_has_led_on_meanwhile_is_a_duplicate(
    client: Client, github: WebhookSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    post_github(client, "release", published())
    stale = Delivery.objects.get()
    stale.outcome = Delivery.Outcome.REFUSED
    monkeypatch.setattr("releases.webhooks.receive._first", lambda _: stale)
    assert post_github(client, "release", published()).json()["outcome"] == "duplicate"
    assert Delivery.objects.get().rollouts.count() == 2


def test_text_that_only_looks_like_a_nul_is_taken(client: Client, github: WebhookSource) -> None:
    assert post_github(client, "release", {**published(), "note": "a literal \\u0000"}).status_code == 202


def test_a_source_without_environments_makes_a_whole_release(client: Client, github: WebhookSource) -> None:
    github.rollout_to.clear()
    told = post_github(client, "release", published()).json()
    assert (told["outcome"], told["rollouts"]) == ("accepted", [])
    assert Release.objects.get(pk=told["release"]).images == {
        "registry.example/shop/web": "registry.example/shop/web:1.1.0"
    }


def test_a_template_that_fits_no_image_is_told(client: Client, github: WebhookSource) -> None:
    github.mapping["images"] = "elsewhere.example/{workload}:{version}"
    github.save()
    answer = post_github(client, "release", published())
    assert (answer.status_code, "fits no image" in answer.json()["detail"]) == (422, True)


def test_a_get_is_not_answered(client: Client, github: WebhookSource) -> None:
    assert client.get("/webhooks/github/shop").status_code == 405


def test_any_ci_names_everybody_who_had_a_hand_in_it(client: Client, generic: WebhookSource) -> None:
    changelog = "Faster\n\nCo-authored-by: bob <bob@example.test>"
    body = {"version": "3.0.0", "author": "ann", "makers": ["eve", "Kim <kim@example.test>"], "changelog": changelog}
    post_generic(client, body)
    assert {(each.who, each.did) for each in Release.objects.get(version="3.0.0").made_by} >= {
        ("ann", "wrote the commit"),
        ("bob <bob@example.test>", "co-wrote the commit"),
        ("eve", "made the release"),
        ("Kim <kim@example.test>", "made the release"),
    }


def test_any_ci_posts_a_body_signed_by_standard_webhooks(client: Client, generic: WebhookSource) -> None:
    body = {"version": "3.0.0", "commit": COMMIT, "author": "ann", "environments": ["dev"]}
    answer = post_generic(client, body)
    assert answer.status_code == 202
    rollout = Rollout.objects.get()
    assert (str(rollout.environment), rollout.release.version, rollout.requested_by) == (
        "dev",
        "3.0.0",
        "generic/shop-ci",
    )


GENERIC_UNTRUSTED: list[tuple[str, dict[str, Any]]] = [
    ("another secret", {"secret": "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}),
    ("an old timestamp", {"at": LONG_AGO}),
]


@pytest.mark.parametrize(("what", "change"), GENERIC_UNTRUSTED, ids=[what for what, _ in GENERIC_UNTRUSTED])
def test_the_generic_provider_refuses(
    client: Client, generic: WebhookSource, what: str, change: dict[str, Any]
) -> None:
    assert post_generic(client, {"version": "3.0.0"}, **change).status_code == 401


MALFORMED = [
    {"webhook-id": "m", "webhook-timestamp": "now", "webhook-signature": "v1,x"},
    {"webhook-id": "m", "webhook-timestamp": "1", "webhook-signature": "é"},
    {"webhook-signature": "v1"},
    {},
]


@pytest.mark.parametrize("headers", MALFORMED)
def test_malformed_headers_are_no_server_error(client: Client, generic: WebhookSource, headers: dict[str, str]) -> None:
    answer = client.post("/webhooks/generic/shop-ci", b"{}", content_type="application/json", headers=headers)
    assert answer.status_code == 401


UNUSABLE = [
    ({"version": "3.0.0", "sha": "x"}, "sha"),
    ({}, "version"),
    ({"version": "../3"}, "does not fit"),
    ({"version": "3.0.0", "environments": ["prod"]}, "may not roll out to prod"),
    ({"version": "3.0.0", "bundle": {"digest": "sha256:0"}}, "no bundle sha256:0"),
    ({"version": "3.0.0", "commit": "c" * 65}, "64 are the most"),
    ({"version": "3.0.0", "author": "a" * 201}, "200 are the most"),
]


@pytest.mark.parametrize(("body", "why"), UNUSABLE)
def test_a_generic_body_that_does_not_fit_is_told_what_and_leaves_no_release(
    client: Client, generic: WebhookSource, body: dict[str, Any], why: str
) -> None:
    before = Release.objects.count()
    answer = post_generic(client, body)
    assert answer.status_code == 422
    assert why in answer.json()["detail"]
    assert Release.objects.count() == before
