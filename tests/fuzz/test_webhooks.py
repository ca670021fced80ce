"""Webhooks take anything that is rightly signed and break at nothing, whatever their source's mapping is."""

from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from releases.models import WebhookSource
from releases.webhooks.providers import every
from tests.fuzz.mutator import Mutator
from tests.releases.webhooks.signing import GENERIC_SECRET, GITHUB_SECRET, generic_signature, github_signature
from tests.releases.world import World, build

pytestmark = pytest.mark.django_db
BATCH = 100
COMMIT = "8a1d3b3f5f3f0a1f4c2e9d7b6a5c4d3e2f1a0b9c"
IMAGES = "registry.example/shop/{workload}:{version}"
ANN = {"login": "ann", "id": 7, "type": "User"}
WROTE = {"name": "Ann", "email": "ann@example.test", "username": "ann"}
HEAD = {
    "id": COMMIT,
    "message": "Faster.\n\nCo-authored-by: Bob <bob@example.test>",
    "author": WROTE,
    "committer": WROTE,
}
REPOSITORY = {"repository": {"id": 1, "full_name": "example/shop", "owner": ANN}, "sender": ANN}
EVENTS: list[tuple[str, str, Mapping[str, Any]]] = [
    ("github", "ping", {"zen": "Keep it simple.", "hook_id": 1}),
    ("github", "issues", {"action": "opened"}),
    (
        "github",
        "release",
        {
            "action": "published",
            "release": {"id": 7, "tag_name": "v1.1.0", "body": "Faster.", "author": ANN, "target_commitish": COMMIT},
            **REPOSITORY,
        },
    ),
    (
        "github",
        "workflow_run",
        {
            "action": "completed",
            "workflow_run": {
                "id": 5, "name": "build", "run_attempt": 1, "run_number": 12, "conclusion": "success", "actor": ANN,
                "head_branch": "v2.1.0", "head_sha": COMMIT, "head_commit": HEAD, "triggering_actor": ANN,
            },
            **REPOSITORY,
        },
    ),
    (
        "github",
        "registry_package",
        {
            "action": "published",
            "registry_package": {
                "id": 3,
                "package_version": {
                    "id": 4, "target_oid": COMMIT, "author": ANN, "container_metadata": {"tag": {"name": "2.2.0"}},
                },
            },
            **REPOSITORY,
        },
    ),
    (
        "github",
        "push",
        {
            "ref": "refs/tags/v2.0.0", "after": COMMIT, "deleted": False, "head_commit": HEAD, "commits": [HEAD],
            "pusher": {"name": "ann", "email": "ann@example.test"},
            **REPOSITORY,
        },
    ),
    (
        "generic",
        "release",
        {
            "type": "release", "version": "3.0.0", "commit": COMMIT, "author": "ann", "changelog": "Faster.",
            "images": {"web": "registry.example/shop/web:3.0.0"}, "environments": ["dev"], "bundle": {"digest": ""},
        },
    ),
    ("generic", "ping", {"type": "ping"}),
]  # fmt: skip
MAPPINGS: list[Mapping[str, Any]] = [
    {"images": IMAGES},
    {},
    {"repository": "example/shop", "events": ["release", "push"], "version": "{tag}", "images": {"web": IMAGES}},
    {"branches": ["v2.1.0"], "workflow": "build", "workloads": ["web"], "images": IMAGES, "version": "{short_sha}"},
]


@pytest.fixture
def sources(db: None) -> dict[str, WebhookSource]:
    world = build()
    world.release("0.9.0")
    return {"github": _source(world, "github", GITHUB_SECRET), "generic": _source(world, "generic", GENERIC_SECRET)}


def _source(world: World, provider: str, secret: str) -> WebhookSource:
    made = WebhookSource.objects.create(name="shop", provider=provider, application=world.application, secret=secret)
    made.rollout_to.set([world.environments["dev"], world.environments["staging"]])
    return made


def test_every_provider_is_fuzzed(sources: dict[str, WebhookSource]) -> None:
    assert set(sources) == set(every()) == {provider for provider, *_ in EVENTS}


@pytest.mark.parametrize("seed", range(2))
def test_a_webhook_breaks_at_no_body(sources: dict[str, WebhookSource], seed: int) -> None:
    _fuzz(sources, Mutator(seed), 100)


@pytest.mark.lane("long")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(1000, 1020))
def test_a_webhook_breaks_at_none_of_10_000_bodies(sources: dict[str, WebhookSource], seed: int) -> None:
    _fuzz(sources, Mutator(seed), 500)


def _fuzz(sources: dict[str, WebhookSource], mutator: Mutator, most: int) -> None:
    client = Client(raise_request_exception=False)
    for _ in range(0, most, BATCH):
        with transaction.atomic():
            for _ in range(BATCH):
                _send(client, mutator, sources)
            transaction.set_rollback(True)


def _send(client: Client, mutator: Mutator, sources: dict[str, WebhookSource]) -> None:
    provider, event, payload = mutator.choice(EVENTS)
    mapping = _mapping(mutator)
    WebhookSource.objects.filter(pk=sources[provider].pk).update(mapping=mapping)
    body = mutator.json_body(payload)
    headers = {
        **_signed(provider, mutator.text()[:60] if mutator.random() < 0.05 else event, body),
        **mutator.headers(),
    }
    answer = client.generic(
        "POST", f"/webhooks/{provider}/shop", body, content_type=mutator.content_type(), headers=headers
    )
    told = f"{provider} {event} {mapping} {headers} {body[:600]!r}: {answer.status_code} {answer.content[:300]!r}"
    # It was signed rightly, so that 401 would be wrong too.
    assert answer.status_code < 500, told
    assert answer.status_code != 401, told


def _mapping(mutator: Mutator) -> Any:
    mapping = deepcopy(mutator.choice(MAPPINGS))
    # The column takes anything but null.
    return (mutator.changed(mapping) or []) if mutator.random() < 0.2 else mapping


def _signed(provider: str, event: str, body: bytes) -> dict[str, str]:
    if provider == "github":
        return {
            "X-GitHub-Event": event.encode("latin-1", "replace").decode("latin-1"),
            "X-GitHub-Delivery": "d-1",
            "X-Hub-Signature-256": github_signature(body),
        }
    at = datetime.now(UTC)
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": generic_signature("msg_1", at, body),
    }
