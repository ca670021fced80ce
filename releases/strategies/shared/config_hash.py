"""ConfigMaps and Secrets named by their content, so that two versions of a workload each read their own. Pure.

What only moved workloads read is named anew. What other pods read as well stays, and a copy is made beside it: none
of them is restarted for a name, and a Job's template could not follow one. What anything but a pod refers to by its
name (an Ingress' certificate, a ServiceAccount, a custom resource) is left as it is.
"""

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any, NamedTuple

from environments.kube.apply.diff import pod_template
from environments.kube.apply.prune import of_a_copy
from environments.kube.objects import Manifest, Ref
from portal.blobs import canonical
from portal.encryption import keyed_hash
from releases.plan.objects import Wanted

KINDS = frozenset({"ConfigMap", "Secret"})
CONTENT = ("type", "data", "binaryData", "stringData")
LENGTH = 8
LONGEST_NAME = 253
# Below such a key, and beside a `key`, a text may be the name of a Secret or ConfigMap.
TELLING = re.compile(
    r"secret|config-?map|certificate|credential|resourceNames|basicAuth|bearer|authorization", re.IGNORECASE
)


class Use(NamedTuple):
    """Where a pod names what it reads: holder[field] is the name of an object of that kind."""

    holder: dict[str, Any]
    field: str
    kind: str


def hash_names(objects: tuple[Wanted, ...], workloads: Collection[Ref], environment: int) -> tuple[Wanted, ...]:
    """The objects with what the pods of `workloads` read named NAME-HASH8, of its content, and read by that name.

    Names that are so already stay. The hash of a Secret is a keyed one, of the
    environment with that primary key. The order of the objects is kept.
    """
    moved = {ref.key for ref in workloads}
    read = _read_by(each for each in objects if each.ref.key in moved)
    read_by_others = _read_by(each for each in objects if each.ref.key not in moved)
    named = _named_by_others(objects)
    names = {
        each.ref.key: name
        for each in objects
        if _is_configuration(each) and each.ref.key in read and each.ref.name not in named
        if (name := hashed_name(each.manifest, environment)) != each.ref.name
    }
    return tuple(_with_names(objects, names, moved, read_by_others))


def shared(objects: Iterable[Wanted], workloads: Collection[Ref], environment: int) -> tuple[str, ...]:
    """What pods of the workloads read under a name that both versions have, as a person reads it."""
    found = tuple(objects)
    moved = {ref.key for ref in workloads}
    read = _read_by(each for each in found if each.ref.key in moved)
    ours = [each for each in found if _is_configuration(each) and each.ref.key in read]
    return tuple(each.ref.text for each in ours if hashed_name(each.manifest, environment) != each.ref.name)


def hashed_name(manifest: Manifest, environment: int) -> str:
    """The name of a ConfigMap or Secret by its content; its own where that ends with the hash already."""
    name, content = manifest["metadata"]["name"], canonical({key: manifest.get(key) for key in CONTENT})
    base, _, ending = name.rpartition("-")
    if ending in _endings(manifest, content, base, environment):
        return str(name)
    plain = name[: LONGEST_NAME - LENGTH - 1]
    return f"{plain}-{_endings(manifest, content, plain, environment)[0]}"


def _endings(manifest: Manifest, content: bytes, name: str, environment: int) -> tuple[str, ...]:
    """How a name by content ends now and, in stored plans that come back, ended before."""
    if manifest["kind"] != "Secret":
        return (hashlib.sha256(content).hexdigest()[:LENGTH],)
    namespace = manifest["metadata"].get("namespace", "")
    now = keyed_hash(content, "name of a secret", environment, namespace, name)
    before = keyed_hash(content, "name of a secret")
    return tuple(each.rpartition(":")[2][:LENGTH] for each in (now, before))


