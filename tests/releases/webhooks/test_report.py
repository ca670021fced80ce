"""How it went goes back to where the release came from, and the rollout never waits for it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone
from django.utils.module_loading import import_string
from pytest_django import Settings
from standardwebhooks.webhooks import Webhook

from portal.models import OutgoingCall
from portal.orchestration.leases import Lost
from releases import actions, events
from releases.lifecycle import expire
from releases.models import Delivery, Rollout, WebhookSource
from releases.planning.planner import plan_now
from releases.states import Phase
from releases.webhooks import fetching, report
from tests.passes import pass_over, pass_over_due
from tests.portal.http_server import Server, answer, serve
from tests.releases.fakes import FakeCluster, FakeRegistry
from tests.releases.telling import tell
from tests.releases.webhooks.signing import GENERIC_SECRET, GITHUB_SECRET, post_generic, post_github
from tests.releases.world import WEB, World, archive

pytestmark = pytest.mark.django_db
COMMIT = "8a1d3b3f5f3f0a1f4c2e9d7b6a5c4d3e2f1a0b9c"
Tasks = list[tuple[str, tuple[Any, ...]]]


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> Tasks:
    """What was queued for workers."""
    tasks: Tasks = []
    monkeypatch.setattr("portal.orchestration.queue.enqueue", lambda path, *args: tasks.append((path, args)))
    return tasks


@pytest.fixture
def server(settings: Settings) -> Iterator[Server]:
    settings.OUTBOUND_NETWORKS = ["127.0.0.0/8"]
    with serve() as running:
        yield running


def github(world: World, server: Server) -> WebhookSource:
    world.release("0.9.0")
    source = WebhookSource.objects.create(
        name="shop",
        provider="github",
        application=world.application,
        secret=GITHUB_SECRET,
        callback_token="ghp_secret",
        mapping={"repository": "example/shop", "images": {"web": "r.example/web:{version}"}, "api": server.url("")},
    )
    source.rollout_to.set([world.environments["dev"]])
    return source


def generic(world: World, server: Server) -> WebhookSource:
    world.release("0.9.0")
    source = WebhookSource.objects.create(
        name="shop-ci",
        provider="generic",
        application=world.application,
        secret=GENERIC_SECRET,
        callback_url=server.url("/hook"),
        mapping={"images": {"web": "r.example/web:{version}"}},
    )
    source.rollout_to.set([world.environments["dev"]])
    return source


def run(queued: Tasks) -> None:
    """What the workers would do, until nothing is left."""
    while queued or pass_over_due("calls"):
        for path, args in [queued.pop(0)] if queued else ():
            import_string(path)(*args)


def end(rollout: Rollout, phase: Phase, why: str = "") -> None:
    rollout.phase, rollout.why = phase, why
    rollout.save()
    events.tell(rollout)


def test_github_is_told_by_commit_statuses_when_a_rollout_is_asked_for_and_when_it_ends(
    client: Client, world: World, server: Server, queued: Tasks
) -> None:
    github(world, server)
    payload = {"ref": "refs/tags/v1.0.0", "after": COMMIT, "repository": {"id": 1, "full_name": "example/shop"}}
    rollout = Rollout.objects.get(pk=post_github(client, "push", payload).json()["rollouts"][0])
    assert server.seen == []
    run(queued)
    end(rollout, Phase.FAILED, "agent-service crashes: " + "x" * 300)
    run(queued)
    assert [(seen.method, seen.path) for seen in server.seen] == [
        ("POST", f"/repos/example/shop/statuses/{COMMIT}")
    ] * 2
    pending, failure = (json.loads(seen.body) for seen in server.seen)
    assert (pending["state"], failure["state"], failure["context"]) == ("pending", "failure", "slipway/dev")
    assert failure["target_url"].endswith(f"/rollouts/{rollout.pk}")
    assert len(failure["description"]) <= 140
    assert server.seen[0].headers["Authorization"] == "Bearer ghp_secret"


def published(client: Client, tag: str = "v1.1.0") -> Rollout:
    release = {"id": 7, "tag_name": tag, "target_commitish": "main"}
    payload = {"action": "published", "release": release, "repository": {"full_name": "example/shop"}}
    return Rollout.objects.get(pk=post_github(client, "release", payload).json()["rollouts"][0])


def test_the_commit_of_a_tag_is_looked_up_first(client: Client, world: World, server: Server, queued: Tasks) -> None:
    server.behave = lambda handler: answer(handler, 200, COMMIT.encode())
    github(world, server)
    rollout = published(client)
    run(queued)
    end(rollout, Phase.SUCCEEDED)
    run(queued)
    paths = [seen.path for seen in server.seen]
    assert paths == ["/repos/example/shop/commits/v1.1.0", *[f"/repos/example/shop/statuses/{COMMIT}"] * 2]
    assert server.seen[0].headers["Accept"] == "application/vnd.github.sha"
    assert [json.loads(seen.body)["state"] for seen in server.seen[1:]] == ["pending", "success"]


def test_a_commit_that_could_not_be_looked_up_is_looked_up_again_and_the_end_is_told(
    client: Client, world: World, server: Server, queued: Tasks
) -> None:
    server.behave = lambda handler: answer(handler, 503)
    github(world, server)
    rollout = published(client)
    run(queued)
    end(rollout, Phase.FAILED, "it crashes")
    server.behave = lambda handler: answer(handler, 200, COMMIT.encode())
    OutgoingCall.objects.update(due_at=rollout.created_at)
    run(queued)
    told = [json.loads(seen.body) for seen in server.seen if "statuses" in seen.path]
    assert [(each["state"], each["description"]) for each in told] == [("failure", "it crashes")]


@pytest.mark.parametrize("said", [b"", b"[]", b"main", b'{"sha": null}'])
def test_what_is_no_commit_is_told_to_nobody(
    client: Client, world: World, server: Server, queued: Tasks, said: bytes
) -> None:
    server.behave = lambda handler: answer(handler, 200, said)
    github(world, server)
    published(client)
    run(queued)
    assert len(server.seen) == 1


def test_a_tag_stays_within_its_place_in_the_address(
    client: Client, world: World, server: Server, queued: Tasks
) -> None:
    source = github(world, server)
    source.mapping["version"] = "1.1.0"
    source.save()
    published(client, "v1/../../../../user")
    run(queued)
    assert server.seen[0].path == "/repos/example/shop/commits/v1%2F..%2F..%2F..%2F..%2Fuser"


def test_any_ci_is_called_back_with_a_signature(client: Client, world: World, server: Server, queued: Tasks) -> None:
    generic(world, server)
    rollout = Rollout.objects.get(pk=post_generic(client, {"version": "1.0.0"}).json()["rollouts"][0])
    run(queued)
    end(rollout, Phase.SUCCEEDED)
    run(queued)
    bodies = [Webhook(GENERIC_SECRET).verify(seen.body, lower(seen.headers)) for seen in server.seen]
    assert [body["type"] for body in bodies] == ["rollout.pending", "rollout.success"]
    assert bodies[1]["data"]["rollout"] == rollout.pk
    assert bodies[1]["data"]["phase"] == "succeeded"


def rejected(world: World, rollout: Rollout) -> None:
    tell(rollout, phase=Phase.AWAITING_APPROVAL, plan_digest="sha256:plan")
    actions.reject(world.people["lead"], rollout, "sha256:plan", "not before the weekend")


def cancelled(world: World, rollout: Rollout) -> None:
    actions.cancel(world.people["lead"], rollout)


def superseded(world: World, rollout: Rollout) -> None:
    newer = world.rollout(Phase.WAITING, environment="dev", version="1.2.0")
    actions.supersede(world.people["lead"], newer)


def expired(_world: World, rollout: Rollout) -> None:
    rollout.phase, rollout.expires_at = Phase.WAITING, rollout.created_at
    with transaction.atomic():
        assert expire(rollout, timezone.now())


def refused(_world: World, rollout: Rollout) -> None:
    plan_now(rollout)


ENDS = [(rejected, "failure"), (cancelled, "error"), (superseded, "error"), (expired, "error"), (refused, "failure")]


@pytest.mark.parametrize(("end_it", "state"), ENDS)
def test_ends_before_the_start_are_told_too(
    client: Client,
    world: World,
    server: Server,
    queued: Tasks,
    registry: FakeRegistry,
    cluster: FakeCluster,
    end_it: Callable[[World, Rollout], None],
    state: str,
) -> None:
    registry.absent.add("r.example/web:1.0.0")
    generic(world, server)
    rollout = Rollout.objects.get(pk=post_generic(client, {"version": "1.0.0"}).json()["rollouts"][0])
    end_it(world, rollout)
    run(queued)
    assert [json.loads(seen.body)["type"] for seen in server.seen] == ["rollout.pending", f"rollout.{state}"]


def test_workers_know_whom_to_tell() -> None:
    code = "import django; django.setup(); from releases import events; print(len(events._listeners))"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "portal.settings"}
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert told.stdout.strip() == "1"


def test_an_end_that_cannot_be_told_now_is_kept_and_tried_again(
    client: Client, world: World, server: Server, queued: Tasks
) -> None:
    server.behave = lambda handler: answer(handler, 503)
    generic(world, server)
    rollout = Rollout.objects.get(pk=post_generic(client, {"version": "1.0.0"}).json()["rollouts"][0])
    end(rollout, Phase.SUCCEEDED)
    run(queued)
    kept = OutgoingCall.objects.filter(state=OutgoingCall.State.PENDING, attempts=1)
    assert kept.count() == 2
    server.behave = answer
    OutgoingCall.objects.update(due_at=rollout.created_at)
    run(queued)
    assert not kept.exists()


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase in report.STATES])
def test_every_end_has_a_word_for_it(phase: Phase) -> None:
    assert report.STATES[phase] in {"success", "failure", "error"}


def test_a_bundle_is_fetched_from_its_address_before_the_release_is_made(
    client: Client, world: World, server: Server, queued: Tasks
) -> None:
    server.behave = lambda handler: answer(handler, 200, archive({"base/web.yaml": WEB}))
    generic(world, server)
    body = {"version": "1.0.0", "bundle": {"url": server.url("/shop.tar.gz")}}
    assert post_generic(client, body).json()["outcome"] == "fetching"
    assert pass_over_due("bundles") == 1
    delivery = Delivery.objects.get()
    assert (delivery.outcome, delivery.release.version if delivery.release else None) == ("accepted", "1.0.0")
    assert delivery.rollouts.count() == 1


def test_a_fetch_whose_message_was_lost_is_made_when_its_lease_is_over(
    client: Client, world: World, server: Server
) -> None:
    generic(world, server)
    post_generic(client, {"version": "1.0.0", "bundle": {"url": server.url("/shop.tar.gz")}})
    with transaction.atomic():
        assert len(fetching.FETCHES.lease(timezone.now(), 9)) == 1
    assert pass_over_due("bundles") == 0
    Delivery.objects.update(due_at=timezone.now(), lease_until=timezone.now())
    assert pass_over_due("bundles") == 1


def test_a_bundle_that_does_not_come_is_asked_for_again_until_it_is_given_up(
    client: Client, world: World, server: Server, queued: Tasks
) -> None:
    server.behave = lambda handler: answer(handler, 503)
    generic(world, server)
    post_generic(client, {"version": "1.0.0", "bundle": {"url": server.url("/shop.tar.gz?signature=abc")}})
    delivery = Delivery.objects.get()
    for _attempt in fetching.PAUSES:
        pass_over("bundles", delivery)
        delivery.refresh_from_db()
        assert (delivery.outcome, "503" in delivery.detail) == ("fetching", True)
    pass_over("bundles", delivery)
    delivery.refresh_from_db()
    assert (delivery.outcome, "signature" in delivery.detail) == ("refused", False)


def test_of_two_who_fetch_the_same_one_leads_on(client: Client, world: World, server: Server) -> None:
    server.behave = lambda handler: answer(handler, 200, archive({"base/web.yaml": WEB}))
    generic(world, server)
    post_generic(client, {"version": "1.0.0", "bundle": {"url": server.url("/shop.tar.gz?v=1")}})
    with transaction.atomic():
        [ticket] = fetching.FETCHES.lease(timezone.now(), 1)
    [late] = fetching.FETCHES.take([ticket.pk], ticket.owner)
    Delivery.objects.update(lease_until=timezone.now(), due_at=timezone.now())
    assert pass_over_due("bundles") == 1
    for too_late in (fetching._fetch, lambda lease: fetching._refuse(lease, "late"), fetching_again):
        with pytest.raises(Lost):
            too_late(late)
    delivery = Delivery.objects.get()
    assert (delivery.outcome, delivery.rollouts.count(), delivery.due_at) == ("accepted", 1, None)


def fetching_again(lease: fetching.Fetch) -> None:
    fetching._again(lease, "late")


BAD_BUNDLES = [(404, b"", "answered 404"), (200, b"kind: [", "shop.yaml line"), (302, b"", "answered 302")]


@pytest.mark.parametrize(("status", "content", "said"), BAD_BUNDLES)
def test_a_bundle_that_cannot_be_fetched_is_said_in_the_delivery(
    client: Client, world: World, server: Server, queued: Tasks, status: int, content: bytes, said: str
) -> None:
    server.behave = lambda handler: answer(handler, status, content, Location="http://127.0.0.1/elsewhere")
    generic(world, server)
    post_generic(client, {"version": "1.0.0", "bundle": {"url": server.url("/shop.yaml")}})
    pass_over_due("bundles")
    delivery = Delivery.objects.get()
    assert delivery.outcome == "refused"
    assert said in delivery.detail
    assert not Rollout.objects.exists()


def lower(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
