"""A container's environment variables, and what is missing for them."""

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.meta import Object

Lookup = Callable[[str, str], Object | None]
"""Gets an object by kind ("ConfigMap", "Secret") and name in the pod's namespace."""

_REFERENCE = re.compile(r"\$(\$|\(([A-Za-z_.-][A-Za-z0-9_.-]*)\))")


class ConfigError(Exception):
    """A ConfigMap, a Secret or a key of one is missing: CreateContainerConfigError."""


def data_of(kind: str, obj: Object) -> dict[str, str]:
    """The text values of a ConfigMap or Secret."""
    data = obj.get("data") or {}
    if kind == "ConfigMap":
        return dict(data)
    return {name: base64.b64decode(value).decode(errors="replace") for name, value in data.items()}


def environment_of(pod: Object, container: Object, lookup: Lookup, facts: Mapping[str, str]) -> dict[str, str]:
    """The variables; `facts` are the values of field references such as status.podIP. Raises ConfigError."""
    variables: dict[str, str] = {}
    for source in container.get("envFrom") or ():
        variables.update(_from_whole(source, lookup))
    for item in container.get("env") or ():
        source = item.get("valueFrom")
        if source is None:
            variables[item["name"]] = _expanded(str(item.get("value") or ""), variables)
        else:
            value = _from_source(pod, source, lookup, facts)
            if value is not None:
                variables[item["name"]] = value
    return variables


def _expanded(value: str, variables: Mapping[str, str]) -> str:
    def one(found: re.Match[str]) -> str:
        return "$" if found[1] == "$" else variables.get(found[2], found[0])

    return _REFERENCE.sub(one, value)


def _found(kind: str, name: str, optional: bool, lookup: Lookup) -> dict[str, str] | None:
    obj = lookup(kind, name)
    if obj is not None:
        return data_of(kind, obj)
    if optional:
        return None
    raise ConfigError(f'{kind.lower()} "{name}" not found')


def _from_whole(source: Mapping[str, Any], lookup: Lookup) -> dict[str, str]:
    for member, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
        if member in source:
            reference = source[member]
            data = _found(kind, reference["name"], bool(reference.get("optional")), lookup) or {}
            return {source.get("prefix", "") + name: value for name, value in data.items()}
    return {}


def _from_source(pod: Object, source: Mapping[str, Any], lookup: Lookup, facts: Mapping[str, str]) -> str | None:
    for member, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
        if member in source:
            return _from_key(pod, kind, source[member], lookup)
    if "fieldRef" in source:
        return facts.get(source["fieldRef"]["fieldPath"], "")
    return ""


def _from_key(pod: Object, kind: str, reference: Mapping[str, Any], lookup: Lookup) -> str | None:
    optional = bool(reference.get("optional"))
    data = _found(kind, reference["name"], optional, lookup)
    if data is not None and reference["key"] in data:
        return data[reference["key"]]
    if optional:
        return None
    where = f"{pod['metadata']['namespace']}/{reference['name']}"
    raise ConfigError(f"couldn't find key {reference['key']} in {kind} {where}")


def field_facts(pod: Object, address: str, host: str) -> dict[str, str]:
    """What fieldRef may name."""
    metadata, spec = pod["metadata"], pod["spec"]
    facts = {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata["namespace"],
        "metadata.uid": metadata["uid"],
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", "default"),
        "status.podIP": address,
        "status.podIPs": address,
        "status.hostIP": host,
    }
    for member in ("labels", "annotations"):
        for name, value in (metadata.get(member) or {}).items():
            facts[f"metadata.{member}['{name}']"] = value
    return facts


def missing_mount(pod: Object, lookup: Lookup) -> str:
    """Why the pod's volumes cannot be mounted, or ""."""
    namespace = pod["metadata"]["namespace"]
    for volume in pod["spec"].get("volumes") or ():
        for member, kind, field in (("configMap", "ConfigMap", "name"), ("secret", "Secret", "secretName")):
            source = volume.get(member)
            if source and not source.get("optional") and lookup(kind, source[field]) is None:
                words = f'{kind.lower()} "{source[field]}" not found'
                return f'MountVolume.SetUp failed for volume "{volume["name"]}" : {words}'
        claim = volume.get("persistentVolumeClaim")
        if claim and lookup("PersistentVolumeClaim", claim["claimName"]) is None:
            return f'persistentvolumeclaim "{claim["claimName"]}" not found in namespace {namespace}'
    return ""
