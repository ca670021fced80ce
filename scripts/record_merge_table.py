"""Records how the usual kinds' fields are typed and merge, from a real API server's OpenAPI.

    python scripts/record_merge_table.py KUBECONFIG GO_MODULES

writes kube_schema/merge_table.json.gz. GO_MODULES is Go's module cache (`go env GOMODCACHE`) with k8s.io/api
and k8s.io/apimachinery of the server's version: their generated.proto have the numbers by which kubectl names fields.
Descriptions, paths and kinds beyond the list below stay out, so that the table is small enough to be read at a start.
Defaults stand only in OpenAPI v3 (`default: {}` marks a struct that is part of its parent even when it is empty);
everything else comes from v2.
"""

import argparse
import gzip
import json
import re
import subprocess
from pathlib import Path
from typing import Any

TABLE = Path(__file__).parents[1] / "kube_schema" / "merge_table.json.gz"
KINDS = {
    "v1": (
        "ConfigMap Endpoints Event LimitRange Namespace Node PersistentVolume PersistentVolumeClaim Pod PodTemplate "
        "ReplicationController ResourceQuota Secret Service ServiceAccount DeleteOptions"
    ),
    "apps/v1": "ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet",
    "batch/v1": "CronJob Job",
    "autoscaling/v1": "HorizontalPodAutoscaler Scale",
    "autoscaling/v2": "HorizontalPodAutoscaler",
    "networking.k8s.io/v1": "Ingress IngressClass NetworkPolicy",
    "policy/v1": "PodDisruptionBudget Eviction",
    "discovery.k8s.io/v1": "EndpointSlice",
    "rbac.authorization.k8s.io/v1": "ClusterRole ClusterRoleBinding Role RoleBinding",
    "coordination.k8s.io/v1": "Lease",
    "authentication.k8s.io/v1": "SelfSubjectReview TokenRequest TokenReview",
    "authorization.k8s.io/v1": "SelfSubjectAccessReview SelfSubjectRulesReview SubjectAccessReview",
    "events.k8s.io/v1": "Event",
    "storage.k8s.io/v1": "StorageClass",
    "scheduling.k8s.io/v1": "PriorityClass",
    "apiextensions.k8s.io/v1": "CustomResourceDefinition",
    "admissionregistration.k8s.io/v1": (
        "MutatingWebhookConfiguration ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding "
        "ValidatingWebhookConfiguration"
    ),
}
KEPT = (
    "$ref",
    "type",
    "format",
    "required",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type",
    "x-kubernetes-patch-strategy",
    "x-kubernetes-patch-merge-key",
    "x-kubernetes-group-version-kind",
)
LIST_KEYS = (
    "containerPort",
    "devicePath",
    "ip",
    "key",
    "mountPath",
    "name",
    "port",
    "protocol",
    "topologyKey",
    "type",
    "uid",
)
REF = "#/definitions/"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kubeconfig", help="of a cluster of the version to record")
    parser.add_argument("modules", type=Path, help="Go's module cache")
    options = parser.parse_args()
    kubeconfig = options.kubeconfig
    table = record(ask(kubeconfig, "/openapi/v2")["definitions"], defaults(kubeconfig))
    version = "v0." + ask(kubeconfig, "/version")["gitVersion"].partition(".")[2]
    number(table["definitions"], messages(options.modules / "k8s.io", version))
    text = json.dumps(table, sort_keys=True, separators=(",", ":")).encode()
    TABLE.write_bytes(gzip.compress(text, 9, mtime=0))
    print(f"{len(table['kinds'])} kinds, {len(table['definitions'])} definitions, {len(text)} bytes as JSON")


def ask(kubeconfig: str, path: str) -> Any:
    command = ["kubectl", "--kubeconfig", kubeconfig, "get", "--raw", path]
    return json.loads(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)


def defaults(kubeconfig: str) -> dict[tuple[str, str], Any]:
    """Defaults by definition and field."""
    found: dict[tuple[str, str], Any] = {}
    paths = ask(kubeconfig, "/openapi/v3")["paths"]
    for api_version in KINDS:
        place = f"apis/{api_version}" if "/" in api_version else f"api/{api_version}"
        document = ask(kubeconfig, paths[place]["serverRelativeURL"])
        for name, definition in document["components"]["schemas"].items():
            properties = definition.get("properties", {}).items()
            found |= {(name, field): raw["default"] for field, raw in properties if "default" in raw}
    return found


