"""The door for webhooks: proves who sent it, stores it once, and answers in one short transaction.

Whatever is wrong with who sent it is a 401 with the same words, so that an attacker learns nothing.
"""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from typing import Any

import structlog
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import RawPostDataException, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from portal import metrics, strict_json
from portal.problems import problem
from releases.models import Delivery, WebhookSource
from releases.webhooks import process
from releases.webhooks.kept import kept
from releases.webhooks.providers import Provider, every, find
from releases.webhooks.providers.base import Headers, Ignored, News, Untrusted, Unusable

log = structlog.get_logger(__name__)
NOT_TRUSTED = "The request could not be verified."
# Verified against where there is no such source, so that the answer takes as long.
NOBODY = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()


@csrf_exempt
@require_POST
def receive(request: HttpRequest, provider: str, source: str) -> HttpResponse:
    """POST /webhooks/PROVIDER/SOURCE: 202 with the delivery's id and what it led to, or a problem document."""
    body = _body(request)
    if body is None:
        return problem(413, f"A webhook has at most {strict_json.MOST_BYTES} bytes.")
    headers = {name.lower(): value for name, value in request.headers.items()}
    known, origin = find(provider), _source(provider, source)
    if not _trusted(known, origin, headers, body):
        metrics.WEBHOOKS.labels(provider=provider if known else "unknown", outcome="untrusted").inc()
        return problem(401, NOT_TRUSTED)
    assert known is not None
    assert origin is not None
    try:
        return _take(known, origin, headers, body)
    except Unusable as error:
        return problem(422, str(error))


def _body(request: HttpRequest) -> bytes | None:
    try:
        content = request.read(strict_json.MOST_BYTES + 1)
    except (RawPostDataException, UnreadablePostError):
        return None
    return content if len(content) <= strict_json.MOST_BYTES else None


def _source(provider: str, name: str) -> WebhookSource | None:
    sources = WebhookSource.objects.select_related("application__bundle")
    return sources.filter(provider=provider, name=name, active=True).first()


def _trusted(provider: Provider | None, source: WebhookSource | None, headers: Headers, body: bytes) -> bool:
    # Whoever asks for a provider that there is not waits as long as for one that there is.
    verify = (provider or next(iter(every().values()))).verify
    try:
        verify(str(source.secret) if source else NOBODY, headers, body)
    except Untrusted:
        return False
    return provider is not None and source is not None


def _take(provider: Provider, source: WebhookSource, headers: Headers, body: bytes) -> HttpResponse:
    payload = _json(body)
    if wrong := provider.check(source.mapping):
        raise Unusable(f"The mapping of {source} has to be put right first: {' '.join(wrong)}")
    read = provider.read(source.mapping, headers, payload)
    key = read.business_key if isinstance(read, News) else ""
    commit = read.commit if isinstance(read, News) else ""
    delivery = Delivery(
        source=source,
        delivery_id=provider.delivery_id(headers)[:200],
        event=read.event[:60],
        body_hash=hashlib.sha256(body).hexdigest(),
        business_key=key[:300],
        body=kept(payload),
        commit=commit[:64],
    )
    first = _first(delivery)
    if first and first.outcome != Delivery.Outcome.REFUSED:
        return _answer(first, duplicate=True)
    return _store(delivery, read, first)


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        payload = strict_json.read(body)
    except strict_json.NotTaken as error:
        raise Unusable(f"The body {error}") from None
    if not isinstance(payload, dict):
        raise Unusable("The body has to be a JSON object.")
    return payload


def _first(delivery: Delivery) -> Delivery | None:
    """The delivery that told the same before: the same body, or another that tells of the same happening."""
    same = Delivery.objects.filter(source=delivery.source)
    found = same.filter(body_hash=delivery.body_hash).first()
    if found is None and delivery.business_key:
        found = same.filter(business_key=delivery.business_key).first()
    return found


def _store(delivery: Delivery, read: News | Ignored, refused: Delivery | None) -> HttpResponse:
    try:
        with transaction.atomic():
            if refused:
                first = process.locked(refused)
                if first.outcome != Delivery.Outcome.REFUSED:
                    return _answer(first, duplicate=True)
                delivery = _anew(first, delivery)
            process.lead(delivery, read)
    except IntegrityError:
        first_of_two = _first(delivery)
        if first_of_two is None or first_of_two.pk == delivery.pk:
            raise
        return _answer(first_of_two, duplicate=True)
    return _answer(delivery, duplicate=False)


def _anew(refused: Delivery, again: Delivery) -> Delivery:
    """A refused delivery with what came in its place; the same happening may be told with another body."""
    refused.body, refused.body_hash, refused.commit = again.body, again.body_hash, again.commit
    return refused


def _answer(delivery: Delivery, *, duplicate: bool) -> HttpResponse:
    outcome = "duplicate" if duplicate else delivery.outcome
    metrics.WEBHOOKS.labels(provider=delivery.source.provider, outcome=outcome).inc()
    log.info("A webhook came in.", delivery=delivery.pk, source=str(delivery.source), outcome=outcome)
    if delivery.outcome == Delivery.Outcome.REFUSED:
        return problem(422, delivery.detail, delivery=delivery.pk)
    told = {
        "id": delivery.pk,
        "delivery": delivery.delivery_id,
        "outcome": outcome,
        "release": delivery.release_id,
        "rollouts": list(delivery.rollouts.order_by("pk").values_list("pk", flat=True)),
        "detail": delivery.detail,
    }
    return JsonResponse(told, status=202)
