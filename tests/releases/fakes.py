"""A cluster and a registry in memory, as far as planning asks them."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

from environments.kube.api.client import ApiAnswer, Applied, Resource
from environments.kube.api.errors import Cause, FieldConflict, KubeError, NamespaceMissing
from environments.kube.names import MANAGER
from environments.kube.objects import Manifest, Ref, ref_of
from environments.registry import ImageAbsent, RegistryUnreachable, Resolved


def merged(base: Any, over: Any) -> Any:
    """`over` on top of `base`, maps merged."""
    if not isinstance(base, dict) or not isinstance(over, dict):
        return deepcopy(over)
    return {
        name: merged(base.get(name), over[name]) if name in over else deepcopy(base[name]) for name in {**base, **over}
    }


class FakeCluster:
    """Objects by Ref.key. What people add survives our applies; what they change of ours is a conflict."""

    def __init__(self, namespaces: Iterable[str] = ("default",)) -> None:
        self.ours: dict[str, Manifest] = {}
        self.theirs: dict[str, Manifest] = {}
        self.uids: dict[str, str] = {}
        self.refusals: dict[str, KubeError] = {}
        self.pod_refusal: KubeError | None = None
        for name in namespaces:
            self.settle({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    def settle(self, manifest: Manifest) -> None:
        """As if a rollout had applied it."""
        key = ref_of(manifest).key
        self.ours[key] = deepcopy(manifest)
        self.uids.setdefault(key, f"uid-{len(self.uids)}")

    def edit(self, ref: Ref, fields: Mapping[str, Any]) -> None:
        """As a person with kubectl."""
        self.theirs[ref.key] = merged(self.theirs.get(ref.key, {}), dict(fields))
        self.ours.setdefault(
            ref.key,
            {
                "apiVersion": ref.api_version,
                "kind": ref.kind,
                "metadata": {"name": ref.name, **({"namespace": ref.namespace} if ref.namespace else {})},
            },
        )
        self.uids.setdefault(ref.key, f"uid-{len(self.uids)}")

    def remove(self, ref: Ref) -> None:
        for held in (self.ours, self.theirs, self.uids):
            held.pop(ref.key, None)

    def get(self, ref: Ref) -> Manifest | None:
        return self._live(ref.key, self.ours[ref.key], force=False) if ref.key in self.ours else None

    def list(self, api_version: str, kind: str, namespace: str = "", **_: Any) -> list[Manifest]:
        live = [self._live(key, manifest, force=False) for key, manifest in self.ours.items()]
        return [each for each in live if each["kind"] == kind and each["metadata"].get("namespace", "") == namespace]

    def apply(
        self, manifest: Manifest, *, manager: str, force: bool = False, dry_run: bool = False, **_: Any
    ) -> Applied:
        ref = ref_of(manifest)
        assert (manager, dry_run) == (MANAGER, True), "planning only tries"
        if ref.key in self.refusals:
            raise self.refusals[ref.key]
        if ref.namespace and f"/Namespace//{ref.namespace}" not in self.ours:
            raise NamespaceMissing(f"The namespace {ref.namespace} is not there.", status=404)
        causes = tuple(_conflicts(manifest, self.theirs.get(ref.key, {})))
        if causes and not force:
            raise FieldConflict("Others have set fields to other values.", status=409, causes=causes)
        return Applied(self._live(ref.key, manifest, force=force), ref.key not in self.ours, ())

    def resource(self, api_version: str, kind: str) -> Resource:
        return Resource(f"{kind.lower()}s", namespaced=True, api_version=api_version)

    def raw(self, _method: str, _path: str, **_: Any) -> ApiAnswer:
        """It knows no reviews of rights: what is not said counts as allowed."""
        return ApiAnswer(404, {}, b"")

    def create(self, manifest: Manifest, *, dry_run: bool = False) -> Applied:
        assert dry_run
        if self.pod_refusal:
            raise self.pod_refusal
        return Applied(manifest, created=True, warnings=())

    def _live(self, key: str, manifest: Manifest, *, force: bool) -> Manifest:
        theirs = self.theirs.get(key, {})
        live = merged(theirs, manifest) if force else merged(manifest, theirs)
        live["metadata"] |= {"uid": self.uids.get(key, "uid-of-a-dry-run"), "resourceVersion": "1"}
        version = {"apiVersion": manifest["apiVersion"]}
        live["metadata"]["managedFields"] = [
            {"manager": MANAGER, "operation": "Apply", **version, "fieldsV1": _fields(_wishes(manifest))},
            *[{"manager": "kubectl-edit", "operation": "Update", **version, "fieldsV1": _fields(theirs)}]
            * bool(theirs),
        ]
        return live

    def json_patch(self, ref: Ref, operations: Iterable[Mapping[str, Any]], *, dry_run: bool = False) -> Manifest:
        assert dry_run, "planning only tries"
        live = self.get(ref)
        assert live is not None
        for each in operations:
            *above, name = each["path"].strip("/").split("/")
            at = live[above[0]] if above else live
            at.pop(name, None)
            at.update({name: each["value"]} if each["op"] == "add" else {})
        return live


def _wishes(manifest: Manifest) -> Manifest:
    metadata = {name: manifest["metadata"][name] for name in ("labels", "annotations") if name in manifest["metadata"]}
    return {
        **{name: value for name, value in manifest.items() if name not in ("apiVersion", "kind")},
        "metadata": metadata,
    }


def _fields(value: Any) -> dict[str, Any]:
    return {f"f:{name}": _fields(child) for name, child in value.items()} if isinstance(value, dict) else {}


def _conflicts(ours: Any, theirs: Any, at: str = "") -> Iterable[Cause]:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name in ours.keys() & theirs.keys():
            yield from _conflicts(ours[name], theirs[name], f"{at}.{name}".lstrip("."))
    elif ours != theirs and theirs != {}:
        yield Cause(at, 'conflict with "kubectl-edit"', "kubectl-edit")


class FakeRegistry:
    """Has every image but those named absent; answers nobody while it is down."""

    def __init__(self) -> None:
        self.absent: set[str] = set()
        self.digests: dict[str, str] = {}
        self.down = False

    def resolve_all(self, references: Iterable[str], **_: Any) -> dict[str, Any]:
        return {reference: self._answer(reference) for reference in references}

    def _answer(self, reference: str) -> Any:
        if self.down:
            return RegistryUnreachable("registry.example does not answer.")
        if reference in self.absent:
            return ImageAbsent(f"{reference} is not in the registry.")
        if "@sha256:" in reference:
            return Resolved(reference, reference.partition("@")[2], reference)
        digest = self.digests.get(reference) or "sha256:" + reference.encode().hex()[-64:].rjust(64, "0")
        return Resolved(reference, digest, f"{reference.rpartition(':')[0]}@{digest}")
