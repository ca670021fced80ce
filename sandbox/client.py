"""The API for what runs inside the sandbox's own process: defaults, admission and managedFields without HTTP."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.api import Api, Deletion, Options
from sandbox.errors import ApiError
from sandbox.kinds import ApiResource
from sandbox.store import Object, StoreKey, key_of

_ATTEMPTS = 5


class Client:
    """Reads hand out the stored objects, which must not be changed. Every method may raise ApiError."""

    def __init__(self, api: Api, manager: str = "kube-controller-manager") -> None:
        self.api, self.manager = api, manager

    def get(self, group: str, kind: str, namespace: str, name: str) -> Object | None:
        """The stored object, or None."""
        return self.api.store.get(StoreKey(group, kind, namespace, name))

    def list(self, group: str, kind: str, namespace: str = "", labels: Mapping[str, str] | None = None) -> list[Object]:
        """Stored objects of a kind with all of these labels; `namespace` "" means all."""
        found = self.api.store.list(group, kind, namespace)
        return [each for each in found if _labels(each).items() >= labels.items()] if labels else found

    def create(self, manifest: Object) -> Object:
        """Creates from a manifest with apiVersion, kind, and metadata.name or generateName."""
        kind = self._kind(manifest)
        return self.api.create(kind, _namespace(manifest), manifest, self._options()).object

    def update(self, manifest: Object, subresource: str = "") -> Object:
        """Replaces; with metadata.resourceVersion in the manifest only if nobody has written since (409)."""
        kind = self._kind(manifest)
        name = manifest["metadata"]["name"]
        # A custom resource may have been written in another version than the one that is found by its kind.
        body = {**manifest, "apiVersion": kind.api_version}
        return self.api.update(kind, _namespace(manifest), name, body, self._options(subresource)).object

    def update_status(self, manifest: Object) -> Object:
        """Replaces the status alone."""
        return self.update(manifest, "status")

    def change(self, key: StoreKey, edit: Callable[[Object], None], subresource: str = "") -> Object | None:
        """Reads, lets `edit` change a copy, and writes it, again if somebody came between; None if it is gone."""
        for _ in range(_ATTEMPTS):
            found = self.api.store.get(key)
            if found is None:
                return None
            wanted = copy.deepcopy(found)
            edit(wanted)
            try:
                return found if wanted == found else self.update(wanted, subresource)
            except ApiError as error:
                if error.code == 404:
                    return None
                if error.code != 409:
                    raise
        raise ApiError(409, "Conflict", f"{key.kind} {key.namespace}/{key.name} kept changing")

    def delete(
        self, found: Object | StoreKey, *, grace: int | None = None, propagation: str = "Background", uid: str = ""
    ) -> None:
        """Deletes as a request would: finalizers and graceful deletion apply. `grace` 0 removes a pod at once."""
        key = found if isinstance(found, StoreKey) else key_of(found)
        kind = self.api.kinds.find(key.group, key.kind)
        if kind is not None:
            deletion = Deletion(grace=grace, propagation=propagation, uid=uid)
            self.api.delete(kind, key.namespace, key.name, deletion, self._options())

    def _options(self, subresource: str = "") -> Options:
        return Options(manager=self.manager, subresource=subresource)

    def _kind(self, manifest: Mapping[str, Any]) -> ApiResource:
        group = manifest["apiVersion"].rpartition("/")[0]
        found = self.api.kinds.find(group, manifest["kind"])
        if found is None:
            raise ApiError(404, "NotFound", f"no kind {manifest['kind']} in group {group or 'core'}")
        return found


def _labels(manifest: Mapping[str, Any]) -> dict[str, str]:
    return manifest["metadata"].get("labels") or {}


def _namespace(manifest: Mapping[str, Any]) -> str:
    return str(manifest["metadata"].get("namespace", ""))
