"""Webhooks as GitHub and any CI sign them."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from django.http import HttpResponse
from django.test import Client
from standardwebhooks.webhooks import Webhook

GITHUB_SECRET = "It's a Secret to Everybody"
GENERIC_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def github_signature(body: bytes, secret: str = GITHUB_SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def post_github(
    client: Client,
    event: str,
    payload: Any,
    *,
    delivery: str = "d-1",
    signature: str | None = None,
    source: str = "shop",
) -> HttpResponse:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    headers = {
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": delivery,
        "X-Hub-Signature-256": github_signature(body) if signature is None else signature,
    }
    return client.post(f"/webhooks/github/{source}", body, content_type="application/json", headers=headers)


def post_generic(
    client: Client, payload: Any, *, message: str = "msg_1", at: datetime | None = None, secret: str = GENERIC_SECRET
) -> HttpResponse:
    body = json.dumps(payload)
    at = at or datetime.now(UTC)
    headers = {
        "webhook-id": message,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(message, at, body),
    }
    return client.post("/webhooks/generic/shop-ci", body, content_type="application/json", headers=headers)


LONG_AGO = datetime.now(UTC) - timedelta(minutes=10)
