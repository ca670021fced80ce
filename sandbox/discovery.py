"""What the API says about itself: groups, resources, its version, and its OpenAPI. Pure."""

import base64
import hashlib
from collections import defaultdict
from typing import Any

from kube_schema import recorded
from sandbox.kinds import ApiResource, Kinds

Document = dict[str, Any]

VERSION = {
    "major": "1",
    "minor": "36",
    "emulationMajor": "1",
    "emulationMinor": "36",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "35",
    "gitVersion": "v1.36.3+sandbox",
    "gitCommit": "",
    "gitTreeState": "",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "linux/amd64",
}
_CONNECT = {
    ("", "pods"): [
        ("pods/eviction", "Eviction", "policy", ["create"]),
        ("pods/exec", "PodExecOptions", "", ["create", "get"]),
        ("pods/log", "Pod", "", ["get"]),
        ("pods/proxy", "PodProxyOptions", "", ["create", "delete", "get", "patch", "update"]),
    ],
    ("", "services"): [("services/proxy", "ServiceProxyOptions", "", ["create", "delete", "get", "patch", "update"])],
    ("", "serviceaccounts"): [("serviceaccounts/token", "TokenRequest", "authentication.k8s.io", ["create"])],
}
_WRITE = ["get", "patch", "update"]
_REFERENCE = "#/components/schemas/"


