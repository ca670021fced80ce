"""A pre-signed address lets in whoever has it: nobody is shown it, and it is gone once its bundle is there."""

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from releases.models import Delivery, WebhookSource
from releases.webhooks.kept import kept
from tests.passes import pass_over_due
from tests.portal.http_server import Server, answer, serve
from tests.releases.webhooks.signing import GENERIC_SECRET, post_generic
from tests.releases.world import WEB, World, archive

pytestmark = pytest.mark.django_db
QUERY = "X-Amz-Signature=hush"


@pytest.fixture
def server(settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    settings.OUTBOUND_NETWORKS = ["127.0.0.0/8"]
    with serve() as running:
        yield running


@pytest.fixture
def source(world: World) -> WebhookSource:
    world.release("0.9.0")
    made = WebhookSource.objects.create(
        name="shop-ci",
        provider="generic",
        application=world.application,
        secret=GENERIC_SECRET,
        mapping={"images": {"web": "r.example/web:{version}"}},
    )
    made.rollout_to.set([world.environments["dev"]])
    return made


def stored() -> str:
    """All that the database holds, as its rows read."""
    return repr([list(model._base_manager.values_list()) for model in apps.get_models(include_auto_created=True)])


def shown(client: Client) -> str:
    """The delivery as the admin shows it, and what the sender is told."""
    client.force_login(User.objects.filter(username="root").first() or User.objects.create_superuser("root"))
    pages = ["/admin/releases/delivery/", f"/admin/releases/delivery/{Delivery.objects.get().pk}/change/"]
    return "".join(client.get(page).content.decode() for page in pages)


Behave = Callable[[BaseHTTPRequestHandler], None]
ENDS: dict[str, tuple[Behave, str]] = {
    "accepted": (lambda handler: answer(handler, 200, archive({"base/web.yaml": WEB})), "accepted"),
    "absent": (lambda handler: answer(handler, 404), "refused"),
    "no bundle": (lambda handler: answer(handler, 200, b"kind: ["), "refused"),
    "redirected": (lambda handler: answer(handler, 302, b"", Location=f"https://evil.example/?{QUERY}"), "refused"),
    "late": (lambda handler: answer(handler, 503), "fetching"),
}


@pytest.mark.parametrize("end", ENDS)
def test_its_query_is_sent_and_seen_nowhere_else(
    client: Client, source: WebhookSource, server: Server, end: str, capfd: pytest.CaptureFixture[str]
) -> None:
    server.behave, outcome = ENDS[end]
    told = post_generic(client, {"version": "1.0.0", "bundle": {"url": server.url(f"/shop.tar.gz?{QUERY}")}})
    assert "hush" not in told.content.decode() + stored() + shown(client)
    pass_over_due("bundles")
    assert server.seen[0].path == f"/shop.tar.gz?{QUERY}"
    delivery = Delivery.objects.get()
    assert delivery.outcome == outcome
    assert delivery.body["bundle"]["url"] == server.url("/shop.tar.gz")
    assert (delivery.bundle_url is not None) == (outcome == "fetching")
    captured = capfd.readouterr()
    assert "hush" not in stored() + shown(client) + captured.out + captured.err


@pytest.mark.parametrize(
    "body",
    [
        {"version": "1.0.0", "type": "other", "bundle": {"url": f"https://s.example/x?{QUERY}"}},
        {"version": "1.0.0", "bundle": {"url": "https://robot:hush@s.example/x"}},
        {"version": "1.0.0", "bundle": {"url": f"https://s.example:99999/x?{QUERY}"}},
        {"version": "1.0.0", "bundle": {"url": f"ftp://s.example/x?{QUERY}"}},
        {"version": "1.0.0", "bundle": {"url": "https://127.0.0.2/x#hush"}},
    ],
)
def test_nor_where_nothing_is_fetched(
    client: Client, source: WebhookSource, server: Server, body: Any, settings
) -> None:
    settings.OUTBOUND_NETWORKS = []
    told = post_generic(client, body)
    pass_over_due("bundles")
    assert "hush" not in told.content.decode() + stored() + shown(client)
    assert Delivery.objects.get().outcome in {"ignored", "refused"}


def test_a_delivery_that_is_sent_again_brings_its_own_address(
    client: Client, source: WebhookSource, server: Server
) -> None:
    """Signatures expire: CI makes another one and sends the same release again."""
    server.behave = lambda handler: answer(handler, 403)
    post_generic(client, {"version": "1.0.0", "bundle": {"url": server.url("/shop.tar.gz?old")}})
    pass_over_due("bundles")
    server.behave = ENDS["accepted"][0]
    post_generic(client, {"version": "1.0.0", "bundle": {"url": server.url("/shop.tar.gz?new")}})
    pass_over_due("bundles")
    assert [seen.path for seen in server.seen] == ["/shop.tar.gz?old", "/shop.tar.gz?new"]
    assert Delivery.objects.get().outcome == "accepted"


@pytest.mark.parametrize(
    "payload", [{}, {"bundle": None}, {"bundle": []}, {"bundle": {"url": 1}}, {"bundle": {"digest": "sha256:0"}}]
)
def test_a_body_without_an_address_is_kept_as_it_is(payload: dict[str, Any]) -> None:
    assert kept(payload) == payload


def test_addresses_of_before_are_encrypted_while_they_are_needed_and_gone_otherwise(
    client: Client, source: WebhookSource, server: Server
) -> None:
    whole = server.url(f"/shop.tar.gz?{QUERY}")
    for outcome in ("fetching", "accepted", "refused", "ignored"):
        Delivery.objects.create(
            source=source,
            delivery_id=outcome,
            body_hash=outcome,
            event="release",
            outcome=outcome,
            body={"version": "1.0.0", "bundle": {"url": whole}},
            due_at=timezone.now(),
        )
    WebhookSource.objects.filter(pk=source.pk).update(callback_url=f"https://hooks.example/x?{QUERY}")
    migration = import_module("releases.migrations.0007_addresses_apart")
    migration.set_bundles_apart(apps, None)
    migration.set_callbacks_apart(apps, None)
    assert "hush" not in stored()
    kept_now = {each.outcome: each.bundle_url for each in Delivery.objects.all()}
    assert kept_now == {"fetching": whole, "accepted": None, "refused": None, "ignored": None}
    source.refresh_from_db()
    assert (source.callback_url, source.callback_query) == ("https://hooks.example/x", QUERY)
    server.behave = ENDS["accepted"][0]
    pass_over_due("bundles")
    assert server.seen[0].path == f"/shop.tar.gz?{QUERY}"
    assert Delivery.objects.filter(outcome="accepted").count() == 2


def test_deliveries_of_before_that_have_ended_are_due_no_more(source: WebhookSource) -> None:
    for outcome in ("fetching", "accepted"):
        event = {"event": "release", "body": {}, "due_at": timezone.now()}
        Delivery.objects.create(source=source, delivery_id=outcome, body_hash=outcome, outcome=outcome, **event)
    import_module("releases.migrations.0010_leases").due_no_more(apps, None)
    assert [each.outcome for each in Delivery.objects.filter(due_at=None)] == ["accepted"]
