"""An object as the server shows it, without what nobody wrote: the file that it could have been made from. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

from environments.importing.defaults import without_defaults
from environments.kube.apply.managers import CONTROLLED, MARK, RESTARTED, is_controller
from environments.kube.apply.ownership import entries_of, paths_of
from environments.kube.objects import Manifest
from environments.manifests.exported import JOB_LABELS, is_written_by_server
from environments.manifests.kinds import TEMPLATES, kind_id

KEPT_METADATA = ("name", "labels", "annotations")
OWN_MARKS = "slipway.dev/"
PULLED_ALWAYS = ("latest", "")


def as_written(live: Manifest, *, scaled: bool = False) -> Manifest:
    """The object without status, what the server and controllers made up, and the defaults that stay the same.

    It names no namespace. `scaled`: an autoscaler holds its replicas.
    """
    kind = kind_id(live["apiVersion"], live["kind"])
    manifest = {name: value for name, value in live.items() if name != "status"}
    manifest["metadata"] = _metadata(live["metadata"])
    if trim := TRIMMED.get(kind):
        manifest = trim(manifest, live)
    if scaled and isinstance(manifest.get("spec"), Mapping):
        manifest["spec"] = _without(manifest["spec"], "replicas")
    manifest = _with_template(kind, manifest)
    cleared = without_defaults(kind, manifest)
    first = {name: cleared[name] for name in ("apiVersion", "kind", "metadata")}
    return {**first, **{name: value for name, value in cleared.items() if name not in first}}


def is_note(annotation: str) -> bool:
    """Whether a tool or a controller keeps it for itself; taking over leaves it where it is."""
    known = annotation == RESTARTED or annotation.startswith(OWN_MARKS) or is_written_by_server(annotation)
    return known or bool(MARK.fullmatch(annotation) or CONTROLLED.fullmatch(annotation))


def _metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: metadata[name] for name in KEPT_METADATA if metadata.get(name)}
    if "annotations" in kept:
        kept["annotations"] = {key: value for key, value in kept["annotations"].items() if not is_note(key)}
    return {name: value for name, value in kept.items() if value}


def _without(fields: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}


def _written_by_people(live: Manifest, path: str) -> bool:
    """Whether somebody other than a controller owns the field."""
    entries = (entry for entry in entries_of(live) if not is_controller(entry["manager"]))
    return any(path in paths_of(entry.get("fieldsV1") or {}) for entry in entries)


def _service(manifest: Manifest, live: Manifest) -> Manifest:
    spec = dict(manifest.get("spec") or {})
    if spec.get("clusterIP") != "None":
        spec = _without(spec, "clusterIP")
    spec = _without(spec, "clusterIPs", "healthCheckNodePort")
    if spec.get("ipFamilyPolicy") == "SingleStack":
        spec = _without(spec, "ipFamilies")
    if "ports" in spec:
        spec["ports"] = [_port(port, live) for port in spec["ports"]]
    return {**manifest, "spec": spec}


def _port(port: Mapping[str, Any], live: Manifest) -> dict[str, Any]:
    """A node's port that the server chose is another one elsewhere."""
    number, protocol = port.get("port"), port.get("protocol", "TCP")
    asked = f'spec.ports[port={number},protocol="{protocol}"].nodePort'
    return dict(port) if _written_by_people(live, asked) else _without(port, "nodePort")


def _claim(manifest: Manifest, live: Manifest) -> Manifest:
    spec = dict(manifest.get("spec") or {})
    return {**manifest, "spec": spec if _written_by_people(live, "spec.volumeName") else _without(spec, "volumeName")}


def _stateful_set(manifest: Manifest, _live: Manifest) -> Manifest:
    spec = dict(manifest.get("spec") or {})
    if "volumeClaimTemplates" in spec:
        spec["volumeClaimTemplates"] = [_without(each, "status") for each in spec["volumeClaimTemplates"]]
    return {**manifest, "spec": spec}


def _job(manifest: Manifest, _live: Manifest) -> Manifest:
    spec = dict(manifest["spec"])
    if not spec.get("manualSelector"):
        spec = _without(spec, "selector")
        template = dict(spec["template"])
        metadata = dict(template.get("metadata") or {})
        metadata["labels"] = _without(metadata.get("labels") or {}, *JOB_LABELS)
        spec["template"] = {**template, "metadata": {name: value for name, value in metadata.items() if value}}
    labels = _without(manifest["metadata"].get("labels") or {}, *JOB_LABELS)
    metadata = {**_without(manifest["metadata"], "labels"), **({"labels": labels} if labels else {})}
    return {**manifest, "metadata": metadata, "spec": spec}


def _account(manifest: Manifest, _live: Manifest) -> Manifest:
    return _without(manifest, "secrets")


TRIMMED: Mapping[str, Callable[[Manifest, Manifest], Manifest]] = {
    "Service": _service,
    "PersistentVolumeClaim": _claim,
    "StatefulSet.apps": _stateful_set,
    "Job.batch": _job,
    "ServiceAccount": _account,
}


def _with_template(kind: str, manifest: Manifest) -> Manifest:
    place = TEMPLATES.get(kind)
    return _at(manifest, tuple(map(str, place)), _template) if place else manifest


def _at(value: Any, place: tuple[str, ...], change: Callable[[Any], Any]) -> Any:
    if not place:
        return change(value)
    if not isinstance(value, Mapping) or place[0] not in value:
        return value
    return {**value, place[0]: _at(value[place[0]], place[1:], change)}


def _template(template: Mapping[str, Any]) -> dict[str, Any]:
    """Its labels and annotations stay, but for what notes a restart by hand, which no release undoes."""
    metadata = dict(template.get("metadata") or {})
    if "annotations" in metadata:
        metadata["annotations"] = _without(metadata["annotations"], RESTARTED)
    metadata = {name: value for name, value in metadata.items() if value}
    spec = dict(template.get("spec") or {})
    if spec.get("serviceAccount") == spec.get("serviceAccountName"):
        spec = _without(spec, "serviceAccount")
    for group in ("initContainers", "containers"):
        if group in spec:
            spec[group] = [_container(each) for each in spec[group]]
    return {**({"metadata": metadata} if metadata else {}), **_without(template, "metadata"), "spec": spec}


def _container(container: Mapping[str, Any]) -> dict[str, Any]:
    """Without the pull policy that its tag has anyway; another tag, or a digest, may have another."""
    image = str(container.get("image", ""))
    tag = image.rpartition("/")[2].partition(":")[2]
    usual = tag.partition("@")[0] not in PULLED_ALWAYS and container.get("imagePullPolicy") == "IfNotPresent"
    return _without(container, "imagePullPolicy") if usual else dict(container)
