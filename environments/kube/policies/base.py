"""What a traffic policy is to us: what it does in a sentence, and what became of it in the cluster. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Literal

from environments.kube.objects import Manifest, Ref, ref_of

PolicyState = Literal["planned", "waiting", "accepted", "stored", "overridden", "refused", "missing"]
ROOT = "istio-system"
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
UNITS = {"ms": "ms", "s": "s", "m": "min", "h": "h"}


@dataclass(frozen=True)
class Policy:
    """One policy of a release. `does`: a sentence; `state`: "planned" until it was looked at after the apply,
    "stored" where nobody says whether it was accepted; `note`: what a person has to know, "" for nothing.
    """

    family: str
    title: str
    ref: Ref
    does: str
    state: PolicyState = "planned"
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "ref": list(self.ref)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Policy":
        return cls(**{**data, "ref": Ref(*data["ref"])})


@dataclass(frozen=True)
class Pods:
    """The pods of one workload of the release, by their template's labels."""

    namespace: str
    workload: str
    labels: Mapping[str, str]


@dataclass(frozen=True)
class Around:
    """What lives around a policy.

    `objects`: the live policies of its namespaces and of the mesh's root namespace, its own release's among them;
    `ours`: Ref.key of the release's own; `secrets`: the Secrets that Ingresses name, by (namespace, name), None where
    there is none; `warnings`: the messages of the newest Warning events, by uid; `unread`: what could not be read, in
    words; `now` in seconds since the epoch.
    """

    objects: tuple[Manifest, ...] = ()
    ours: frozenset[str] = frozenset()
    pods: tuple[Pods, ...] = ()
    secrets: Mapping[tuple[str, str], Manifest | None] = field(default_factory=dict)
    warnings: Mapping[str, str] = field(default_factory=dict)
    unread: str = ""
    now: float = 0.0
    root: str = ROOT

    def others(self, manifest: Manifest) -> list[Manifest]:
        """The other objects of the same kind, the oldest first, as the mesh takes them."""
        mine = ref_of(manifest)
        same = [each for each in self.objects if each["kind"] == mine.kind and ref_of(each).key != mine.key]
        return sorted(same, key=age)

    def is_ours(self, manifest: Manifest) -> bool:
        return ref_of(manifest).key in self.ours


@dataclass(frozen=True)
class Remark:
    """Something to say of a policy; it `counts` where a person should look at it: it does not do what it says."""

    words: str
    counts: bool = True


class Family:
    """One kind of policy; a file each, found by being here."""

    name: ClassVar[str]
    title: ClassVar[str]
    kinds: ClassVar[frozenset[str]]
    """As environments.manifests.kinds.kind_id writes them, such as "Telemetry.telemetry.istio.io"."""

    def does(self, manifest: Manifest) -> str:
        """What the object does, in a sentence without a full stop; "" where it has nothing of this family."""
        raise NotImplementedError

    def remarks(self, manifest: Manifest, around: Around) -> Iterable[Remark]:
        """What stands in its way, or is worth knowing. `manifest` is the live object."""
        raise NotImplementedError


def age(manifest: Manifest) -> tuple[str, str, str]:
    """Sorts the oldest first, as Istio does: by creation, then by name and namespace."""
    metadata = manifest["metadata"]
    return metadata.get("creationTimestamp") or "9999", metadata["name"], metadata.get("namespace", "")


def spec_of(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    return manifest.get("spec") or {}


def namespace_of(manifest: Mapping[str, Any]) -> str:
    return str(manifest["metadata"].get("namespace") or "")


def text_of(manifest: Manifest) -> str:
    """The object as a person reads it: "PeerAuthentication shop/default"."""
    return ref_of(manifest).text


def spoken(duration: Any) -> str:
    """A duration as a person reads it: "30s" is "30 s", "1h30m" is "1 h 30 min"."""
    parts = DURATION.findall(str(duration))
    return " ".join(f"{number} {UNITS[unit]}" for number, unit in parts) or str(duration)


def several(number: Any, noun: str) -> str:
    """ "1 connection", "3 connections"."""
    return f"{number} {noun}" if str(number) == "1" else f"{number} {noun}s"


def listed(words: Iterable[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    *head, last = [*words] or [""]
    return f"{', '.join(head)} and {last}" if head else last