def record(definitions: dict[str, Any], defaults: dict[tuple[str, str], Any]) -> dict[str, Any]:
    kinds = named_kinds(definitions)
    wanted, waiting = {}, list(kinds.values())
    while waiting:
        name = waiting.pop()
        if name not in wanted:
            wanted[name] = trimmed(definitions[name], name, defaults)
            waiting += references(wanted[name])
    return {"kinds": kinds, "definitions": wanted}


def named_kinds(definitions: dict[str, Any]) -> dict[str, str]:
    """ "apps/v1/Deployment" to the name of its definition."""
    found = {}
    for name, definition in definitions.items():
        for gvk in definition.get("x-kubernetes-group-version-kind", ()):
            api_version = f"{gvk['group']}/{gvk['version']}" if gvk["group"] else gvk["version"]
            if gvk["kind"] in KINDS.get(api_version, "").split():
                found[f"{api_version}/{gvk['kind']}"] = name
    missing = [f"{version}/{kind}" for version in KINDS for kind in KINDS[version].split()]
    missing = [kind for kind in missing if kind not in found]
    if missing:
        raise SystemExit(f"the server does not know {', '.join(missing)}")
    return found


def trimmed(raw: dict[str, Any], name: str, defaults: dict[tuple[str, str], Any]) -> dict[str, Any]:
    kept = {key: raw[key] for key in KEPT if key in raw}
    for key in ("items", "additionalProperties"):
        if isinstance(raw.get(key), dict):
            kept[key] = trimmed(raw[key], "", defaults)
    if "properties" in raw:
        fields = {field: trimmed(value, "", defaults) for field, value in raw["properties"].items()}
        for field, value in fields.items():
            default = defaults.get((name, field))
            if default == {}:
                value["x-embedded"] = True
            elif default or (default is not None and field in LIST_KEYS):
                value["default"] = default
        kept["properties"] = fields
    return kept


MESSAGE = re.compile(r"^message (\w+) \{(.*?)^\}", re.MULTILINE | re.DOTALL)
PART = re.compile(r"^  (?:optional|repeated|required)?\s*(map<.*?>|[\w.]+) (\w+) = (\d+);", re.MULTILINE)


def messages(modules: Path, version: str) -> dict[str, list[tuple[str, str, str]]]:
    """(type, field, number) of every message by its name, such as k8s.io.api.apps.v1.Deployment."""
    found = {}
    for module in (f"api@{version}", f"apimachinery@{version}", f"apiextensions-apiserver@{version}"):
        for place in (modules / module).rglob("generated.proto"):
            text = place.read_text()
            package = re.findall(r"^package ([\w.]+);", text, re.MULTILINE)[0]
            for name, body in MESSAGE.findall(text):
                found[f"{package}.{name}"] = PART.findall(body)
    return found


def number(definitions: dict[str, Any], known: dict[str, list[tuple[str, str, str]]]) -> None:
    """Gives each definition its fields' numbers; those of an inlined message are nested."""
    for name, definition in definitions.items():
        message = name.replace("io.k8s.", "k8s.io.", 1)
        if message in known and "properties" in definition:
            definition["x-numbers"] = numbered(message, definition["properties"], known)


def numbered(message: str, properties: dict[str, Any], known: dict[str, list[tuple[str, str, str]]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind, field, place in known[message]:
        inlined = kind.removeprefix(".") if kind.startswith(".") else f"{message.rpartition('.')[0]}.{kind}"
        if field in properties:
            found[place] = field
        elif inlined in known:
            found[place] = numbered(inlined, properties, known)
    return found


def references(raw: dict[str, Any]) -> list[str]:
    """The definitions that a trimmed one refers to."""
    found = [raw["$ref"].removeprefix(REF)] if "$ref" in raw else []
    inner = [raw[key] for key in ("items", "additionalProperties") if key in raw]
    for each in [*inner, *raw.get("properties", {}).values()]:
        found += references(each)
    return found


if __name__ == "__main__":
    main()