def uses(spec: Mapping[str, Any]) -> Iterator[Use]:
    """Every place where a pod's spec names a ConfigMap or Secret that its containers read."""
    for containers in ("initContainers", "containers"):
        for container in spec.get(containers) or ():
            for variable in container.get("env") or ():
                yield from _uses(variable.get("valueFrom") or {}, "configMapKeyRef", "secretKeyRef")
            for source in container.get("envFrom") or ():
                yield from _uses(source, "configMapRef", "secretRef")
    for volume in spec.get("volumes") or ():
        yield from _uses(volume, "configMap", "secret", "secretName")
        for source in (volume.get("projected") or {}).get("sources") or ():
            yield from _uses(source, "configMap", "secret")


def _uses(source: Mapping[str, Any], config_map: str, secret: str, field: str = "name") -> Iterator[Use]:
    found = (Use(source.get(config_map) or {}, "name", "ConfigMap"), Use(source.get(secret) or {}, field, "Secret"))
    yield from (use for use in found if use.holder.get(use.field))


def _with_names(
    objects: Iterable[Wanted], names: Mapping[str, str], moved: Collection[str], kept: Collection[str]
) -> Iterator[Wanted]:
    there = {each.ref.key for each in objects}
    for each in objects:
        if each.ref.key in moved:
            yield _reading(each, names)
            continue
        if each.ref.key not in names or each.ref.key in kept:
            yield each
        named = _renamed(each, names[each.ref.key]) if each.ref.key in names else each
        if named.ref.key not in there:
            yield named


def _reading(wanted: Wanted, names: Mapping[str, str]) -> Wanted:
    manifest = deepcopy(wanted.manifest)
    for use in uses(_pod_spec(manifest)):
        use.holder[use.field] = names.get(_key(use, wanted.ref), use.holder[use.field])
    return replace(wanted, manifest=manifest)


def _renamed(wanted: Wanted, name: str) -> Wanted:
    ref, metadata = wanted.ref._replace(name=name), {**wanted.manifest["metadata"], "name": name}
    if annotations := metadata.get("annotations"):
        metadata["annotations"] = of_a_copy(annotations, ref)
    return replace(wanted, manifest={**wanted.manifest, "metadata": metadata}, ref=ref)


def _is_configuration(wanted: Wanted) -> bool:
    return wanted.ref.kind in KINDS and not wanted.ref.group


def _read_by(workloads: Iterable[Wanted]) -> set[str]:
    return {_key(use, each.ref) for each in workloads for use in uses(_pod_spec(each.manifest))}


def _key(use: Use, reader: Ref) -> str:
    return Ref("v1", use.kind, reader.namespace, use.holder[use.field]).key


def _pod_spec(manifest: Manifest) -> dict[str, Any]:
    spec: dict[str, Any] = (pod_template(manifest) or {}).get("spec") or {}
    return spec


def _named_by_others(objects: Iterable[Wanted]) -> set[str]:
    """Names of Secrets and ConfigMaps that something has otherwise than as what a pod's containers read."""
    return {name for each in objects for name in _names_in(_without_uses(each))}


def _without_uses(wanted: Wanted) -> dict[str, Any]:
    manifest = deepcopy(wanted.manifest)
    spec = _pod_spec(manifest)
    for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
        container.pop("env", None)
        container.pop("envFrom", None)
    for volume in spec.get("volumes") or ():
        for kind in ("configMap", "secret", "projected"):
            volume.pop(kind, None)
    unread = {"apiVersion", "kind", "metadata", *(CONTENT if _is_configuration(wanted) else ())}
    told = {name: value for name, value in manifest.items() if name not in unread}
    return {**told, "annotations": manifest["metadata"].get("annotations") or {}}


def _names_in(value: Any, *, telling: bool = False) -> Iterator[str]:
    if isinstance(value, str):
        if telling:
            yield value.rpartition("/")[2]
    elif isinstance(value, Mapping):
        telling = telling or value.get("kind") in KINDS or {"name", "key"} <= value.keys()
        for key, below in value.items():
            yield from _names_in(below, telling=telling or bool(TELLING.search(key)))
    elif isinstance(value, list):
        for below in value:
            yield from _names_in(below, telling=telling)
