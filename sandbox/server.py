"""The API over HTTP: parses requests, answers with JSON, and lets faults have their way."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import yaml
from starlette.applications import Starlette
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from sandbox import discovery, errors, protobuf, scale
from sandbox.addresses import Address, addressed, name_fault
from sandbox.api import Api, Deletion, Options, WriteOutcome
from sandbox.errors import ApiError
from sandbox.fault_injection import struck
from sandbox.faults import Faults
from sandbox.get_list import form_of, listed, shown
from sandbox.kinds import Kinds
from sandbox.patches import APPLY
from sandbox.reviews import is_review, reviewed
from sandbox.store import Object, StoredVersion, encode
from sandbox.subresources import Connection, Reply
from sandbox.tokens import Tokens
from sandbox.watch import WatchStream

LARGEST = 3 * 1024 * 1024
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
_OPEN = ("/healthz", "/livez", "/readyz", "/version")


class ApiServer:
    """One API's ASGI application, in `app`."""

    def __init__(self, api: Api, tokens: Tokens, faults: Faults) -> None:
        self.api, self.tokens, self.faults = api, tokens, faults
        self.documents: dict[tuple[str, int], bytes] = {}
        self.app = Starlette(routes=[Route("/{path:path}", self._answer, methods=_METHODS)])

    async def _answer(self, request: Request) -> Response:
        try:
            return await self._admitted(request)
        except ApiError as error:
            return _json(error.body, error.code, error.headers)

    async def _admitted(self, request: Request) -> Response:
        path = str(request.scope["path"])  # decoded, and nothing else done to it
        if path.startswith("/sandbox/"):
            return await self._control(request)
        address = addressed(path, self.api.kinds)
        verb = address.verb(request.method, request.query_params) if address else request.method.lower()
        fault = self.faults.strike(verb, f"{path}?{request.url.query}" if request.url.query else path)
        if fault is not None:
            broken = await struck(fault, request, verb)
            if broken is not None:
                return broken
        user = self.tokens.user(request.headers.get("authorization", ""))
        if user is None and path not in _OPEN:
            raise _anonymous(address, verb, path)
        answer = await self._routed(request, path, address, verb, user or "system:anonymous")
        return await _slowed(answer, fault.seconds) if fault and fault.kind == "trickle" else answer

    async def _routed(self, request: Request, path: str, address: Address | None, verb: str, user: str) -> Response:
        if address is None:
            return self._document(request, path)
        if fault := name_fault(address.name):
            raise errors.bad_request(f'Name parameter invalid: "{address.name}": {fault}')
        if address.subresource and address.subresource not in ("status", "scale", "finalize"):
            return await self._connected(request, address)
        if verb == "watch":
            form = form_of(request.headers.get("accept", ""), request.query_params)
            watch = WatchStream(self.api, address, request.query_params, form, self.faults)
            return StreamingResponse(_watched(watch), media_type="application/json")
        if verb in ("get", "list"):
            return self._read(request, address, verb)
        body = await _body(request)
        return self._written(request, address, verb, body, user)

    # -- objects ----------------------------------------------------------------------------------------------------

    def _read(self, request: Request, address: Address, verb: str) -> Response:
        form = form_of(request.headers.get("accept", ""), request.query_params)
        if verb == "list":
            return _raw(listed(self.api, address, request.query_params, form))
        if not _is_served(address):
            raise errors.no_resource()
        entry = self.api.entry(address.kind, address.namespace, address.name)
        return self._shown(address, entry, request, 200)

    def _shown(
        self, address: Address, entry: StoredVersion, request: Request, status: int, warnings: Iterable[str] = ()
    ) -> Response:
        if address.subresource == "scale":
            content = encode(scale.seen(address.kind, entry.object))
        else:
            form = form_of(request.headers.get("accept", ""), request.query_params)
            content = shown(address.kind, entry, form)
        return _raw(content, status, warnings)

    def _written(self, request: Request, address: Address, verb: str, body: bytes, user: str) -> Response:
        if not _is_served(address):
            raise errors.no_resource()
        options = _options(request, address, user)
        if verb in ("delete", "deletecollection"):
            return self._deleted(request, address, verb, _parsed(body) if body else {}, options)
        if bool(address.name) == (verb == "create"):
            raise errors.method_not_allowed()
        outcome = self._changed(request, address, verb, body, options)
        if isinstance(outcome, Response):
            return outcome
        return self._shown(address, outcome.entry, request, 201 if outcome.created else 200, outcome.warnings)

    def _changed(
        self, request: Request, address: Address, verb: str, body: bytes, options: Options
    ) -> WriteOutcome | Response:
        kind, place = address.kind, (address.kind, address.namespace)
        media_type = request.headers.get("content-type", "application/json").partition(";")[0].strip()
        if verb == "patch" and media_type != APPLY:
            return self.api.patch(*place, address.name, media_type, _parsed(body), options)
        if verb == "patch":
            return self.api.apply(*place, address.name, _object(body), options)
        if media_type not in ("application/json", "application/yaml", protobuf.MEDIA_TYPE, "", "*/*"):
            raise errors.unknown_format()
        if verb == "create" and is_review(kind):
            return _json(reviewed(kind, _object(body), options.user), 201)
        if verb == "create":
            return self.api.create(*place, _object(body), options)
        return self.api.update(*place, address.name, _object(body), options)

    def _deleted(self, request: Request, address: Address, verb: str, body: Any, options: Options) -> Response:
        deletion = _deletion(request.query_params, body if isinstance(body, Mapping) else {})
        if body and body.get("dryRun"):
            options = Options(**{**vars(options), "dry_run": True})
        if verb == "delete":
            entry, gone = self.api.delete(address.kind, address.namespace, address.name, deletion, options)
            return _json(_success(address, entry), 200) if gone else self._shown(address, entry, request, 200)
        content = listed(self.api, address, request.query_params, form_of("", {}))
        for item in json.loads(content)["items"]:
            metadata = item["metadata"]
            with contextlib.suppress(ApiError):
                self.api.delete(address.kind, metadata.get("namespace", ""), metadata["name"], deletion, options)
        return _raw(content)

    # -- subresources beyond the object -----------------------------------------------------------------------------

    async def _connected(self, request: Request, address: Address) -> Response:
        kind, body = address.kind, await _body(request)
        if (kind.group, kind.plural, address.subresource) == ("", "serviceaccounts", "token"):
            account = self.api.entry(kind, address.namespace, address.name)
            return _json(self.tokens.request(account.object, _object(body)), 201)
        handler = self.api.subresources.get((kind.group, kind.plural, address.subresource))
        if handler is None:
            raise errors.no_resource()
        found = None
        if address.subresource != "proxy":
            found = self.api.entry(kind, address.namespace, address.name).object
        connection = Connection(
            request.method,
            kind,
            address.namespace,
            address.name,
            address.subresource,
            address.rest,
            dict(request.query_params),
            dict(request.headers),
            body,
            found,
        )
        return _replied(await run_in_threadpool(handler, connection))

    # -- what is no object ------------------------------------------------------------------------------------------

    def _document(self, request: Request, path: str) -> Response:
        path = path.rstrip("/") or "/"
        if path in ("/healthz", "/livez", "/readyz"):
            return Response("ok", media_type="text/plain")
        form = _discovery_form(request.headers.get("accept", ""))
        if path in ("/api", "/apis") and form:
            document = discovery.aggregated(self.api.kinds, core=path == "/api", version=form)
            kind = f"application/json;g=apidiscovery.k8s.io;v={form};as=APIGroupDiscoveryList"
            return Response(encode(document), media_type=kind)
        content = self._cached(path, request.url.netloc)
        if content is None:
            if _within_version(self.api.kinds, path):
                raise errors.no_resource()
            return Response("404 page not found\n", 404, media_type="text/plain")
        return _raw(content)

    def _cached(self, path: str, server: str) -> bytes | None:
        known = (path, self.api.kinds.revision)
        if known not in self.documents:
            document = self._made(path, server)
            if document is None:
                return None
            self.documents[known] = encode(document)
        return self.documents[known]

    def _made(self, path: str, server: str) -> Object | None:
        kinds, parts = self.api.kinds, path.strip("/").split("/")
        if path == "/":
            return {"paths": ["/api", "/api/v1", "/apis", "/healthz", "/openapi/v3", "/version"]}
        if path == "/version":
            return dict(discovery.VERSION)
        if parts[:2] == ["openapi", "v3"]:
            rest = "/".join(parts[2:])
            return discovery.openapi_document(kinds, rest) if len(parts) > 3 else discovery.openapi_index(kinds)
        if parts[0] == "api" and len(parts) <= 2:
            return discovery.core_versions(server) if len(parts) == 1 else discovery.resource_list(kinds, "", parts[1])
        if parts[0] != "apis" or len(parts) > 3:
            return None
        if len(parts) == 1:
            return discovery.group_list(kinds)
        return discovery.group(kinds, parts[1]) if len(parts) == 2 else discovery.resource_list(kinds, *parts[1:])

    # -- faults -----------------------------------------------------------------------------------------------------

    async def _control(self, request: Request) -> Response:
        """/sandbox/faults (GET, POST, DELETE), /sandbox/faults/ID (DELETE), /sandbox/watches (DELETE)."""
        self.tokens.user(request.headers.get("authorization", "") or "none")
        parts = request.url.path.strip("/").split("/")[1:]
        if parts == ["watches"] and request.method == "DELETE":
            self.faults.cut_watches()
        elif parts[0] == "faults" and request.method == "POST":
            try:
                fault = self.faults.add_described(_object(await _body(request)))
            except (ValueError, TypeError) as error:
                raise errors.bad_request(str(error)) from error
            return _json(fault.describe(), 201)
        elif parts[0] == "faults" and request.method == "DELETE":
            _remove = self.faults.clear if len(parts) == 1 else lambda: self.faults.remove(parts[1])
            _remove()
        elif parts != ["faults"]:
            return Response("404 page not found\n", 404, media_type="text/plain")
        return _json({"faults": [fault.describe() for fault in self.faults.active()]}, 200)


