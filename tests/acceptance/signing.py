"""Webhooks as GitHub and a CI of one's own send them, signed."""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from standardwebhooks.webhooks import Webhook

from tests.acceptance.portal import HTTP

Answer = tuple[int, dict[str, Any]]


def github_release(webhook: dict[str, str], repository: str, tag: str, author: str = "octocat") -> Answer:
    """GitHub's `release` event of a release that was published: (status, the portal's answer)."""
    release = {"id": abs(hash(tag)), "tag_name": tag, "body": f"What {tag} brings.", "author": {"login": author}}
    payload = {"action": "published", "release": release, "repository": {"id": 1, "full_name": repository}}
    body = json.dumps(payload).encode()
    signature = hmac.new(webhook["secret"].encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "release",
        "X-GitHub-Delivery": str(uuid4()),
        "X-Hub-Signature-256": f"sha256={signature}",
    }
    return _post(webhook["url"], body, headers)


def generic_release(webhook: dict[str, str], version: str, **more: Any) -> Answer:
    """The documented body, signed by Standard Webhooks."""
    body = json.dumps({"type": "release", "version": version, **more})
    number, now = f"msg_{uuid4().hex}", datetime.now(UTC)
    headers = {
        "Content-Type": "application/json",
        "webhook-id": number,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(webhook["secret"]).sign(number, now, body),
    }
    return _post(webhook["url"], body.encode(), headers)


def _post(url: str, body: bytes, headers: dict[str, str]) -> Answer:
    answer = HTTP.request("POST", url, body=body, headers=headers)
    return answer.status, json.loads(answer.data)
