"""Reads what runs in a namespace, and decides what of it is an application's own."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain

from environments.importing.left_out import MADE_BY_CONTROLLERS, claim_prefixes, why_left_out
from environments.importing.written import as_written
from environments.kube.api.client import Gateway
from environments.kube.api.errors import Denied, KindMissing
from environments.kube.apply.diff import pod_template
from environments.kube.apply.ownership import autoscaled
from environments.kube.objects import Manifest, Ref, ref_of
from environments.manifests.configuration import references
from environments.manifests.kinds import kind_id
from environments.manifests.node import Origin, lift

SIDE_BY_SIDE = 4
HELM_RELEASE = "meta.helm.sh/release-name"
AUTOSCALERS = frozenset({"HorizontalPodAutoscaler", "ScaledObject"})
# Nothing makes a bare pod again, so a release cannot replace it either; it is told.
TOLD = frozenset({"Pod"})
BARE_POD = "nothing makes it again when it ends: a Deployment does"


@dataclass(frozen=True)
class Selection:
    """What of a namespace is meant: by a label selector, by Helm's release, by an owner ("Kind/name"); "" for all."""

    labels: str = ""
    helm_release: str = ""
    owner: str = ""

    @property
    def is_all(self) -> bool:
        return not (self.labels or self.helm_release or self.owner)

    def has(self, obj: Manifest) -> bool:
        """Whether it is meant, labels aside, which the cluster itself looks at."""
        metadata = obj["metadata"]
        if self.helm_release and (metadata.get("annotations") or {}).get(HELM_RELEASE) != self.helm_release:
            return False
        owners = [f"{each.get('kind')}/{each.get('name')}" for each in metadata.get("ownerReferences") or ()]
        return not self.owner or self.owner in owners


@dataclass(frozen=True)
class LeftOut:
    """An object that the bundle does not have, and why."""

    ref: Ref
    why: str

    @property
    def text(self) -> str:
        return f"{self.ref.kind} {self.ref.name}: {self.why}"


@dataclass(frozen=True)
class Imported:
    """What was read. `manifests` are as files have them; `secrets` stay in the cluster, as it has them.

    `missing` names ConfigMaps and Secrets that workloads read and that are neither; `unread` kinds that the credential
    may not list.
    """

    manifests: tuple[Manifest, ...]
    left_out: tuple[LeftOut, ...]
    secrets: tuple[Manifest, ...]
    missing: tuple[str, ...]
    unread: tuple[str, ...]


def read_namespace(gateway: Gateway, namespace: str, selection: Selection, allows: Callable[[str], bool]) -> Imported:
    """What is an application's own in the namespace; `allows` says which kinds a bundle may have there.

    Objects of the whole cluster are read only where something is selected. Raises KubeError.
    """
    kinds = [each for each in _kinds(gateway) if each.namespaced or (not selection.is_all and allows(each.id))]
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        listed = list(pool.map(lambda kind: _listed(gateway, kind, namespace, selection), kinds))
    unread = tuple(kind.id for kind, found in zip(kinds, listed, strict=True) if found is None and allows(kind.id))
    objects = [obj for obj in chain.from_iterable(filter(None, listed)) if selection.has(obj)]
    return _sorted_out(objects, selection, allows, unread)


@dataclass(frozen=True)
class _ListedKind:
    api_version: str
    kind: str
    namespaced: bool

    @property
    def id(self) -> str:
        return kind_id(self.api_version, self.kind)


def _kinds(gateway: Gateway) -> list[_ListedKind]:
    """Every kind that can be listed, in the version that the server prefers."""
    answer = gateway.raw("GET", "/apis")
    if error := answer.error():
        raise error
    versions = ["v1", *(group["preferredVersion"]["groupVersion"] for group in answer.json().get("groups", ()))]
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        found = pool.map(lambda version: list(_of_version(gateway, version)), versions)
    return [kind for kind in chain.from_iterable(found) if kind.kind in TOLD or kind.id not in MADE_BY_CONTROLLERS]


def _of_version(gateway: Gateway, api_version: str) -> Iterator[_ListedKind]:
    path = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
    answer = gateway.raw("GET", path)
    # A group whose own server is down answers with an error: nothing of it can be read now.
    for entry in () if answer.error() else answer.json().get("resources", ()):
        if "/" not in entry["name"] and {"list", "patch"} <= set(entry.get("verbs") or ()):
            yield _ListedKind(api_version, entry["kind"], entry["namespaced"])


def _listed(gateway: Gateway, kind: _ListedKind, namespace: str, selection: Selection) -> list[Manifest] | None:
    """None where the credential may not."""
    try:
        where = namespace if kind.namespaced else ""
        return gateway.list(kind.api_version, kind.kind, where, labels=selection.labels)
    except Denied:
        return None
    except KindMissing:
        return []


def _sorted_out(
    objects: Sequence[Manifest], selection: Selection, allows: Callable[[str], bool], unread: tuple[str, ...]
) -> Imported:
    claims = claim_prefixes(objects)
    reasons = [(obj, _why_not(obj, selection, claims, allows)) for obj in objects]
    own = sorted((obj for obj, why in reasons if not why), key=_order)
    secrets = tuple(obj for obj in own if obj["kind"] == "Secret")
    scalers = [obj for obj in objects if obj["kind"] in AUTOSCALERS]
    plain = [obj for obj in own if obj["kind"] != "Secret"]
    return Imported(
        manifests=tuple(as_written(obj, scaled=autoscaled(scalers, ref_of(obj))) for obj in plain),
        left_out=tuple(LeftOut(ref_of(obj), why) for obj, why in reasons if why and _is_worth_telling(obj, why)),
        secrets=secrets,
        missing=tuple(_missing(own)),
        unread=unread,
    )


def _why_not(obj: Manifest, selection: Selection, claims: tuple[str, ...], allows: Callable[[str], bool]) -> str:
    if obj["kind"] in TOLD:
        return "controllers make it" if obj["metadata"].get("ownerReferences") else BARE_POD
    kind = kind_id(obj["apiVersion"], obj["kind"])
    why = why_left_out(obj, owner=selection.owner, claims=claims)
    return why or ("" if allows(kind) else f'the environment does not allow {kind}; its "More kinds" may')


def _is_worth_telling(obj: Manifest, why: str) -> bool:
    """What every namespace has, and what its controllers make, is as people expect it."""
    return not (obj["kind"] in TOLD and why != BARE_POD)


def _order(obj: Manifest) -> tuple[str, str]:
    return obj["kind"], obj["metadata"]["name"]


def _missing(own: Iterable[Manifest]) -> Iterator[str]:
    """ConfigMaps and Secrets that pods read and that are not among the objects, each once."""
    objects = list(own)
    there = {f"{obj['kind']}/{obj['metadata']['name']}" for obj in objects}
    named = dict.fromkeys(name for obj in objects for name in _read_by(obj))
    yield from (name for name in named if name not in there)


def _read_by(obj: Manifest) -> Iterator[str]:
    spec = (pod_template(obj) or {}).get("spec")
    if spec:
        yield from references(lift(spec, Origin("")))
        yield from (f"Secret/{each['name']}" for each in spec.get("imagePullSecrets") or () if each.get("name"))
