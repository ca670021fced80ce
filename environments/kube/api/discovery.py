"""Which kinds a cluster has and how they are addressed, asked once and kept in memory."""

import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from environments.kube.api import paths
from environments.kube.api.errors import KindMissing, NotFound
from environments.kube.api.paths import Path
from environments.kube.api.transport import ApiCall

FRESH_SECONDS = 600.0


class Resource(NamedTuple):
    """How a kind is addressed: `plural` is its name in paths."""

    plural: str
    namespaced: bool
    api_version: str = "v1"

    def path(self, namespace: str) -> Path:
        """The path of the collection: of a namespace, or ("") of the whole cluster. Raises Unaddressable."""
        if self.namespaced and namespace:
            return paths.within(namespace, self.api_version, self.plural)
        return paths.of_kind(self.api_version, self.plural)


class Discovery:
    """The kinds of a cluster. One that is missing is asked for again: definitions may come later."""

    def __init__(self, ask: Callable[[ApiCall], dict[str, Any]]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._listed: dict[str, tuple[float, dict[str, Resource]]] = {}

    def resource(self, api_version: str, kind: str) -> Resource:
        """How the kind is addressed. Raises KindMissing."""
        found = self._known(api_version).get(kind) or self._list(api_version).get(kind)
        if found is None:
            words = f"The cluster does not know the kind {kind} of {api_version}: install its definition."
            raise KindMissing(words, status=404)
        return found

    def versions_of(self, group: str, kind: str) -> tuple[str, ...]:
        """The versions of a group ("" is none) in which the cluster has the kind, as apiVersions; the newest first."""
        if not group:
            return ("v1",) if kind in self._list("v1") else ()
        try:
            answer = self._ask(ApiCall("GET", paths.of_group(group)))
        except NotFound:
            return ()
        named = [each["groupVersion"] for each in answer.get("versions", [])]
        return tuple(version for version in named if kind in (self._known(version) or self._list(version)))

    def forget(self, api_version: str) -> None:
        """Ask again for this version the next time."""
        with self._lock:
            self._listed.pop(api_version, None)

    def _known(self, api_version: str) -> dict[str, Resource]:
        with self._lock:
            at, kinds = self._listed.get(api_version, (0.0, {}))
        return kinds if time.monotonic() - at < FRESH_SECONDS else {}

    def _list(self, api_version: str) -> dict[str, Resource]:
        try:
            answer = self._ask(ApiCall("GET", paths.of_version(api_version)))
        except NotFound:
            return {}
        kinds = {
            entry["kind"]: Resource(entry["name"], entry["namespaced"], api_version)
            for entry in answer.get("resources", [])
            if "/" not in entry["name"]
        }
        with self._lock:
            self._listed[api_version] = (time.monotonic(), kinds)
        return kinds
