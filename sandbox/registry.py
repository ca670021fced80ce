"""A small OCI registry over HTTP for the sandbox's images."""

import base64
import json
import re
import secrets
import uuid
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.fault_injection import struck
from sandbox.faults import Faults
from sandbox.images import INDEX, MANIFEST, ImageBlob, Images, digest_of

LARGEST = 32 * 1024 * 1024
_NAME = re.compile(
    r"^(?P<name>[a-z0-9._/-]+?)/(?P<what>manifests|blobs/uploads|blobs|tags|referrers)(?:/(?P<reference>.*))?$"
)
_METHODS = ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"]
_WORDS = {
    "UNAUTHORIZED": "authentication required",
    "MANIFEST_UNKNOWN": "manifest unknown",
    "BLOB_UNKNOWN": "blob unknown to registry",
    "NAME_UNKNOWN": "repository name not known to registry",
    "DIGEST_INVALID": "provided digest did not match uploaded content",
    "MANIFEST_INVALID": "manifest invalid",
    "BLOB_UPLOAD_UNKNOWN": "blob upload unknown to registry",
    "UNSUPPORTED": "the operation is unsupported",
    "SIZE_INVALID": "provided content is too large",
}


def _error(status: int, code: str, detail: str = "") -> Response:
    entry = {"code": code, "message": _WORDS[code], "detail": detail}
    return JSONResponse({"errors": [entry]}, status, {"Docker-Distribution-Api-Version": "registry/2.0"})


