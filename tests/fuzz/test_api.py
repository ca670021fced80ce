"""The API takes anything and breaks at nothing: every operation, with nonsense in bodies, forms, addresses, headers."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from portal import blobs, tokens
from portal.problems import CONTENT_TYPE
from releases.states import Phase
from tests.fuzz.mutator import Mutator
from tests.releases.reads import routes
from tests.releases.world import WEB, World, build

pytestmark = pytest.mark.django_db
BATCH = 100
BOUNDARY = "----boundary"
PLACE = {"application": "shop", "environment": "prod"}
RELEASE = {
    "application": "shop",
    "version": "2.0.0",
    "images": {"web": "registry.example/shop/web:2.0.0"},
    "changelog": "Faster.",
    "commit": "8a1d3b3f5f3f0a1f4c2e9d7b6a5c4d3e2f1a0b9c",
    "commit_author": "ann",
    "bundle": "",
    "source": {},
}
ROLLOUT = {
    "release": "shop@1.0.0",
    "environment": "dev",
    "strategy": "canary",
    "parameters": {"weights": [5, 50, 100], "metrics": [{"name": "errors", "max": 0.1}], "hold": 5},
    "strategy_reason": "To try it.",
    "comment": "Please.",
}
SAID = {"comment": "Checked.", "digest": "sha256:x"}
# What each operation is given when it is meant: parameters of the path, of the query, and a body.
Given = tuple[Mapping[str, Any], Mapping[str, Any], Any]
OPERATIONS: Mapping[str, Given] = {
    "GET api/v1/": ({}, {}, None),
    "GET api/v1/openapi.json": ({}, {}, None),
    "GET api/v1/releases": ({}, {"application": "shop", "limit": 5}, None),
    "GET api/v1/releases/<release_id>": ({"release_id": 1}, {}, None),
    "GET api/v1/release-requests/<request_id>": ({"request_id": 1}, {}, None),
    "GET api/v1/rollouts": ({}, {**PLACE, "phase": "waiting", "release": "shop@1.0.0", "limit": 5}, None),
    "GET api/v1/rollouts/<rollout_id>": ({"rollout_id": 1}, {}, None),
    "GET api/v1/rollouts/<rollout_id>/plan": ({"rollout_id": 1}, {}, None),
    "GET api/v1/revisions": ({}, PLACE, None),
    "GET api/v1/revisions/compare": ({}, {**PLACE, "before": 1, "after": 2}, None),
    "GET api/v1/environments": ({}, {}, None),
    "GET api/v1/matrix": ({}, {}, None),
    "GET api/v1/audit": ({}, {**PLACE, "after": 0, "limit": 5, "verb": "rollout.requested"}, None),
    "POST api/v1/releases": ({}, {}, RELEASE),
    "POST api/v1/bundles": ({}, {}, {"application": "shop"}),
    "POST api/v1/rollouts": ({}, {}, ROLLOUT),
    "POST api/v1/undo": ({}, {}, {**PLACE, "version": "1.0.0", "rollout": 1, "revision": 1, "comment": "Back."}),
    "POST api/v1/rollouts/<rollout_id>/<verb>": ({"rollout_id": 1, "verb": "approve"}, {}, SAID),
    "PUT api/v1/applications/<name>/bundle": ({"name": "shop"}, {}, {"digest": "sha256:x", "comment": "Mine."}),
}
# Bodies mostly, then parameters: that is where nonsense goes.
WEIGHTS = [10 if body else 3 if parts or query else 1 for parts, query, body in OPERATIONS.values()]
FORMS = frozenset({"POST api/v1/releases", "POST api/v1/bundles"})


@pytest.fixture
def client(db: None) -> Client:
    """Who may do everything, with rollouts to do it to."""
    world = build()
    _furnish(world)
    lead = world.people["lead"].user
    assert lead is not None
    type(lead).objects.filter(pk=lead.pk).update(is_superuser=True)
    text, _ = tokens.issue(lead, "fuzz", (), (), timezone.now() + timedelta(hours=1))
    return Client(raise_request_exception=False, headers={"Authorization": f"Bearer {text}"})


def _furnish(world: World) -> None:
    digest = blobs.store_json({"risks": [], "objects": [], "changes": [], "steps": []})
    for phase in (Phase.SUCCEEDED, Phase.AWAITING_APPROVAL, Phase.PROGRESSING, Phase.FAILED):
        world.rollout(phase, plan_digest=digest)


def test_every_operation_of_the_api_is_fuzzed() -> None:
    assert set(OPERATIONS) == {route for route in routes() if " api/" in route}


@pytest.mark.parametrize("seed", range(3))
def test_the_api_breaks_at_no_request(client: Client, seed: int) -> None:
    _fuzz(client, Mutator(seed), 100)


@pytest.mark.lane("long")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(1000, 1020))
def test_the_api_breaks_at_none_of_10_000_requests(client: Client, seed: int) -> None:
    _fuzz(client, Mutator(seed), 500)


def _fuzz(client: Client, mutator: Mutator, most: int) -> None:
    for begin in range(0, most, BATCH):
        with transaction.atomic():
            for number in range(begin, begin + BATCH):
                _send(client, mutator, f"request {number}")
            transaction.set_rollback(True)


def _send(client: Client, mutator: Mutator, which: str) -> None:
    operation = mutator.choices(list(OPERATIONS), WEIGHTS)[0]
    method, path, body, kind = _made(mutator, operation)
    answer = client.generic(method, path, body, content_type=kind, headers=mutator.headers())
    told = f"{which}: {method} {path[:300]} {kind} {body[:600]!r}: {answer.status_code} {answer.content[:300]!r}"
    assert answer.status_code < 500, told
    assert answer.status_code < 400 or _is_problem(answer), told


def _is_problem(answer: HttpResponse) -> bool:
    return answer["Content-Type"] == CONTENT_TYPE and json.loads(answer.content)["status"] == answer.status_code


def _made(mutator: Mutator, operation: str) -> tuple[str, str, bytes, str]:
    parts, query, payload = OPERATIONS[operation]
    method, _, route = operation.partition(" ")
    path = f"/{route}"
    for name, value in parts.items():
        given = mutator.text() if mutator.random() < 0.3 else value
        path = path.replace(f"<{name}>", quote(str(given), safe="%"))
    path += _query(mutator, query)
    if operation in FORMS and mutator.random() < 0.5:
        return method, path, _form(mutator, payload), mutator.content_type(f"multipart/form-data; boundary={BOUNDARY}")
    return method, path, mutator.json_body(payload), mutator.content_type()


def _query(mutator: Mutator, usual: Mapping[str, Any]) -> str:
    given: list[tuple[str, str]] = [(name, str(value)) for name, value in usual.items() if mutator.random() < 0.8]
    for _ in range(mutator.choice((0, 0, 1, 2))):
        name = mutator.choice([*usual, mutator.text()[:100]])
        given.append((name, mutator.text()[:2000]))
    raw = mutator.choice(("", "", "", "&%ff%fe=%ed%a0%80", "&a=%00", "&" * 500, "&limit=" + "9" * 5000))
    return f"?{urlencode(given)}{raw}" if given or raw else ""


def _form(mutator: Mutator, payload: Mapping[str, Any]) -> bytes:
    fields = {name: json.dumps(value) if isinstance(value, dict) else str(value) for name, value in payload.items()}
    if mutator.random() < 0.7:
        fields[mutator.choice([*fields, mutator.text()[:60]])] = mutator.json_body(payload).decode("latin-1")[:5000]
    parts = [_part(f'name="{name}"', text.encode("latin-1", "replace")) for name, text in fields.items()]
    file = mutator.choice(
        (WEB.encode(), mutator.randbytes(200), b"", b"a: [" * 5000, b"PK\x03\x04" + bytes(90), b"\x1f\x8b" * 9)
    )
    name, filename = mutator.choice(("bundle", "bundle", "x")), mutator.choice(("a.yaml", "a.zip", "a.tar.gz", ""))
    parts.append(_part(f'name="{name}"; filename="{filename}"', file))
    body = b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()
    return body[: mutator.randrange(len(body))] if mutator.random() < 0.1 else body


def _part(said: str, content: bytes) -> bytes:
    head = f"--{BOUNDARY}\r\nContent-Disposition: form-data; {said}\r\n\r\n".encode("utf-8", "replace")
    return head + content + b"\r\n"
