"""Between a request's body and the store: identity, decoding, what a subresource may change. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from kube_schema import SchemaNode, recorded
from sandbox import errors
from sandbox.decode import Decoder, WrongType
from sandbox.errors import ApiError
from sandbox.kinds import ApiResource
from sandbox.store import Object, encode

MARK = {("events.k8s.io", "Event"): ""}
"""Kinds that are stored as those of another group."""

_KEPT = (
    "name",
    "namespace",
    "uid",
    "creationTimestamp",
    "generation",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)


def schema_of(kind: ApiResource) -> SchemaNode | None:
    """The types of a kind at its version."""
    return kind.schema if kind.definition is not None else recorded().root(kind.api_version, kind.kind)


def checked_identity(kind: ApiResource, namespace: str, body: Any, name: str) -> None:
    """Refuses a body that is another object than the address says."""
    if not isinstance(body, Mapping) or not isinstance(body.get("metadata", {}) or {}, Mapping):
        raise errors.bad_request("the body of the request is no object")
    metadata = body.get("metadata") or {}
    if metadata.get("name", name) != name:
        words = f"the name of the object ({metadata['name']}) does not match the name on the URL ({name})"
        raise errors.bad_request(words)
    if kind.namespaced and metadata.get("namespace", namespace) not in ("", namespace):
        raise errors.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )


def checked_kind(kind: ApiResource, body: Mapping[str, Any]) -> None:
    """Refuses a body of another kind or version than the address says."""
    named, version = body.get("kind"), body.get("apiVersion")
    if named in (None, "", kind.kind) and version in (None, "", kind.api_version):
        return
    version = str(version or kind.api_version).rpartition("/")[2]
    named = named or kind.kind
    words = (
        f"converting ({version}.{named}) to ({kind.group.partition('.')[0] or 'core'}.{kind.kind}): unknown conversion"
    )
    raise errors.bad_request(f'{named} in version "{version}" cannot be handled as a {kind.kind}: {words}')


def decoded_patch(kind: ApiResource, body: Mapping[str, Any], validation: str) -> tuple[Object, list[str]]:
    """As `decoded`, for what a patch made: its errors are 422."""
    try:
        return decoded(kind, body, validation)
    except ApiError as error:
        words = error.message.partition(f"cannot be handled as a {kind.kind}: ")[2]
        text = encode(encode(body).decode()).decode()
        cause = errors.StatusCause("FieldValueInvalid", f"Invalid value: {text}: {words}", "patch")
        raise errors.invalid("", "", "", [cause]) from error


def decoded(kind: ApiResource, body: Mapping[str, Any], validation: str) -> tuple[Object, list[str]]:
    """The body as the server holds it, with warnings; raises ApiError 400."""
    decoder = Decoder(lenient=kind.definition is not None)
    whole = {**body, "apiVersion": kind.api_version, "kind": kind.kind, "metadata": body.get("metadata") or {}}
    try:
        found = decoder.decode(whole, schema_of(kind))
    except WrongType as error:
        raise _unreadable(kind, str(error)) from error
    unknown = [f'unknown field "{path}"' for path in decoder.unknown]
    if unknown and validation == "Strict":
        raise _unreadable(kind, "strict decoding error: " + ", ".join(unknown))
    head = {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": found["metadata"]}
    rest = {name: value for name, value in found.items() if name not in head}
    return {**head, **rest}, unknown if validation == "Warn" else []


def _unreadable(kind: ApiResource, words: str) -> ApiError:
    where = f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}'
    return errors.bad_request(f"{where}: {words}")


def ignored_fields(kind: ApiResource, subresource: str) -> Sequence[tuple[str, ...]]:
    """What a write through this subresource neither changes nor owns."""
    if subresource == "status":
        return (("spec",), ("metadata",)) if kind.definition is not None else (("spec",), ("metadata", "labels"))
    return (("status",),) if kind.status and not subresource else ()


def without_status(kind: ApiResource, new: Object) -> Object:
    return {name: value for name, value in new.items() if name != "status"} if kind.status else new


def with_kept_metadata(kind: ApiResource, sent: Object, old: Object, subresource: str) -> Object:
    """The new state with what only the server sets, and with what the subresource must leave alone."""
    kept = {name: value for name, value in old["metadata"].items() if name in _KEPT}
    free = {name: value for name, value in sent["metadata"].items() if name not in (*_KEPT, "selfLink")}
    metadata = {**kept, **free, "resourceVersion": old["metadata"]["resourceVersion"]}
    if subresource == "status":
        return _only_status(kind, sent, old, metadata)
    if kind.status and not subresource:
        rest = {name: value for name, value in sent.items() if name not in ("metadata", "status")}
        status = {"status": old["status"]} if "status" in old else {}
        return {**rest, "metadata": metadata, **status}
    return {**sent, "metadata": metadata}


def _only_status(kind: ApiResource, sent: Object, old: Object, metadata: Object) -> Object:
    if kind.definition is not None:
        metadata = dict(old["metadata"])
    elif "labels" in old["metadata"]:
        metadata = {**metadata, "labels": old["metadata"]["labels"]}
    status = {"status": sent["status"]} if "status" in sent else {}
    rest = {name: value for name, value in old.items() if name not in ("metadata", "status")}
    return {**rest, "metadata": metadata, **status}