# -- requests -------------------------------------------------------------------------------------------------------


async def _body(request: Request) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > LARGEST:
            raise errors.too_large(LARGEST)
        parts.append(part)
    return b"".join(parts)


def _parsed(body: bytes) -> Any:
    if body.startswith(b"k8s\x00"):
        return _from_protobuf(body)
    try:
        return json.loads(body)
    except ValueError:
        pass
    try:
        return yaml.load(body, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 safe # nosec
    except yaml.YAMLError as error:
        raise errors.bad_request(f"error decoding YAML: {error}") from error


def _from_protobuf(body: bytes) -> Object:
    try:
        return protobuf.decoded(body)
    except protobuf.Malformed as error:
        raise errors.bad_request(str(error)) from error


def _object(body: bytes, kind: str = "object") -> Object:
    found = _parsed(body)
    if not isinstance(found, dict):
        words = "json parse error: json: cannot unmarshal into Go value of type struct"
        raise errors.bad_request(
            f"the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; {words}"
        )
    return found


def _options(request: Request, address: Address, user: str) -> Options:
    query = request.query_params
    agent = request.headers.get("user-agent", "unknown").partition("/")[0]
    applies = request.headers.get("content-type", "").startswith(APPLY)
    return Options(
        manager=query.get("fieldManager", "" if applies else agent[:128] or "unknown"),
        subresource=address.subresource,
        dry_run=query.get("dryRun") == "All",
        force=query.get("force") in ("1", "true"),
        field_validation=query.get("fieldValidation") or "Warn",
        user=user,
    )


def _deletion(query: Mapping[str, str], body: Mapping[str, Any]) -> Deletion:
    conditions = body.get("preconditions") or {}
    grace = body.get("gracePeriodSeconds", query.get("gracePeriodSeconds"))
    policy = body.get("propagationPolicy") or query.get("propagationPolicy") or ""
    orphan = body.get("orphanDependents", {"true": True, "false": False}.get(query.get("orphanDependents", "")))
    if not policy and orphan is not None:
        policy = "Orphan" if orphan else "Background"
    if policy not in ("", "Foreground", "Background", "Orphan"):
        allowed = '"Foreground", "Background", "Orphan", "nil"'
        words = f'Unsupported value: "{policy}": supported values: {allowed}'
        cause = errors.StatusCause("FieldValueNotSupported", words, "propagationPolicy")
        raise errors.invalid("meta.k8s.io", "DeleteOptions", "", [cause])
    return Deletion(
        grace=None if grace is None else int(grace),
        propagation=policy,
        uid=conditions.get("uid") or "",
        resource_version=conditions.get("resourceVersion") or "",
    )


def _discovery_form(accept: str) -> str:
    """The version of aggregated discovery that a client asks for first, "" where it wants none."""
    for part in accept.split(","):
        if "as=APIGroupDiscoveryList" not in part:
            continue
        for version in ("v2", "v2beta1"):
            if f"v={version};" in part or part.endswith(f"v={version}"):
                return version
    return ""


def _anonymous(address: Address | None, verb: str, path: str) -> ApiError:
    if address is None:
        words = f'forbidden: User "system:anonymous" cannot {verb} path "{path}"'
        return ApiError(403, "Forbidden", words, details={})
    return errors.anonymous(address.kind.group, address.kind.plural, verb, address.namespace)


def _is_served(address: Address) -> bool:
    kind, subresource = address.kind, address.subresource
    served = {"": True, "status": kind.status, "scale": kind.scale is not None, "finalize": kind.kind == "Namespace"}
    return served[subresource]


def _within_version(kinds: Kinds, path: str) -> bool:
    parts = path.strip("/").split("/")
    group, version = ("", parts[1:2]) if parts[0] == "api" else (parts[1] if len(parts) > 1 else "", parts[2:3])
    return bool(version) and version[0] in discovery.group_versions(kinds).get(group, ())


# -- answers --------------------------------------------------------------------------------------------------------


def _raw(content: bytes, status: int = 200, warnings: Iterable[str] = ()) -> Response:
    response = Response(content, status, media_type="application/json")
    for warning in warnings:
        quoted = warning.replace("\\", "\\\\").replace('"', '\\"')
        response.headers.append("Warning", f'299 - "{quoted}"')
    return response


def _json(value: Any, status: int, headers: Mapping[str, str] | None = None) -> Response:
    return Response(encode(value), status, dict(headers or {}), media_type="application/json")


def _success(address: Address, entry: StoredVersion) -> Object:
    kind, metadata = address.kind, entry.object["metadata"]
    details = {"name": metadata["name"], "group": kind.group, "kind": kind.plural, "uid": metadata["uid"]}
    named = {name: value for name, value in details.items() if value}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": named}


def _replied(reply: Reply) -> Response:
    headers = dict(reply.headers)
    if isinstance(reply.body, bytes):
        return Response(reply.body, reply.status, headers)
    return StreamingResponse(iterate_in_threadpool(iter(reply.body)), reply.status, headers)


async def _watched(watch: WatchStream) -> AsyncIterator[bytes]:
    async with contextlib.aclosing(watch.lines()) as lines:
        async for line in lines:
            yield line


async def _slowed(response: Response, seconds: float) -> Response:
    """The same answer a byte at a time."""

    async def parts(content: bytes) -> AsyncIterator[bytes]:
        for place in range(len(content)):
            yield content[place : place + 1]
            await asyncio.sleep(seconds)

    if isinstance(response, StreamingResponse):
        return response
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    return StreamingResponse(parts(bytes(response.body)), response.status_code, headers)
