"""Where a workload says that it is well: the readiness path of its first container, through a Service. Pure."""

from collections.abc import Mapping
from typing import Any

ANY_ANSWER = -1
"""As a probe's status: whatever is no failure of the server."""


def health_of(deployment: Mapping[str, Any], service: Mapping[str, Any], *, through_preview: bool) -> dict[str, Any]:
    """{"port", "path", "status"} of a probe; {} where there is nothing to ask by HTTP.

    The preview has the probed port in any case; the Service itself may not.
    """
    ports = (service.get("spec") or {}).get("ports") or []
    probe = _http_probe(deployment)
    if probe and probe.get("scheme", "HTTP") == "HTTP":
        number = _number(probe["port"], deployment)
        port = port_of(number, deployment, service) or (number if through_preview else 0)
        return {"port": port, "path": _path(probe), "status": 0} if port else {}
    if probe or not ports:
        return {}
    return {"port": ports[0]["port"], "path": "/", "status": ANY_ANSWER}


def unexposed(deployment: Mapping[str, Any], service: Mapping[str, Any]) -> int:
    """The pods' port that readiness is asked at, where the Service does not lead to it; 0 for none."""
    probe = _http_probe(deployment)
    number = _number(probe["port"], deployment) if probe else 0
    return 0 if port_of(number, deployment, service) else number


def port_of(number: int, deployment: Mapping[str, Any], service: Mapping[str, Any]) -> int:
    """The Service's port that leads to a port of the pods, 0 for none."""
    for port in (service.get("spec") or {}).get("ports") or ():
        if number and _number(port.get("targetPort") or port["port"], deployment) == number:
            return int(port["port"])
    return 0


def _containers(deployment: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    spec = ((deployment.get("spec") or {}).get("template") or {}).get("spec") or {}
    return list(spec.get("containers") or ())


def _http_probe(deployment: Mapping[str, Any]) -> Mapping[str, Any]:
    first = next(iter(_containers(deployment)), {})
    return (first.get("readinessProbe") or {}).get("httpGet") or {}


def _path(probe: Mapping[str, Any]) -> str:
    """The kubelet takes a path without its first slash as well."""
    path = str(probe.get("path") or "/")
    return path if path.startswith("/") else f"/{path}"


def _number(port: Any, deployment: Mapping[str, Any]) -> int:
    """A port as a number; 0 for a name that no container has."""
    if isinstance(port, int) or str(port).isdecimal():
        return int(port)
    named = (each for container in _containers(deployment) for each in container.get("ports") or ())
    return next((int(each["containerPort"]) for each in named if each.get("name") == port), 0)
