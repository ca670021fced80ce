"""What a check is, what it is given, and what it finds. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from environments.admission.levels import Level
from environments.kube.apply.diff import pod_template
from environments.kube.objects import Manifest, Ref

Spec = Mapping[str, Any]
CONTAINERS = ("initContainers", "containers", "ephemeralContainers")


@dataclass(frozen=True)
class AdmissionScope:
    """What checks know of an environment.

    `registries`: those that images may come from, patterns with *; () for any. `hosts`: patterns of its own hosts.
    `foreign`: patterns of other environments' hosts, and whose each is.
    """

    registries: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    foreign: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """One thing that a bundle may not do everywhere. `find` says where an object does it, in words."""

    id: str
    title: str
    find: Callable[[Manifest, AdmissionScope], Iterable[str]]


@dataclass(frozen=True)
class AdmissionFinding:
    """One place where a check speaks."""

    check: str
    title: str
    level: Level
    ref: Ref
    where: str

    @property
    def text(self) -> str:
        return f"{self.ref.text}: {self.where}"


def pod_spec(manifest: Manifest) -> Spec:
    """The spec of the pods that an object makes, or of the Pod that it is; empty for other kinds."""
    if manifest.get("kind") == "Pod":
        return manifest.get("spec") or {}
    return (pod_template(manifest) or {}).get("spec") or {}


def containers(spec: Spec) -> Iterator[Mapping[str, Any]]:
    """Every container of a pod, whatever it is for."""
    for group in CONTAINERS:
        yield from spec.get(group) or ()


def security(holder: Mapping[str, Any]) -> Mapping[str, Any]:
    """The securityContext of a pod or a container; empty where there is none."""
    return holder.get("securityContext") or {}


def named(container: Mapping[str, Any]) -> str:
    """A container as a finding names it."""
    return f"container {container.get('name', '?')}"
