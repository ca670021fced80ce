"""What the API answers when it refuses: Status bodies as the real server words them."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple


class StatusCause(NamedTuple):
    """One entry of details.causes. `reason` and `field` may be "": they are then left out."""

    reason: str
    message: str
    field: str

    @property
    def body(self) -> dict[str, str]:
        named = {"reason": self.reason, "message": self.message, "field": self.field}
        return {name: value for name, value in named.items() if value}


class ApiError(Exception):
    """An answer that is not a success. `reason` "" leaves the member out, as the server does for typed patches."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        *,
        details: Mapping[str, Any] | None = None,
        causes: Iterable[StatusCause] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code, self.reason, self.message = code, reason, message
        self.headers = dict(headers or {})
        self.details = None if details is None else dict(details)
        listed = [cause.body for cause in causes]
        if listed:
            self.details = {**(self.details or {}), "causes": listed}

    @property
    def body(self) -> dict[str, Any]:
        """The Status object."""
        status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            status["reason"] = self.reason
        if self.details is not None:
            status["details"] = self.details
        return {**status, "code": self.code}


def qualified(group: str, name: str) -> str:
    """ "deployments" in group apps is "deployments.apps"; the core group adds nothing."""
    return f"{name}.{group}" if group else name


def _details(group: str, kind: str, name: str = "") -> dict[str, str]:
    named = {"name": name, "group": group, "kind": kind}
    return {member: value for member, value in named.items() if value}


def not_found(group: str, plural: str, name: str) -> ApiError:
    return ApiError(
        404, "NotFound", f'{qualified(group, plural)} "{name}" not found', details=_details(group, plural, name)
    )


def already_exists(group: str, plural: str, name: str) -> ApiError:
    message = f'{qualified(group, plural)} "{name}" already exists'
    return ApiError(409, "AlreadyExists", message, details=_details(group, plural, name))


def stale(group: str, plural: str, name: str) -> ApiError:
    """The optimistic lock failed: another resourceVersion or uid."""
    why = "the object has been modified; please apply your changes to the latest version and try again"
    message = f'Operation cannot be fulfilled on {qualified(group, plural)} "{name}": {why}'
    return ApiError(409, "Conflict", message, details=_details(group, plural, name))


def precondition(group: str, kind: str, name: str, what: str, wanted: str, found: str) -> ApiError:
    """A delete that names another object. `what` is "UID" or "ResourceVersion"."""
    message = (
        f'Operation cannot be fulfilled on {qualified(group, kind)} "{name}": the {what} in the precondition '
        f"({wanted}) does not match the {what} in record ({found}). "
        "The object might have been deleted and then recreated"
    )
    return ApiError(409, "Conflict", message, details=_details(group, kind, name))


def invalid(group: str, kind: str, name: str, causes: Iterable[StatusCause]) -> ApiError:
    """422 with one cause or more, each "field: message" in the sentence."""
    found = list(causes)
    words = list(dict.fromkeys(f"{cause.field}: {cause.message}" for cause in found))
    text = words[0] if len(words) == 1 else f"[{', '.join(words)}]"
    message = f'{qualified(group, kind)} "{name}" is invalid: {text}'
    return ApiError(422, "Invalid", message, details=_details(group, kind, name), causes=found)


def forbidden(group: str, plural: str, name: str, why: str, causes: Iterable[StatusCause] = ()) -> ApiError:
    """403 of admission: quota, limits, pod security, a terminating namespace."""
    message = f'{qualified(group, plural)} "{name}" is forbidden: {why}'
    return ApiError(403, "Forbidden", message, details=_details(group, plural, name), causes=causes)


def anonymous(group: str, plural: str, verb: str, namespace: str) -> ApiError:
    """403 of a request without a token."""
    where = f' in the namespace "{namespace}"' if namespace else " at the cluster scope"
    message = (
        f'{qualified(group, plural)} is forbidden: User "system:anonymous" cannot {verb} resource "{plural}" '
        f'in API group "{group}"{where}'
    )
    return ApiError(403, "Forbidden", message, details=_details(group, plural))


def bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def unauthorized() -> ApiError:
    return ApiError(401, "Unauthorized", "Unauthorized")


def expired(asked: int, oldest: int) -> ApiError:
    """A resourceVersion that the history no longer holds."""
    return ApiError(410, "Expired", f"too old resource version: {asked} ({oldest})")


def unsupported_media_type(*, custom: bool = False) -> ApiError:
    """Of a patch; custom resources take no strategic merge patch, and say so otherwise."""
    if custom:
        accepted = "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
        words = f"the body of the request was in an unknown format - accepted media types include: {accepted}"
        return ApiError(415, "UnsupportedMediaType", words)
    return ApiError(415, "UnsupportedMediaType", "415: Unsupported Media Type", details={})


def unknown_format() -> ApiError:
    """The media type of a body that is no patch."""
    accepted = "application/json, application/yaml, application/vnd.kubernetes.protobuf"
    words = f"the body of the request was in an unknown format - accepted media types include: {accepted}"
    return ApiError(415, "UnsupportedMediaType", words)


def no_resource() -> ApiError:
    """A path below a version of the API that leads to nothing."""
    return ApiError(404, "NotFound", "the server could not find the requested resource", details={})


def too_large(limit: int) -> ApiError:
    return ApiError(413, "RequestEntityTooLarge", f"Request entity too large: limit is {limit}")


def method_not_allowed() -> ApiError:
    words = "the server does not allow this method on the requested resource"
    return ApiError(405, "MethodNotAllowed", words, details={})


def typed_patch(manifest: Mapping[str, Any], words: str) -> ApiError:
    """500 without a reason: the body of an apply does not fit the schema."""
    return ApiError(500, "", f"failed to create typed patch object ({_typed_name(manifest)}): {words}")


def _typed_name(manifest: Mapping[str, Any]) -> str:
    metadata = manifest.get("metadata") or {}
    return f"{metadata.get('namespace', '')}/{metadata.get('name', '')}; {kind_text(manifest)}"


def kind_text(manifest: Mapping[str, Any]) -> str:
    """A kind as Go prints it: "apps/v1, Kind=Deployment", "/v1, Kind=ConfigMap"."""
    version = str(manifest.get("apiVersion", ""))
    return f"{version if '/' in version else f'/{version}'}, Kind={manifest.get('kind', '')}"


def apply_conflict(message: str, causes: Iterable[StatusCause]) -> ApiError:
    return ApiError(409, "Conflict", message, causes=causes)


def rejected_patch() -> ApiError:
    """A JSON Patch whose test failed or whose path is not there."""
    words = "the server rejected our request due to an error in our request"
    return ApiError(422, "Invalid", words, details={})


def unavailable(message: str) -> ApiError:
    return ApiError(503, "ServiceUnavailable", message)
