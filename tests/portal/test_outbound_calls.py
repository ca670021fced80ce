"""Calls that are retried: once a key, with growing pauses, signed each time, and nobody waits for them."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import transaction
from django.utils import timezone
from django_q.models import OrmQ
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from portal.models import OutgoingCall
from portal.orchestration.loop import Loop
from portal.outbound import calls
from portal.outbound.calls import ATTEMPTS, PAUSES
from portal.outbound.session import OutboundAnswer
from tests.passes import pass_over
from tests.portal.http_server import Server, answer, serve

pytestmark = pytest.mark.django_db
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
State = OutgoingCall.State


@pytest.fixture
def server(settings) -> Iterator[Server]:
    settings.OUTBOUND_NETWORKS = ["127.0.0.0/8"]
    with serve() as running:
        yield running


def make_due(call: OutgoingCall) -> None:
    OutgoingCall.objects.filter(pk=call.pk).update(due_at=timezone.now() - timedelta(seconds=1))


def deliver(call: OutgoingCall) -> None:
    pass_over("calls", call)


def test_what_is_due_is_queued_once_and_leased(server: Server) -> None:
    call = calls.enqueue("rollout 1 ended", server.url(), "{}")
    calls.enqueue("later", server.url(), "{}")
    OutgoingCall.objects.filter(key="later").update(due_at=timezone.now() + timedelta(minutes=1))
    assert Loop().tick() == 1
    assert Loop().tick() == 0
    task = OrmQ.objects.get().task
    assert (task["func"], task["args"][0]) == ("portal.outbound.calls.attempt", str(call.pk))
    assert not server.seen
    OrmQ.objects.all().delete()
    OutgoingCall.objects.filter(pk=call.pk).update(due_at=timezone.now(), lease_until=timezone.now())
    assert Loop().tick() == 1


def during_an_attempt(monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], object]) -> None:
    """Has something happen while a call is made."""
    made = calls.call

    def call_and(*arguments: Any, **options: Any) -> OutboundAnswer:
        meanwhile()
        return made(*arguments, **options)

    monkeypatch.setattr(calls, "call", call_and)


def test_an_attempt_that_took_too_long_writes_nothing(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    call = calls.enqueue("k", server.url(), "{}")
    during_an_attempt(monkeypatch, lambda: OutgoingCall.objects.update(lease_owner="another"))
    deliver(call)
    call.refresh_from_db()
    assert (call.state, call.attempts, call.lease_owner) == (State.PENDING, 0, "another")


def test_a_call_that_is_tried_again_by_hand_meanwhile_is_done_all_the_same(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = calls.enqueue("k", server.url(), "{}")
    during_an_attempt(monkeypatch, lambda: make_due(call))
    deliver(call)
    call.refresh_from_db()
    assert (call.state, call.due_at) == (State.DONE, None)


def test_a_call_is_part_of_the_transaction_and_made_once_a_key(server: Server) -> None:
    with transaction.atomic():
        calls.enqueue("k", server.url(), "{}")
        transaction.set_rollback(True)
    assert not OutgoingCall.objects.exists()
    first = calls.enqueue("k", server.url(), "{}")
    assert calls.enqueue("k", server.url("/other"), "{}") == first


def test_a_call_that_is_answered_is_done(server: Server) -> None:
    call = calls.enqueue("k", server.url("/hook"), '{"a":1}', {"Authorization": "Bearer x"})
    deliver(call)
    deliver(call)
    (seen,) = server.seen
    assert (seen.method, seen.path, seen.body) == ("POST", "/hook", b'{"a":1}')
    assert (seen.headers["Authorization"], seen.headers["Content-Type"]) == ("Bearer x", "application/json")
    call.refresh_from_db()
    assert (call.state, call.attempts, call.answer) == (State.DONE, 1, "200 ok")


def test_each_attempt_is_signed_and_has_the_same_id(server: Server) -> None:
    server.behave = lambda handler: answer(handler, 500, b"no")
    call = calls.enqueue("k", server.url(), '{"a":"ü"}', signer=SECRET)
    deliver(call)
    deliver(call)
    for seen in server.seen:
        Webhook(SECRET).verify(seen.body, seen.headers)
    assert [seen.headers["webhook-id"] for seen in server.seen] == [f"msg_{call.pk}"] * 2
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_AAAA").verify(seen.body, seen.headers)


def test_failures_are_retried_with_growing_pauses_until_given_up(server: Server) -> None:
    server.behave = lambda handler: answer(handler, 503, b"busy")
    call = calls.enqueue("k", server.url(), "{}")
    waited = []
    for _ in range(ATTEMPTS):
        asked = timezone.now()
        deliver(call)
        call.refresh_from_db()
        waited.append(((call.due_at or asked) - asked).total_seconds())
    for seconds, pause in zip(waited, PAUSES, strict=False):
        assert 0.8 * pause.total_seconds() <= seconds <= pause.total_seconds() + 5
    assert PAUSES[-1] == timedelta(days=1)
    assert (call.state, call.attempts, call.answer) == (State.GIVEN_UP, ATTEMPTS, "503 busy")
    deliver(call)
    assert len(server.seen) == ATTEMPTS


def test_gone_and_refused_are_given_up_at_once(server: Server, settings) -> None:
    server.behave = lambda handler: answer(handler, 410, b"")
    gone = calls.enqueue("gone", server.url(), "{}")
    deliver(gone)
    settings.OUTBOUND_NETWORKS = []
    inner = calls.enqueue("inner", server.url(), "{}")
    deliver(inner)
    states = OutgoingCall.objects.order_by("pk").values_list("state", "answer")
    assert [state for state, _ in states] == [State.GIVEN_UP, State.GIVEN_UP]
    assert "not public" in states[1][1]


def test_an_unreachable_server_is_tried_again(settings) -> None:
    settings.OUTBOUND_NETWORKS = ["127.0.0.0/8"]
    call = calls.enqueue("k", "http://127.0.0.1:1/", "{}")
    deliver(call)
    call.refresh_from_db()
    assert (call.state, call.attempts) == (State.PENDING, 1)
    assert "refused" in call.answer


def test_credentials_are_not_stored_as_text(server: Server) -> None:
    from django.db import connection

    calls.enqueue("k", server.url(), "{}", {"Authorization": "Bearer very-secret"}, signer=SECRET)
    with connection.cursor() as cursor:
        cursor.execute("SELECT headers, signer FROM portal_outgoingcall")
        headers, signer = (bytes(value) for value in cursor.fetchone())
    assert b"very-secret" not in headers
    assert b"whsec" not in signer


def test_an_addresss_query_is_kept_apart_sent_and_gone_once_done(server: Server) -> None:
    call = calls.enqueue("k", server.url("/hook?token=hush"), "{}")
    assert "hush" not in f"{call} {call.url}"
    call.refresh_from_db()
    assert (call.url, call.query) == (server.url("/hook"), "token=hush")
    server.behave = lambda handler: answer(handler, 500, b"no")
    deliver(call)
    call.refresh_from_db()
    assert call.query == "token=hush"
    server.behave = answer
    deliver(call)
    call.refresh_from_db()
    assert [seen.path for seen in server.seen] == ["/hook?token=hush"] * 2
    assert (call.state, call.query) == (State.DONE, None)


def test_a_callback_whose_name_does_not_exist_now_is_tried_again() -> None:
    call = calls.enqueue("k", "https://no-such-host.invalid/", "{}")
    deliver(call)
    call.refresh_from_db()
    assert (call.state, call.attempts) == (State.PENDING, 1)


def test_queries_of_before_are_encrypted_or_gone() -> None:
    for key, state in (("open", State.PENDING), ("given up", State.GIVEN_UP), ("done", State.DONE)):
        calls.enqueue(key, "https://h.example/", "{}")
        OutgoingCall.objects.filter(key=key).update(state=state, url="https://h.example/x?token=hush")
    import_module("portal.migrations.0009_queries_of_calls").set_apart(apps, None)
    assert dict(OutgoingCall.objects.values_list("key", "url")) == dict.fromkeys(
        ("open", "given up", "done"), "https://h.example/x"
    )
    kept = {call.key: call.query for call in OutgoingCall.objects.all()}
    assert kept == {"open": "token=hush", "given up": "token=hush", "done": None}


def test_calls_of_before_that_have_ended_are_due_no_more() -> None:
    for key, state in (("open", State.PENDING), ("given up", State.GIVEN_UP), ("done", State.DONE)):
        calls.enqueue(key, "https://h.example/", "{}")
        OutgoingCall.objects.filter(key=key).update(state=state)
    import_module("portal.migrations.0012_leases_and_jobs").due_no_more(apps, None)
    assert list(OutgoingCall.objects.filter(due_at=None).order_by("pk").values_list("key", flat=True)) == [
        "given up",
        "done",
    ]
