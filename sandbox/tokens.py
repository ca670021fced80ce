"""Bearer tokens: one for everything, and those that TokenRequest gives out. There are no roles."""

import secrets
import threading
import time
from datetime import UTC, datetime
from typing import Any

from sandbox import errors
from sandbox.store import Object, now

ADMINISTRATOR = "kubernetes-admin"
_GRACE = 60
_SHORTEST = 600


class Tokens:
    """Who a token stands for. Tokens are accepted for a minute past their expiry, as the real server does."""

    def __init__(self, token: str = "") -> None:
        self.administrator = token or secrets.token_urlsafe(32)
        self._lock = threading.Lock()
        self._issued: dict[str, tuple[str, float]] = {}

    def user(self, authorization: str) -> str | None:
        """The user of an Authorization header, None without one; raises ApiError 401."""
        if not authorization:
            return None
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() == "bearer" and secrets.compare_digest(token.encode(), self.administrator.encode()):
            return ADMINISTRATOR
        user, expiry = self._issued.get(token, ("", 0.0))
        if scheme.lower() != "bearer" or time.time() > expiry + _GRACE:
            raise errors.unauthorized()
        return user

    def issue(self, user: str, seconds: int) -> str:
        token = f"sandbox-{secrets.token_urlsafe(32)}"
        with self._lock:
            self._issued[token] = (user, time.time() + seconds)
        return token

    def revoke(self, token: str) -> None:
        with self._lock:
            self._issued.pop(token, None)

    def request(self, account: Object, body: Object) -> Object:
        """What a TokenRequest for a ServiceAccount answers; raises ApiError 422 below ten minutes."""
        spec = body.get("spec") or {}
        seconds: Any = spec.get("expirationSeconds") or 3600
        if seconds < _SHORTEST:
            words = f"Invalid value: {seconds}: may not specify a duration less than 10 minutes"
            cause = errors.StatusCause("FieldValueInvalid", words, "spec.expirationSeconds")
            raise errors.invalid("authentication.k8s.io", "TokenRequest", "", [cause])
        metadata = account["metadata"]
        user = f"system:serviceaccount:{metadata['namespace']}:{metadata['name']}"
        expiry = datetime.fromtimestamp(time.time() + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        audiences = spec.get("audiences") or ["https://kubernetes.default.svc"]
        return {
            "kind": "TokenRequest",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": {
                "name": metadata["name"],
                "namespace": metadata["namespace"],
                "uid": metadata["uid"],
                "creationTimestamp": now(),
            },
            "spec": {"audiences": audiences, "expirationSeconds": seconds, "boundObjectRef": None},
            "status": {"token": self.issue(user, seconds), "expirationTimestamp": expiry},
        }
