"""Fields of which an object may have one alone: sources of volumes, handlers, values of variables. Pure."""

from collections.abc import Iterable, Iterator
from typing import Any

from sandbox.errors import StatusCause

Object = dict[str, Any]

_VOLUMES = ("emptyDir", "hostPath", "secret", "nfs", "persistentVolumeClaim", "downwardAPI", "configMap", "projected")
_MORE_VOLUMES = ("csi", "ephemeral")
_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")


def union_causes(spec: Object, path: str) -> list[StatusCause]:
    """What of a pod's spec is there twice over."""
    found: list[StatusCause] = []
    for index, volume in enumerate(spec.get("volumes") or ()):
        at = f"{path}.volumes[{index}]"
        found += _several(volume, (*_VOLUMES, *_MORE_VOLUMES), at, "may not specify more than 1 volume type")
    for part in ("containers", "initContainers"):
        for index, container in enumerate(spec.get(part) or ()):
            found += _of_container(container, f"{path}.{part}[{index}]")
    return found


def _of_container(container: Object, path: str) -> Iterator[StatusCause]:
    hooks = container.get("lifecycle") or {}
    handlers = [
        *((f"{path}.{name}", container.get(name) or {}) for name in _PROBES),
        *((f"{path}.lifecycle.{name}", hooks.get(name) or {}) for name in ("postStart", "preStop")),
    ]
    for at, handler in handlers:
        yield from _several(handler, _HANDLERS, at, "may not specify more than 1 handler type")
    for index, variable in enumerate(container.get("env") or ()):
        source, at = variable.get("valueFrom") or {}, f"{path}.env[{index}].valueFrom"
        if source and variable.get("value"):
            yield _invalid(at, "may not be specified when `value` is not empty")
        if len(source) > 1:
            yield _invalid(at, "may not have more than one field specified at a time")


def _several(item: Object, names: Iterable[str], path: str, words: str) -> list[StatusCause]:
    given = [name for name in names if item.get(name) is not None]
    return [StatusCause("FieldValueForbidden", f"Forbidden: {words}", f"{path}.{name}") for name in given[1:]]


def _invalid(path: str, words: str, value: Any = "") -> StatusCause:
    return StatusCause("FieldValueInvalid", f'Invalid value: "{value}": {words}', path)


def on_delete_causes(strategy: Object, path: str) -> list[StatusCause]:
    """A StatefulSet's numbers of a rolling update where there is none."""
    if strategy.get("type") != "OnDelete" or strategy.get("rollingUpdate") is None:
        return []
    words = "Invalid value: {}: only allowed for updateStrategy 'RollingUpdate'"
    return [StatusCause("FieldValueInvalid", words, f"{path}.rollingUpdate")]