class ImageRegistry:
    """An ASGI application in `app`. With `credentials` ("user:password") it asks for a bearer token from /token."""

    def __init__(self, images: Images, *, credentials: str = "", faults: Faults | None = None) -> None:
        self.images, self.credentials = images, credentials
        self.faults = faults or Faults()
        self._token = secrets.token_urlsafe(24)
        self._uploads: dict[str, bytes] = {}
        self.app = Starlette(
            routes=[
                Route("/token", self._give_token, methods=["GET"]),
                Route("/v2/", self._guarded(self._root), methods=["GET", "HEAD"]),
                Route("/v2/{path:path}", self._guarded(self._answer), methods=_METHODS),
            ]
        )

    def _guarded(self, handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            fault = self.faults.strike(request.method.lower(), request.url.path)
            if fault is not None:
                broken = await struck(fault, request, request.method.lower())
                if broken is not None:
                    return broken
            if not self._allowed(request):
                return self._challenge(request)
            return await handler(request)

        return guarded

    def _allowed(self, request: Request) -> bool:
        if not self.credentials:
            return True
        given = request.headers.get("authorization", "")
        return secrets.compare_digest(given.encode(), f"Bearer {self._token}".encode())

    def _challenge(self, request: Request) -> Response:
        refusal = _error(401, "UNAUTHORIZED")
        realm = f"http://{request.url.netloc}/token"
        found = _NAME.match(request.path_params.get("path", ""))
        scope = f',scope="repository:{found["name"]}:pull,push"' if found else ""
        refusal.headers["WWW-Authenticate"] = f'Bearer realm="{realm}",service="sandbox"{scope}'
        return refusal

    async def _give_token(self, request: Request) -> Response:
        expected = "Basic " + base64.b64encode(self.credentials.encode()).decode()
        given = request.headers.get("authorization", "")
        if self.credentials and not secrets.compare_digest(given.encode(), expected.encode()):
            return _error(401, "UNAUTHORIZED")
        return JSONResponse({"token": self._token, "access_token": self._token, "expires_in": 300})

    async def _root(self, request: Request) -> Response:
        del request
        return JSONResponse({}, headers={"Docker-Distribution-Api-Version": "registry/2.0"})

    async def _answer(self, request: Request) -> Response:
        path = request.path_params["path"]
        if path == "_catalog":
            return JSONResponse({"repositories": self.images.repositories()})
        found = _NAME.match(path)
        if found is None:
            return _error(404, "NAME_UNKNOWN", path)
        handlers = {
            "manifests": self._manifest,
            "blobs": self._blob,
            "blobs/uploads": self._upload,
            "tags": self._tags,
            "referrers": self._referrers,
        }
        return await handlers[found["what"]](request, found["name"], found["reference"] or "")

    async def _manifest(self, request: Request, name: str, reference: str) -> Response:
        if request.method == "PUT":
            return await self._put_manifest(request, name, reference)
        if request.method == "DELETE":
            gone = self.images.remove(name, reference)
            return Response(status_code=202) if gone else _error(404, "MANIFEST_UNKNOWN", reference)
        found = self.images.manifest(name, reference)
        if found is None:
            return _error(404, "MANIFEST_UNKNOWN", f"{name}:{reference}")
        digest, manifest = found
        headers = {"Docker-Content-Digest": digest, "ETag": f'"{digest}"', "Content-Length": str(len(manifest.content))}
        body = b"" if request.method == "HEAD" else manifest.content
        return Response(body, 200, headers, manifest.media_type)

    async def _put_manifest(self, request: Request, name: str, reference: str) -> Response:
        content = await request.body()
        if len(content) > LARGEST:
            return _error(413, "SIZE_INVALID")
        if reference.startswith("sha256:") and digest_of(content) != reference:
            return _error(400, "DIGEST_INVALID", reference)
        missing = self._missing(content)
        if missing is not None:
            return _error(400, "MANIFEST_INVALID", missing)
        media_type = request.headers.get("content-type") or MANIFEST
        digest = self.images.put_manifest(name, reference, ImageBlob(content, media_type))
        headers = {"Location": f"/v2/{name}/manifests/{digest}", "Docker-Content-Digest": digest}
        return Response(status_code=201, headers=headers)

    def _missing(self, content: bytes) -> str | None:
        """What is wrong with a manifest: no JSON, or a blob that was never uploaded."""
        try:
            manifest = json.loads(content)
        except ValueError as error:
            return str(error)
        if not isinstance(manifest, dict):
            return "a manifest is a JSON object"
        parts = [manifest.get("config") or {}, *(manifest.get("layers") or ())]
        digests = [part["digest"] for part in parts if part.get("digest")]
        return next((digest for digest in digests if self.images.blob(digest) is None), None)

    async def _blob(self, request: Request, name: str, reference: str) -> Response:
        del name
        content = self.images.blob(reference)
        if content is None:
            return _error(404, "BLOB_UNKNOWN", reference)
        headers = {"Docker-Content-Digest": reference, "Content-Length": str(len(content))}
        return Response(b"" if request.method == "HEAD" else content, 200, headers, "application/octet-stream")

    async def _upload(self, request: Request, name: str, reference: str) -> Response:
        """POST begins (or brings all at once), PATCH adds, PUT ends."""
        if request.method == "POST":
            reference = str(uuid.uuid4())
            self._uploads[reference] = b""
        if reference not in self._uploads:
            return _error(404, "BLOB_UPLOAD_UNKNOWN", reference)
        content = self._uploads[reference] + await request.body()
        if len(content) > LARGEST:
            return _error(413, "SIZE_INVALID")
        self._uploads[reference] = content
        if "digest" in request.query_params and request.method in ("POST", "PUT"):
            return self._finish(name, reference, request.query_params["digest"])
        headers = {"Location": f"/v2/{name}/blobs/uploads/{reference}", "Range": f"0-{max(0, len(content) - 1)}"}
        return Response(status_code=202, headers={**headers, "Docker-Upload-UUID": reference})

    def _finish(self, name: str, reference: str, digest: str) -> Response:
        content = self._uploads.pop(reference)
        if digest_of(content) != digest:
            return _error(400, "DIGEST_INVALID", digest)
        self.images.put_blob(content)
        headers = {"Location": f"/v2/{name}/blobs/{digest}", "Docker-Content-Digest": digest}
        return Response(status_code=201, headers=headers)

    async def _tags(self, request: Request, name: str, reference: str) -> Response:
        del request
        tags = self.images.tags(name) if reference == "list" else None
        return JSONResponse({"name": name, "tags": tags}) if tags is not None else _error(404, "NAME_UNKNOWN", name)

    async def _referrers(self, request: Request, name: str, reference: str) -> Response:
        del request
        found = self.images.referrers(name, reference)
        content = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": found})
        return Response(content, 200, media_type=INDEX)
