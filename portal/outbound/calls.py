"""Calls that are retried until they are done or given up. What they tell of never waits for them."""

import json
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from standardwebhooks.webhooks import Webhook

from portal import metrics
from portal.models import OutgoingCall
from portal.orchestration import queue, work
from portal.orchestration.leases import Lease, Leases, Lost
from portal.orchestration.work import PassKind
from portal.outbound import urls
from portal.outbound.faults import NoSuchHost, OutboundFailed, OutboundRefused
from portal.outbound.session import OutboundAnswer, call

log = structlog.get_logger(__name__)
State = OutgoingCall.State

PAUSES = tuple(
    timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86400, 86400)
)
ATTEMPTS = len(PAUSES) + 1
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


class CallLease(Lease[OutgoingCall]):
    """While it lasts nobody else makes the call; a killed worker's is due again after it."""

    @classmethod
    def seconds(cls) -> float:
        """Longer than an attempt."""
        return 30.0


CALLS = Leases(OutgoingCall, Q(state=State.PENDING), CallLease)
# One a message and few at once, where nothing else waits: no rollout waits behind a row of slow ones.
work.register(PassKind(name="calls", leases=CALLS, path="portal.outbound.calls.attempt", batch=1, most=2, ahead=1))


def attempt(ids: str, ticket: str) -> None:
    """One attempt for each call of a ticket. Runs in a worker, outside any transaction."""
    for lease in CALLS.take([int(each) for each in ids.split(",")], ticket):
        try:
            _attempt(lease)
        except Lost:
            log.warning("an outgoing call took longer than its lease", key=lease.row.key)


def _attempt(lease: CallLease) -> None:
    made = lease.row
    try:
        url = urls.join_query(made.url, str(made.query or ""))
        answer = call(made.method, url, headers=_headers(made), body=made.body.encode())
    except (OutboundFailed, NoSuchHost) as error:
        _again(lease, str(error))
    except OutboundRefused as error:
        _give_up(lease, str(error))
    else:
        _note(lease, answer)


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


def _note(lease: CallLease, answer: OutboundAnswer) -> None:
    said = f"{answer.status} {answer.body[:200].decode('utf-8', 'replace')}".strip()
    if answer.ok:
        _end(lease, State.DONE, said)
    elif answer.status == GONE:
        _give_up(lease, said)
    else:
        _again(lease, said)


def _again(lease: CallLease, said: str) -> None:
    attempts = lease.row.attempts
    if attempts + 1 >= ATTEMPTS:
        _give_up(lease, said)
        return
    # Spread, so that what failed together does not come back together.
    due = timezone.now() + PAUSES[attempts] * random.uniform(0.8, 1.0)  # noqa: S311 # nosec B311
    lease.finish({"attempts": attempts + 1, "answer": said}, due)
    metrics.OUTGOING.labels("failed").inc()


def _give_up(lease: CallLease, said: str) -> None:
    log.error("an outgoing call was given up", key=lease.row.key, answer=said)
    _end(lease, State.GIVEN_UP, said)


def _end(lease: CallLease, state: OutgoingCall.State, said: str) -> None:
    made = lease.row
    fields = {"attempts": made.attempts + 1, "state": state, "answer": said.replace("\0", "\ufffd")}
    with transaction.atomic():
        lease.finish(fields, None)
        if state is State.DONE:
            OutgoingCall.objects.filter(pk=made.pk).update(query=None)
        if made.then and state is State.DONE:
            queue.enqueue(made.then, made.pk)
    metrics.OUTGOING.labels(state.value).inc()
