"""Which ConfigMaps and Secrets Flagger tracks beside a target: a change of one is a change of the release."""

from collections.abc import Iterator
from typing import Any

from sandbox.client import Client
from sandbox.meta import Object, digest
from sandbox.store import encode

SOURCES = {"configMapRef": "ConfigMap", "secretRef": "Secret", "configMapKeyRef": "ConfigMap", "secretKeyRef": "Secret"}


def tracked(client: Client, deployment: Object) -> dict[str, str]:
    """{"configmap/NAME": checksum} of those that are there."""
    namespace, found = deployment["metadata"]["namespace"], {}
    for kind, name in _references(deployment["spec"]["template"]["spec"]):
        obj = client.get("", kind, namespace, name)
        if obj is not None:
            found[f"{kind.lower()}/{name}"] = digest(encode(obj.get("data") or {}).decode(), 16)
    return found


def _references(pod: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for volume in pod.get("volumes") or ():
        if "configMap" in volume:
            yield "ConfigMap", volume["configMap"]["name"]
        if "secret" in volume:
            yield "Secret", volume["secret"]["secretName"]
    for container in (*(pod.get("initContainers") or ()), *pod["containers"]):
        sources = [
            *(container.get("envFrom") or ()),
            *(each.get("valueFrom") or {} for each in container.get("env") or ()),
        ]
        yield from ((SOURCES[key], value["name"]) for each in sources for key, value in each.items() if key in SOURCES)
