"""What the server refuses in a pod's specification. Pure."""

import re
from collections.abc import Iterable
from typing import Any

from kube_schema import quantity
from sandbox.errors import StatusCause
from sandbox.validation_unions import union_causes

Object = dict[str, Any]
_LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
_LABEL_WORDS = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_POLICIES = ("Always", "IfNotPresent", "Never")


def pod_spec_causes(spec: Object, path: str, claims: Iterable[str] = ()) -> list[StatusCause]:
    containers = spec.get("containers") or []
    if not containers:
        return [StatusCause("FieldValueRequired", "Required value", f"{path}.containers")]
    volumes = {volume.get("name") for volume in spec.get("volumes") or ()} | set(claims)
    causes = []
    for part in ("containers", "initContainers"):
        for index, container in enumerate(spec.get(part) or ()):
            causes += _container(container, f"{path}.{part}[{index}]", volumes)
        causes += _repeated(spec.get(part) or (), f"{path}.{part}")
    return [*causes, *_repeated(spec.get("volumes") or (), f"{path}.volumes"), *union_causes(spec, path)]


def _repeated(items: Iterable[Object], path: str) -> list[StatusCause]:
    seen: set[str] = set()
    causes = []
    for index, item in enumerate(items):
        name = item.get("name", "")
        if name in seen:
            causes.append(StatusCause("FieldValueDuplicate", f'Duplicate value: "{name}"', f"{path}[{index}].name"))
        seen.add(name)
    return causes


def _container(container: Object, path: str, volumes: set[Any]) -> list[StatusCause]:
    causes = []
    name = container.get("name") or ""
    if not name:
        causes.append(StatusCause("FieldValueRequired", "Required value", f"{path}.name"))
    elif not _LABEL.match(name):
        causes.append(StatusCause("FieldValueInvalid", f'Invalid value: "{name}": {_LABEL_WORDS}', f"{path}.name"))
    if not container.get("image"):
        causes.append(StatusCause("FieldValueRequired", "Required value", f"{path}.image"))
    policy = container.get("imagePullPolicy")
    if policy not in _POLICIES:
        words = ", ".join(f'"{each}"' for each in _POLICIES)
        message = f'Unsupported value: "{policy}": supported values: {words}'
        causes.append(StatusCause("FieldValueNotSupported", message, f"{path}.imagePullPolicy"))
    return [*causes, *_ports(container, path), *_mounts(container, path, volumes), *_resources(container, path)]


def _ports(container: Object, path: str) -> list[StatusCause]:
    causes = []
    for index, port in enumerate(container.get("ports") or ()):
        number = port.get("containerPort", 0)
        if not 0 < number < 65_536:
            words = f"Invalid value: {number}: must be between 1 and 65535, inclusive"
            causes.append(StatusCause("FieldValueInvalid", words, f"{path}.ports[{index}].containerPort"))
    return causes


def _mounts(container: Object, path: str, volumes: set[Any]) -> list[StatusCause]:
    causes = []
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        if mount.get("name") not in volumes:
            words = f'Not found: "{mount.get("name")}"'
            causes.append(StatusCause("FieldValueNotFound", words, f"{path}.volumeMounts[{index}].name"))
    return causes


def _resources(container: Object, path: str) -> list[StatusCause]:
    resources = container.get("resources") or {}
    limits, causes = resources.get("limits") or {}, []
    for name, wanted in (resources.get("requests") or {}).items():
        if name in limits and quantity.parse(wanted) > quantity.parse(limits[name]):
            words = f'Invalid value: "{wanted}": must be less than or equal to {name} limit of {limits[name]}'
            causes.append(StatusCause("FieldValueInvalid", words, f"{path}.resources.requests"))
    return causes
