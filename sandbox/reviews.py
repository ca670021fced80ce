"""Reviews: questions about rights, which are all granted, and about oneself. Pure."""

from typing import Any

from sandbox.kinds import ApiResource
from sandbox.store import Object

_EVERYTHING = {
    "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
    "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
    "incomplete": False,
}
_GROUPS = ["system:masters", "system:authenticated"]


def is_review(kind: ApiResource) -> bool:
    """Whether objects of a kind are answered and not stored."""
    return kind.group in ("authorization.k8s.io", "authentication.k8s.io")


def reviewed(kind: ApiResource, body: Object, user: str) -> Object:
    """The review with its status."""
    head = {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": {}}
    return {**head, "spec": body.get("spec") or {}, "status": _status(kind, user)}


def _status(kind: ApiResource, user: str) -> dict[str, Any]:
    if kind.kind == "SelfSubjectRulesReview":
        return _EVERYTHING
    if kind.kind == "SelfSubjectReview":
        return {"userInfo": {"username": user, "groups": _GROUPS}}
    if kind.kind == "TokenReview":
        return {"authenticated": True, "user": {"username": user, "groups": _GROUPS}}
    return {"allowed": True}
