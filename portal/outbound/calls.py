"""Calls that are retried until they are done or given up. What they tell of never waits for them."""

import json
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import structlog
from django.db import transaction
from django.utils import timezone
from standardwebhooks.webhooks import Webhook

from portal import metrics
from portal.models import OutgoingCall
from portal.orchestration import queue
from portal.outbound import urls
from portal.outbound.faults import NoSuchHost, OutboundFailed, OutboundRefused
from portal.outbound.session import Answer, call

log = structlog.get_logger(__name__)

PAUSES = tuple(
    timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86400, 86400)
)
ATTEMPTS = len(PAUSES) + 1
# While an attempt is under way nobody else makes one; a killed worker's call is due again after it.
LEASE = timedelta(seconds=30)
GONE = 410


def enqueue(
    key: str,
    url: str,
    body: str,
    headers: Mapping[str, str] | None = None,
    signer: str | None = None,
    method: str = "POST",
    then: str = "",
) -> OutgoingCall:
    """Adds a call to be made soon, inside the caller's transaction; once for a key, whatever comes later with it.

    `signer`: a secret of Standard Webhooks (whsec_…) that signs each attempt. `then`: the dotted path of a function
    that a worker calls with the call's id when it is done; the first 200 characters of the body are in its answer.
    """
    address, query = urls.split_query(url)
    made, _ = OutgoingCall.objects.get_or_create(
        key=key,
        defaults={
            "method": method,
            "url": address,
            "query": query or None,
            "body": body,
            "headers": json.dumps(dict(headers or {})),
            "signer": signer,
            "then": then,
            "due_at": timezone.now(),
        },
    )
    return made


def deliver_due(at_once: int = 20) -> int:
    """Leases what is due and queues an attempt for each; how many. For the orchestrator's loop: makes no call."""
    now = timezone.now()
    due = OutgoingCall.objects.filter(state=OutgoingCall.State.PENDING, due_at__lte=now).order_by("due_at")
    # A read first: on SQLite a transaction that finds nothing would still take the one lock for writing.
    if not due.exists():
        return 0
    with transaction.atomic():
        ids = list(due.select_for_update(skip_locked=True).values_list("pk", flat=True)[:at_once])
        OutgoingCall.objects.filter(pk__in=ids).update(due_at=now + LEASE)
        for pk in ids:
            queue.enqueue("portal.outbound.calls.deliver", pk)
    return len(ids)


def deliver(pk: int) -> None:
    """Makes one attempt of a call and notes how it went. Runs in a worker, outside any transaction."""
    made = OutgoingCall.objects.filter(pk=pk, state=OutgoingCall.State.PENDING).first()
    if made is None:
        return
    try:
        url = urls.join_query(made.url, str(made.query or ""))
        answer = call(made.method, url, headers=_headers(made), body=made.body.encode())
    except (OutboundFailed, NoSuchHost) as error:
        _again(made, str(error))
    except OutboundRefused as error:
        _give_up(made, str(error))
    else:
        _note(made, answer)


def _headers(made: OutgoingCall) -> dict[str, str]:
    headers = {"Content-Type": "application/json", **json.loads(str(made.headers))}
    if not made.signer:
        return headers
    at, identifier = datetime.now(UTC), f"msg_{made.pk}"
    return headers | {
        "webhook-id": identifier,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(str(made.signer)).sign(identifier, at, made.body),
    }


def _note(made: OutgoingCall, answer: Answer) -> None:
    said = f"{answer.status} {answer.body[:200].decode('utf-8', 'replace')}".strip()
    if answer.ok:
        _end(made, OutgoingCall.State.DONE, said)
    elif answer.status == GONE:
        _give_up(made, said)
    else:
        _again(made, said)


def _again(made: OutgoingCall, said: str) -> None:
    if made.attempts + 1 >= ATTEMPTS:
        _give_up(made, said)
        return
    # Spread, so that what failed together does not come back together.
    due = timezone.now() + PAUSES[made.attempts] * random.uniform(0.8, 1.0)  # noqa: S311 # nosec B311
    OutgoingCall.objects.filter(pk=made.pk).update(attempts=made.attempts + 1, answer=said, due_at=due)
    metrics.OUTGOING.labels("failed").inc()


def _give_up(made: OutgoingCall, said: str) -> None:
    log.error("an outgoing call was given up", key=made.key, answer=said)
    _end(made, OutgoingCall.State.GIVEN_UP, said)


def _end(made: OutgoingCall, state: OutgoingCall.State, said: str) -> None:
    with transaction.atomic():
        OutgoingCall.objects.filter(pk=made.pk).update(
            attempts=made.attempts + 1, state=state, answer=said.replace("\0", "\ufffd")
        )
        if state is OutgoingCall.State.DONE:
            OutgoingCall.objects.filter(pk=made.pk).update(query=None)
        if made.then and state is OutgoingCall.State.DONE:
            queue.enqueue(made.then, made.pk)
    metrics.OUTGOING.labels(state.value).inc()
