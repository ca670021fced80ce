"""Webhooks as GitHub and any CI sign them."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from django.http import HttpResponse
from django.test import Client

GITHUB_SECRET = "It's a Secret to Everybody"
GENERIC_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def github_signature(body: bytes, secret: str = GITHUB_SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def generic_signature(message: str, at: datetime, body: bytes, secret: str = GENERIC_SECRET) -> str:
    """Of any bytes; the library signs text only, and is held against it in test_receive."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = hmac.digest(key, f"{message}.{int(at.timestamp())}.".encode() + body, "sha256")
    return f"v1,{base64.b64encode(signed).decode()}"


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
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    at = at or datetime.now(UTC)
    headers = {
        "webhook-id": message,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": generic_signature(message, at, body, secret),
    }
    return client.post("/webhooks/generic/shop-ci", body, content_type="application/json", headers=headers)


LONG_AGO = datetime.now(UTC) - timedelta(minutes=10)
