"""The environment's own layer, and the digest of configuration by which a change of it restarts what reads it."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from environments.kube.names import CONFIG_DIGEST

from .kinds import RESTARTED
from .node import CONFIGURATION, PORTAL, Origin, Unresolved, YamlNode, find, put, text_at

ORIGIN = Origin(CONFIGURATION)


@dataclass(frozen=True)
class ConfiguredValue:
    """One value of an environment's configuration.

    `config_map` is the name of a ConfigMap or Secret of the bundle (or NAMESPACE/NAME), and `key` one of its keys; with
    `config_map` "" it is what the placeholder ${key} stands for. Sensitive values go into Secrets only.
    """

    config_map: str
    key: str
    value: str = field(repr=False)
    sensitive: bool = False


def encode_string_data(secret: YamlNode) -> YamlNode:
    """A Secret with its stringData as base64 data: keys dropped from stringData would stay in the cluster for ever."""
    texts = find(secret, "stringData")
    if texts is None or not texts.is_map:
        return secret
    children = {key: child for key, child in secret.value.items() if key != "stringData"}
    data = dict(children["data"].value) if "data" in children and children["data"].is_map else {}
    for key, text in texts.value.items():
        data[key] = YamlNode(_encoded(text.value), text.origin) if _settled(text) else text
    children["data"] = YamlNode(data, texts.origin)
    return YamlNode(children, secret.origin)


def _settled(text: YamlNode) -> bool:
    return isinstance(text.value, str) and not isinstance(text.value, Unresolved)


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def takes(kind: str, namespace: str, name: str, entry: ConfiguredValue) -> bool:
    """Whether an entry is meant for this object."""
    fits = kind == "Secret" or (kind == "ConfigMap" and not entry.sensitive)
    return fits and entry.config_map in {name, f"{namespace}/{name}"}


def set_entry(obj: YamlNode, kind: str, entry: ConfiguredValue) -> YamlNode:
    """A ConfigMap or Secret with the entry's value under its key."""
    value = _encoded(entry.value) if kind == "Secret" else entry.value
    return put(obj, ("data", entry.key), YamlNode(value, ORIGIN))


def digest_of(contents: Mapping[str, Any], key: bytes) -> str:
    """A keyed digest of ConfigMaps and Secrets, so that it tells nobody what a weak password may be."""
    canonical = json.dumps(contents, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hmac.new(key or b"slipway", canonical.encode(), hashlib.sha256).hexdigest()[:32]


def stamp(obj: YamlNode, kind: str, reader: str, known: Mapping[str, Any], key: bytes) -> YamlNode:
    """A workload with the digest of what it reads in its pod template; unchanged where it reads nothing known.

    `reader` names the workload: its digest tells nothing of what another one reads. `known` has the contents of the
    namespace's ConfigMaps and Secrets by "KIND/NAME".
    """
    if kind not in RESTARTED:
        return obj
    template = find(obj, "spec", "template", "spec")
    read = sorted(set(references(template)) & set(known)) if template is not None else []
    if not read:
        return obj
    digest = digest_of({reader: {name: known[name] for name in read}}, key)
    place = ("spec", "template", "metadata", "annotations", CONFIG_DIGEST)
    return put(obj, place, YamlNode(digest, Origin(PORTAL)))


def references(spec: YamlNode) -> Iterator[str]:
    """The ConfigMaps and Secrets that a pod reads, as "KIND/NAME"."""
    for containers in ("initContainers", "containers"):
        for container in _items(find(spec, containers)):
            for variable in _items(find(container, "env")):
                yield from _named(variable, ("valueFrom", "configMapKeyRef"), ("valueFrom", "secretKeyRef"), "name")
            for source in _items(find(container, "envFrom")):
                yield from _named(source, ("configMapRef",), ("secretRef",), "name")
    for volume in _items(find(spec, "volumes")):
        yield from _named(volume, ("configMap",), (), "name")
        yield from _named(volume, (), ("secret",), "secretName")
        for source in _items(find(volume, "projected", "sources")):
            yield from _named(source, ("configMap",), ("secret",), "name")


def _items(node: YamlNode | None) -> Sequence[YamlNode]:
    return node.value if node is not None and isinstance(node.value, list) else ()


def _named(node: YamlNode, config_map: tuple[str, ...], secret: tuple[str, ...], field_name: str) -> Iterator[str]:
    for kind, place in (("ConfigMap", config_map), ("Secret", secret)):
        name = text_at(node, *place, field_name) if place else ""
        if name:
            yield f"{kind}/{name}"
