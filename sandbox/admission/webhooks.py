"""Admission webhooks. The sandbox has no network of its own: every webhook counts as one that cannot be reached."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from sandbox.admission.rules import selected
from sandbox.admission_chain import Review
from sandbox.errors import ApiError, StatusCause
from sandbox.store import Store

_GROUP = "admissionregistration.k8s.io"


class Webhooks:
    """failurePolicy Fail refuses with 500 InternalError, Ignore lets pass."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def mutate(self, review: Review) -> None:
        self._call(review, "MutatingWebhookConfiguration")

    def validate(self, review: Review) -> None:
        self._call(review, "ValidatingWebhookConfiguration")

    def _call(self, review: Review, kind: str) -> None:
        if review.kind.group == _GROUP:
            return
        for configuration in self.store.list(_GROUP, kind):
            for webhook in configuration.get("webhooks") or ():
                fails = webhook.get("failurePolicy", "Fail") == "Fail"
                if fails and selected(review, webhook.get("rules") or (), webhook, self.store):
                    raise _unreachable(webhook)


def _unreachable(webhook: Mapping[str, Any]) -> ApiError:
    words = f'failed calling webhook "{webhook["name"]}": failed to call webhook: {_trouble(webhook)}'
    cause = StatusCause("", words, "")
    return ApiError(500, "InternalError", f"Internal error occurred: {words}", causes=[cause])


def _trouble(webhook: Mapping[str, Any]) -> str:
    client, seconds = webhook.get("clientConfig") or {}, webhook.get("timeoutSeconds", 10)
    if "service" in client:
        service = client["service"]
        port, path = service.get("port", 443), str(service.get("path") or "/").lstrip("/")
        address = f"https://{service['name']}.{service['namespace']}.svc:{port}/{path}?timeout={seconds}s"
        return f'Post "{address}": service "{service["name"]}" not found'
    url = str(client.get("url", ""))
    parts = urlsplit(url)
    port = parts.port or 443
    refused = f"dial tcp {parts.hostname}:{port}: connect: connection refused"
    return f'Post "{url}{"&" if parts.query else "?"}timeout={seconds}s": {refused}'
