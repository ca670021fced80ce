"""The gateway: every call that Slipway makes to a cluster's API goes through here."""

import json
import os
import re
import threading
import time
from typing import Any, NamedTuple

from environments.kube.api import paths
from environments.kube.api.access import Access
from environments.kube.api.breaker import Breaker
from environments.kube.api.discovery import Discovery, Resource
from environments.kube.api.errors import Expired, KindMissing, NotFound, Unaddressable
from environments.kube.api.naming import label_fault, ref_fault
from environments.kube.api.paths import Path
from environments.kube.api.transport import ApiAnswer, ApiCall, CallLimits, Query, Transport, WatchLines
from environments.kube.names import MANAGER
from environments.kube.objects import Manifest, Ref, ref_of

APPLY = "application/apply-patch+yaml"
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRICT = ("fieldValidation", "Strict")
DRY = ("dryRun", "All")
Objects = list[Manifest]
Operations = list[dict[str, Any]]
LOG_BYTES = 64 * 1024
PROXY_BYTES = 1024 * 1024
NEW_KIND_PAUSES = (0.05, 0.1, 0.2, 0.4)
WARNING = re.compile(r"\d{3} \S+ \"((?:[^\"\\]|\\.)*)\"")

__all__ = ["ApiAnswer", "Applied", "Gateway", "Guard", "Resource", "WatchLines", "connect_to"]


class Applied(NamedTuple):
    """What a write led to: the object as the server has it now (or would have it, in a dry run)."""

    object: Manifest
    created: bool
    warnings: tuple[str, ...]


class Guard(NamedTuple):
    """The version of an object that a decision was made on: any other is left alone (Stale). "" is any uid."""

    uid: str
    resource_version: str


