"""GET, LIST and their forms: whole objects, tables, metadata alone; pages. Pure but for the store."""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox import errors
from sandbox.addresses import Address
from sandbox.api import Api
from sandbox.kinds import ApiResource
from sandbox.request_decoding import MARK
from sandbox.selectors import Match, matcher
from sandbox.store import StoredVersion, encode
from sandbox.table import partial, table
from sandbox.versions import is_stored, to_version


@dataclass(frozen=True)
class Form:
    """How objects are wanted: "" whole, "Table" or "PartialObjectMetadata"; `include` is a table's includeObject."""

    kind: str = ""
    include: str = "Metadata"


def form_of(accept: str, query: Mapping[str, str]) -> Form:
    """The form that an Accept header asks for first."""
    for part in accept.split(","):
        options = dict(each.strip().partition("=")[::2] for each in part.split(";")[1:])
        name = options.get("as", "").removesuffix("List")
        if name in ("Table", "PartialObjectMetadata") and options.get("v") == "v1":
            return Form(name, query.get("includeObject", "Metadata"))
        if part.strip().startswith(("application/json", "*/*")):
            return Form()
    return Form()


def shown(kind: ApiResource, entry: StoredVersion, form: Form) -> bytes:
    """One object's JSON."""
    if form.kind == "" and is_stored(kind):
        return entry.json
    value = to_version(kind, entry.object)
    if form.kind == "Table":
        return encode(table(kind, [value], entry.version, form.include))
    return encode(partial(value) if form.kind else value)


def listed(api: Api, address: Address, query: Mapping[str, str], form: Form) -> bytes:
    """A list's JSON; raises ApiError."""
    kind = address.kind
    chosen = matcher(query.get("labelSelector", ""), query.get("fieldSelector", ""))
    _check_version(api, query)
    with api.store.lock:
        version = api.store.version
        entries = api.store.entries(MARK.get((kind.group, kind.kind), kind.group), kind.kind, address.namespace)
    entries = matching(kind, entries, chosen)
    page, metadata = _page(entries, version, query)
    if form.kind == "Table":
        values = [to_version(kind, entry.object) for entry in page]
        return encode(table(kind, values, version, form.include, metadata))
    return _joined(kind, page, metadata, form)


def matching(kind: ApiResource, entries: Sequence[StoredVersion], chosen: Match | None) -> list[StoredVersion]:
    return [entry for entry in entries if chosen is None or chosen(to_version(kind, entry.object))]


def _check_version(api: Api, query: Mapping[str, str]) -> None:
    asked = query.get("resourceVersion", "")
    if not asked or asked == "0" or query.get("continue"):
        return
    if not asked.isdigit():
        raise errors.bad_request(f'invalid resource version "{asked}"')
    if int(asked) > api.store.version:
        words = f"Timeout: Too large resource version: {asked}, current: {api.store.version}"
        details = {
            "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
            "retryAfterSeconds": 1,
        }
        raise errors.ApiError(504, "Timeout", words, details=details)
    if query.get("resourceVersionMatch") == "Exact" and int(asked) != api.store.version:
        words = "The resourceVersion for the provided list is too old."
        raise errors.ApiError(410, "Expired", words)


def _page(
    entries: list[StoredVersion], version: int, query: Mapping[str, str]
) -> tuple[list[StoredVersion], dict[str, Any]]:
    """One page of a list and the list's metadata."""
    start = _start(query.get("continue", ""))
    rest = [entry for entry in entries if start is None or [entry.key.namespace, entry.key.name] > start]
    limit = int(query.get("limit") or 0)
    metadata: dict[str, Any] = {"resourceVersion": str(version)}
    if not limit or len(rest) <= limit:
        return rest, metadata
    last = rest[limit - 1].key
    token = base64.urlsafe_b64encode(encode([last.namespace, last.name])).decode()
    return rest[:limit], {**metadata, "continue": token, "remainingItemCount": len(rest) - limit}


def _start(token: str) -> list[str] | None:
    if not token:
        return None
    try:
        found: list[str] = json.loads(base64.urlsafe_b64decode(token))
    except (ValueError, binascii.Error) as error:
        raise errors.bad_request(f"continue key is not valid: {error}") from error
    return found


def _joined(kind: ApiResource, page: list[StoredVersion], metadata: dict[str, Any], form: Form) -> bytes:
    if form.kind:
        head = {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata}
    else:
        head = {"kind": kind.list_kind or f"{kind.kind}List", "apiVersion": kind.api_version, "metadata": metadata}
    items = b",".join(shown(kind, entry, form) for entry in page)
    return encode(head)[:-1] + b',"items":[' + items + b"]}"
