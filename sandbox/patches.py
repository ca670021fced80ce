"""PATCH bodies: which media type is merged how, and what makes one unreadable."""

from collections.abc import Callable, Mapping
from typing import Any

from sandbox import errors, jsonpatch, strategic
from sandbox.decode import Decoder, WrongType, type_errors
from sandbox.errors import ApiError
from sandbox.kinds import ApiResource
from sandbox.request_decoding import schema_of
from sandbox.store import Object

JSON = "application/json-patch+json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"

Change = Callable[[Object], Object]


def patcher(kind: ApiResource, media_type: str, body: Any) -> Change:
    """What makes the new object of the old one; raises ApiError."""
    if media_type == JSON:
        return lambda old: _json(old, body)
    if media_type == MERGE:
        return lambda old: jsonpatch.merge_patch(old, _object(body))
    if media_type == STRATEGIC and kind.definition is None:
        return lambda old: _strategic(kind, old, _object(body))
    raise errors.unsupported_media_type(custom=kind.definition is not None)


def _object(body: Any) -> Mapping[str, Any]:
    if not isinstance(body, Mapping):
        raise errors.bad_request(
            "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}"
        )
    return body


def _json(old: Object, body: Any) -> Object:
    if not isinstance(body, list) or not all(isinstance(each, Mapping) for each in body):
        raise errors.bad_request(
            "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp"
        )
    if len(body) > jsonpatch.MOST_OPERATIONS:
        raise errors.too_large(jsonpatch.MOST_OPERATIONS)
    try:
        found: Object = jsonpatch.json_patch(old, body)
    except jsonpatch.JsonPatchError as error:
        raise errors.rejected_patch() from error
    return found


def _strategic(kind: ApiResource, old: Object, body: Mapping[str, Any]) -> Object:
    try:
        return strategic.strategic_merge(old, body, schema_of(kind))
    except strategic.StrategicMergeError as error:
        raise errors.bad_request(str(error)) from error


def check_types(kind: ApiResource, body: Object) -> None:
    """Refuses an apply configuration that does not fit the schema: 500 without a reason."""
    found = type_errors(body, schema_of(kind))
    if found:
        words = found[0] if len(found) == 1 else "errors:" + "".join(f"\n  {each}" for each in found)
        raise errors.typed_patch(body, words)


def converted(kind: ApiResource, merged: Object, body: Object) -> Object:
    """The merged object as the server holds it; what cannot be decoded is a 500 too."""
    try:
        found: Object = Decoder(keeps_nulls=kind.definition is not None).decode(merged, schema_of(kind))
    except WrongType as error:
        metadata = body.get("metadata") or {}
        text = errors.kind_text(merged)
        where = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}; {text}"
        words = (
            f"failed to convert new object ({where}) to proper version: unable to convert unstructured object to "
            f"{text}: {'' if str(error).startswith('quantities') else 'error decoding from json: '}{error}"
        )
        raise ApiError(500, "", words) from error
    return found