class Gateway:
    """One cluster. Thread safe. Every method raises KubeError; `connect` and `read` are seconds."""

    def __init__(
        self,
        access: Access,
        *,
        breaker: Breaker | None = None,
        connect: float = 1.0,
        read: float = 3.0,
        attempts: int = 3,
    ) -> None:
        self.access = access
        self.breaker = breaker or Breaker()
        self._transport = Transport(
            access, self.breaker, CallLimits(connect, read, attempts * (connect + read)), attempts
        )
        self._discovery = Discovery(self._json)

    def get(self, ref: Ref) -> Manifest | None:
        """The object, None where it, its namespace or its kind is absent."""
        try:
            return self._json(ApiCall("GET", self.path(ref)))
        except NotFound:
            return None

    def list(
        self,
        api_version: str,
        kind: str,
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
        limit: int = 500,
    ) -> Objects:
        """All objects of a kind, in one namespace or ("") in all, by pages of `limit`."""
        path = self.resource(api_version, kind).path(namespace)
        query = [("labelSelector", labels), ("fieldSelector", fields), ("limit", str(limit))]
        given = [(name, value) for name, value in query if value]
        try:
            items = self._pages(path, given)
        except Expired:
            items = self._pages(path, given)
        return [{"apiVersion": api_version, "kind": kind, **item} for item in items]

    def apply(
        self,
        manifest: Manifest,
        *,
        manager: str,
        force: bool = False,
        dry_run: bool = False,
        guard: Guard | None = None,
    ) -> Applied:
        """Server-side apply. A kind that was defined a moment ago is waited for, up to a second."""
        query = [("fieldManager", manager), ("force", "true" if force else "false"), STRICT]
        body = _guarded(manifest, guard) if guard else manifest
        for pause in () if dry_run else NEW_KIND_PAUSES:
            try:
                return self._apply(body, query)
            except KindMissing:
                time.sleep(pause)
        return self._apply(body, [*query, DRY] if dry_run else query)

    def create(self, manifest: Manifest, *, dry_run: bool = False) -> Applied:
        """A plain create: AlreadyExists where it is there. Not tried again where it may have been done."""
        path = self._collection(ref_of(manifest))
        query = [("fieldManager", MANAGER), STRICT, *([DRY] if dry_run else [])]
        answer = self._transport.checked(ApiCall("POST", path, query, manifest, repeat=dry_run))
        return Applied(answer.json(), created=True, warnings=warnings_of(answer))

    def json_patch(self, ref: Ref, operations: Operations, *, dry_run: bool = False) -> Manifest:
        """The object after a JSON Patch. Not tried again where it may have been done."""
        query = [("fieldManager", MANAGER), *([DRY] if dry_run else [])]
        return self._json(ApiCall("PATCH", self.path(ref), query, operations, JSON_PATCH, repeat=dry_run))

    def merge_patch(self, ref: Ref, patch: dict[str, Any], *, subresource: str = "") -> Manifest:
        """The object (or its subresource) after a merge patch, which may be repeated."""
        path = self.path(ref) / subresource if subresource else self.path(ref)
        return self._json(ApiCall("PATCH", path, [("fieldManager", MANAGER)], patch, MERGE_PATCH, repeat=True))

    def delete(self, ref: Ref, *, uid: str = "", resource_version: str = "", propagation: str = "Background") -> bool:
        """Deletes the object; False where it has gone already. Stale where uid or version is another."""
        given = {"uid": uid, "resourceVersion": resource_version}
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": propagation,
            "preconditions": {name: value for name, value in given.items() if value},
        }
        try:
            self._transport.checked(ApiCall("DELETE", self.path(ref), (), body, repeat=bool(uid)))
        except NotFound:
            return False
        return True

    def logs(self, namespace: str, pod: str, container: str = "", *, lines: int = 50, previous: bool = False) -> str:
        """The last lines of a container's log; of its run before the last restart with `previous`."""
        if container and (fault := label_fault(container)):
            raise Unaddressable(f"The container {fault}.")
        query = [("tailLines", str(lines)), ("limitBytes", str(LOG_BYTES))]
        query += [("container", container)] if container else []
        query += [("previous", "true")] if previous else []
        call = ApiCall("GET", paths.of_log(namespace, pod), query, at_most=LOG_BYTES)
        return self._transport.checked(call).body.decode("utf-8", "replace")

    def proxy(
        self, namespace: str, service: str, port: int | str, path: str, *, timeout: float = 3.0
    ) -> tuple[int, bytes]:
        """GET of a service's path through the API server: the status and at most 1 MiB of the body.

        Raises Unaddressable for a path that could lead past the service.
        """
        at, pairs = paths.of_service(namespace, service, port, path)
        limits = CallLimits(self._transport.limits.connect, timeout, timeout)
        call = ApiCall("GET", at, pairs, own=False, at_most=PROXY_BYTES, limits=limits)
        answer = self._transport.call(call)
        return answer.status, answer.body

    def raw(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        body: Any = None,
        content_type: str = "application/json",
        timeout: float | None = None,
        accept: str = "application/json",
    ) -> ApiAnswer:
        """Any call, its answer whatever the status. Writes are tried again only where nothing was done.

        `path` is quoted already. Raises Unaddressable.
        """
        standard = self._transport.limits
        limits = CallLimits(standard.connect, timeout, timeout + standard.connect) if timeout else None
        repeat = method in ("GET", "HEAD")
        call = ApiCall(method, Path(path), query, body, content_type, repeat, limits=limits, accept=accept)
        return self._transport.call(call)

    def stream(self, path: str, *, query: Query = (), read_timeout: float = 75.0) -> WatchLines:
        """The raw lines of a watch; its close() may be called from any thread."""
        return self._transport.lines(Path(path), query, read_timeout)

    def resource(self, api_version: str, kind: str) -> Resource:
        """How the kind is addressed. Raises KindMissing."""
        return self._discovery.resource(api_version, kind)

    def versions_of(self, group: str, kind: str) -> tuple[str, ...]:
        """The apiVersions of a group in which the cluster has the kind, the newest first."""
        return self._discovery.versions_of(group, kind)

    def version(self) -> dict[str, Any]:
        """The server's version as it tells it: major, minor, gitVersion, platform."""
        return self._json(ApiCall("GET", Path("/version")))

    def close(self) -> None:
        """Closes the connections that nobody uses at the moment; the next call opens a new one."""
        self._transport.close()

    def path(self, ref: Ref) -> Path:
        """The path of an object, for raw(). Raises KindMissing, and Unaddressable for a name that is none."""
        return self._collection(ref) / ref.name

    def _collection(self, ref: Ref) -> Path:
        if fault := ref_fault(ref):
            raise Unaddressable(f"{ascii(ref.text)[:200]} cannot be asked for: {fault}.")
        resource = self.resource(ref.api_version, ref.kind)
        if resource.namespaced and not ref.namespace:
            raise Unaddressable(f"{ref.text} cannot be asked for: it names no namespace.")
        return resource.path(ref.namespace)

    def _apply(self, manifest: Manifest, query: Query) -> Applied:
        path = self.path(ref_of(manifest))
        try:
            call = ApiCall("PATCH", path, query, json.dumps(manifest), APPLY, repeat=True)
            answer = self._transport.checked(call)
        except KindMissing:
            self._discovery.forget(manifest["apiVersion"])
            raise
        return Applied(answer.json(), answer.status == 201, warnings_of(answer))

    def _pages(self, path: Path, query: Query) -> Objects:
        items: Objects = []
        after = ""
        while True:
            page = self._json(ApiCall("GET", path, [*query, *([("continue", after)] if after else [])]))
            items += page.get("items") or []
            after = page.get("metadata", {}).get("continue", "")
            if not after:
                return items

    def _json(self, call: ApiCall) -> dict[str, Any]:
        return self._transport.checked(call).json()


def _guarded(manifest: Manifest, guard: Guard) -> Manifest:
    version = {"uid": guard.uid, "resourceVersion": guard.resource_version}
    given = {name: value for name, value in version.items() if value}
    return {**manifest, "metadata": {**manifest["metadata"], **given}}


def warnings_of(answer: ApiAnswer) -> tuple[str, ...]:
    """The server's warnings, which come in the headers only."""
    found = WARNING.findall(answer.headers.get("Warning", ""))
    return tuple(text.replace('\\"', '"').replace("\\\\", "\\") for text in found)


_gateways: dict[tuple[int, Access], Gateway] = {}
_lock = threading.Lock()


def connect_to(access: Access) -> Gateway:
    """The process's gateway for an access: connections, discovery and breaker are shared by its threads.

    A forked process makes its own, since connections cannot be shared.
    """
    key = (os.getpid(), access)
    with _lock:
        if key not in _gateways:
            _gateways[key] = Gateway(access)
        return _gateways[key]
