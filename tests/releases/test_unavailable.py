"""A database that is locked, for real: whoever comes is told to come again, and nothing is stored by half."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.utils import OperationalError
from django.http import HttpResponse
from django.test import Client

from portal import blobs
from portal.models import AuditEntry
from releases.models import Approval, Delivery, Release, Rollout, WebhookSource
from releases.states import Phase
from tests.releases import world as worlds
from tests.releases.api.test_api import caller
from tests.releases.webhooks.signing import GITHUB_SECRET, post_github
from tests.releases.webhooks.test_receive import published
from tests.releases.world import World

pytestmark = pytest.mark.django_db(transaction=True)
PROBLEM = "application/problem+json"


@pytest.fixture
def world(transactional_db: None) -> World:
    return worlds.build()


@pytest.fixture
def waiting(world: World) -> Rollout:
    source = WebhookSource.objects.create(
        name="shop", provider="github", application=world.application, secret=GITHUB_SECRET
    )
    source.rollout_to.set([world.environments["dev"]])
    return world.rollout(Phase.AWAITING_APPROVAL, plan_digest=blobs.store_json({"changes": [], "risks": []}))


@contextmanager
def locked() -> Iterator[None]:
    """Somebody else writes and does not end; ours waits a moment only."""
    with _holding_sqlite() if connection.vendor == "sqlite" else _holding_postgres():
        yield


@contextmanager
def _holding_sqlite() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout = 50")
    other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.close()
        connection.close()


@contextmanager
def _holding_postgres() -> Iterator[None]:
    import psycopg

    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '50ms'")
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}) as other:
        other.execute("LOCK TABLE portal_auditentry IN ACCESS EXCLUSIVE MODE")
        yield
        other.rollback()
    connection.close()


@pytest.fixture
def lead(world: World) -> Client:
    """Signed in, with a token that has been used this minute; both would be written otherwise."""
    client = caller(world, "lead").client
    client.raise_request_exception = False
    client.force_login(world.people["lead"].user)
    assert client.get("/api/v1/environments").status_code == 200
    return client


def by_api(client: Client, path: str, **body: Any) -> HttpResponse:
    return client.post(f"/api/v1/{path}", json.dumps(body), content_type="application/json")


Door = Callable[[Client, Rollout], HttpResponse]
DOORS: dict[str, tuple[Door, str]] = {
    "a release by the API": (lambda lead, _: by_api(lead, "releases", application="shop", version="9"), PROBLEM),
    "a rollout by the API": (
        lambda lead, _: by_api(lead, "rollouts", release="shop@1.0.0", environment="dev"),
        PROBLEM,
    ),
    "a vote by the API": (
        lambda lead, rollout: by_api(lead, f"rollouts/{rollout.pk}/approve", comment="x", digest=rollout.plan_digest),
        PROBLEM,
    ),
    "a webhook": (lambda lead, _: post_github(lead, "release", published()), PROBLEM),
    "a vote on a page": (
        lambda lead, rollout: lead.post(
            f"/rollouts/{rollout.pk}/approve", {"comment": "x", "digest": rollout.plan_digest}
        ),
        "text/html; charset=utf-8",
    ),
}


@pytest.mark.parametrize("what", DOORS)
def test_who_comes_to_a_locked_database_is_told_to_come_again(lead: Client, waiting: Rollout, what: str) -> None:
    door, kind = DOORS[what]
    before = stored()
    with locked():
        answer = door(lead, waiting)
    assert (answer.status_code, answer["Retry-After"], answer["Content-Type"]) == (503, "5", kind)
    assert "try again" in answer.content.decode().casefold()
    assert stored() == before
    assert door(lead, waiting).status_code in {201, 202, 302, 200}


def stored() -> list[int]:
    return [kind.objects.count() for kind in (Release, Rollout, Approval, Delivery, AuditEntry)]


@pytest.mark.parametrize("path", ["/", "/rollouts", "/api/v1/matrix", "/history", "/sign-in", "/admin/"])
def test_every_address_tells_of_a_database_that_is_out_of_reach(
    lead: Client, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object) -> None:
        raise OperationalError("connection refused at db.example")

    monkeypatch.setattr(CursorWrapper, "execute", refuse)
    answer = lead.get(path)
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "db.example" not in answer.content.decode()


def test_a_mistake_of_ours_is_no_503(lead: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def forget_a_table(*_args: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM no_such_table")

    monkeypatch.setattr("releases.api.environments.matrix", forget_a_table)
    monkeypatch.setattr("releases.pages.matrix.matrix", forget_a_table)
    assert [lead.get(path).status_code for path in ("/api/v1/matrix", "/")] == [500, 500]