def core_versions(server: str) -> Document:
    """/api"""
    addresses = [{"clientCIDR": "0.0.0.0/0", "serverAddress": server}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": addresses}


def group_versions(kinds: Kinds) -> dict[str, list[str]]:
    """The versions of each group, the preferred one first."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for kind in kinds:
        found[kind.group] |= dict.fromkeys(kind.versions)
    return {group: list(versions) for group, versions in found.items()}


def group_list(kinds: Kinds) -> Document:
    """/apis"""
    groups = [_group(name, versions) for name, versions in group_versions(kinds).items() if name]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def group(kinds: Kinds, name: str) -> Document | None:
    """/apis/GROUP"""
    versions = group_versions(kinds).get(name)
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, versions)} if versions else None


def _group(name: str, versions: list[str]) -> Document:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def resource_list(kinds: Kinds, name: str, version: str) -> Document | None:
    """/api/v1 and /apis/GROUP/VERSION"""
    if version not in group_versions(kinds).get(name, ()):
        return None
    served = [kind for kind in kinds if kind.group == name and version in kind.versions]
    resources = [line for kind in sorted(served, key=lambda kind: kind.plural) for line in _resources(kind)]
    named = f"{name}/{version}" if name else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": named, "resources": resources}


def _resources(kind: ApiResource) -> list[Document]:
    main: Document = {
        "name": kind.plural,
        "singularName": kind.singular or kind.kind.lower(),
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": list(kind.verbs),
    }
    main |= {
        name: list(value) for name, value in (("shortNames", kind.short), ("categories", kind.categories)) if value
    }
    if "watch" in kind.verbs:
        main["storageVersionHash"] = _hash(f"{kind.group}/{kind.versions[0]}/{kind.kind}")
    return [main, *_subresources(kind)]


def _subresources(kind: ApiResource) -> list[Document]:
    found = []
    for name, other, owner, verbs in _CONNECT.get((kind.group, kind.plural), ()):
        line = {"name": name, "singularName": "", "namespaced": kind.namespaced, "kind": other, "verbs": verbs}
        found.append({**line, "group": owner, "version": "v1"} if owner else line)
    if kind.scale:
        found.append(
            {
                "name": f"{kind.plural}/scale",
                "singularName": "",
                "namespaced": kind.namespaced,
                "group": "autoscaling",
                "version": "v1",
                "kind": "Scale",
                "verbs": _WRITE,
            }
        )
    if kind.status:
        found.append(
            {
                "name": f"{kind.plural}/status",
                "singularName": "",
                "namespaced": kind.namespaced,
                "kind": kind.kind,
                "verbs": _WRITE,
            }
        )
    return found


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()[:8]).decode()


# -- aggregated -----------------------------------------------------------------------------------------------------


def aggregated(kinds: Kinds, *, core: bool, version: str) -> Document:
    """/api or /apis as one APIGroupDiscoveryList."""
    items = [
        {
            "metadata": {"name": name, "creationTimestamp": None} if name else {"creationTimestamp": None},
            "versions": [_aggregated_version(kinds, name, each) for each in versions],
        }
        for name, versions in group_versions(kinds).items()
        if core == (not name)
    ]
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"apidiscovery.k8s.io/{version}",
        "metadata": {},
        "items": items,
    }


def _aggregated_version(kinds: Kinds, name: str, version: str) -> Document:
    served = [kind for kind in kinds if kind.group == name and version in kind.versions]
    resources = [_aggregated_resource(kind, version) for kind in sorted(served, key=lambda kind: kind.plural)]
    return {"version": version, "resources": resources, "freshness": "Current"}


def _aggregated_resource(kind: ApiResource, version: str) -> Document:
    found: Document = {
        "resource": kind.plural,
        "responseKind": {"group": kind.group, "version": version, "kind": kind.kind},
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular or kind.kind.lower(),
        "verbs": list(kind.verbs),
    }
    found |= {
        name: list(value) for name, value in (("shortNames", kind.short), ("categories", kind.categories)) if value
    }
    below = [
        {
            "subresource": line["name"].partition("/")[2],
            "responseKind": {
                "group": line.get("group", kind.group),
                "version": line.get("version", version),
                "kind": line["kind"],
            },
            "verbs": line["verbs"],
        }
        for line in _subresources(kind)
    ]
    return {**found, "subresources": below} if below else found


# -- OpenAPI --------------------------------------------------------------------------------------------------------


def openapi_index(kinds: Kinds) -> Document:
    """/openapi/v3"""
    paths = {}
    for name, versions in group_versions(kinds).items():
        for version in versions:
            place = f"apis/{name}/{version}" if name else f"api/{version}"
            paths[place] = {"serverRelativeURL": f"/openapi/v3/{place}?hash={kinds.revision}"}
    return {"paths": paths}


def openapi_document(kinds: Kinds, place: str) -> Document | None:
    """/openapi/v3/apis/GROUP/VERSION: paths that tell which parameters a patch takes, and types without words."""
    parts = place.split("/")
    name, version = ("", parts[1]) if parts[0] == "api" else (parts[1], parts[-1])
    if version not in group_versions(kinds).get(name, ()):
        return None
    served = [kind for kind in kinds if kind.group == name and version in kind.versions]
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": VERSION["gitVersion"]},
        "paths": {path: operation for kind in served for path, operation in _paths(kind, place, version).items()},
        "components": {"schemas": _schemas(served, version)},
    }


def _paths(kind: ApiResource, place: str, version: str) -> Document:
    where = f"/{place}/namespaces/{{namespace}}/{kind.plural}" if kind.namespaced else f"/{place}/{kind.plural}"
    gvk = {"group": kind.group, "version": version, "kind": kind.kind}
    parameters = [
        {"name": each, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
        for each in ("dryRun", "fieldManager", "fieldValidation", "force")
    ]
    operation = {"parameters": parameters, "x-kubernetes-group-version-kind": gvk, "responses": {}}
    patch = {**operation, "x-kubernetes-action": "patch"}
    return {f"{where}/{{name}}": {"patch": patch}, where: {"post": {**operation, "x-kubernetes-action": "post"}}}


def _schemas(served: list[ApiResource], version: str) -> Document:
    table = recorded()
    found: Document = {}
    waiting = [
        name for kind in served if (name := table.kinds.get(f"{kind.at(version).api_version}/{kind.kind}")) is not None
    ]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = _translated(table.definitions[name])
            waiting += _references(found[name])
    return found


def _translated(raw: Any) -> Any:
    """A definition of OpenAPI v2 as one of v3."""
    if isinstance(raw, list):
        return [_translated(each) for each in raw]
    if not isinstance(raw, dict):
        return raw
    kept = {key: _translated(value) for key, value in raw.items() if key not in ("x-embedded", "x-numbers", "$ref")}
    if "$ref" not in raw:
        return kept
    reference = {"$ref": raw["$ref"].replace("#/definitions/", _REFERENCE)}
    return {**kept, "allOf": [reference]} if kept else reference


def _references(raw: Any) -> list[str]:
    if isinstance(raw, list):
        return [name for each in raw for name in _references(each)]
    if not isinstance(raw, dict):
        return []
    found = [raw["$ref"].removeprefix(_REFERENCE)] if isinstance(raw.get("$ref"), str) else []
    return found + [name for each in raw.values() for name in _references(each)]
