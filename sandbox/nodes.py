"""Simulated nodes: what they are told to be, and the Node objects that say so."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sandbox.images import Pulled
from sandbox.meta import Object

VERSION = "v1.36.3"


@dataclass(frozen=True)
class NodeSpec:
    """`cpu` and `memory` are quantities; `taints` are "key=value:Effect"; `pool` becomes labels pool and agentpool."""

    name: str
    pool: str = ""
    cpu: str = "16"
    memory: str = "64Gi"
    pods: int = 110
    labels: tuple[tuple[str, str], ...] = ()
    taints: tuple[str, ...] = ()


DEFAULT = tuple(NodeSpec(f"{pool}-0", pool) for pool in ("system", "app", "code-exec"))


def parse_node(text: str, index: int = 0) -> NodeSpec:
    """ "name=sandbox,pool=code-exec,cpu=8,memory=32Gi,pods=110,taint=K=V:NoSchedule,label=K=V"; ValueError if not."""
    values: dict[str, Any] = {"name": f"node-{index}"}
    labels, taints = [], []
    for item in filter(None, text.split(",")):
        key, _, value = item.partition("=")
        if key == "label":
            name, _, content = value.partition("=")
            labels.append((name, content))
        elif key == "taint":
            taints.append(value)
        elif key in ("name", "pool", "cpu", "memory", "pods"):
            values[key] = int(value) if key == "pods" else value
        else:
            raise ValueError(f"node {text!r}: {key!r} is none of name, pool, cpu, memory, pods, label, taint")
    return NodeSpec(**values, labels=tuple(labels), taints=tuple(taints))


def node_manifest(spec: NodeSpec, index: int, stamp: str) -> Object:
    """The Node object, status included."""
    capacity = {"cpu": spec.cpu, "memory": spec.memory, "pods": str(spec.pods), "ephemeral-storage": "100Gi"}
    address = node_address(index)
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": spec.name, "labels": _labels(spec, index)},
        "spec": {
            "podCIDR": f"10.244.{index + 1}.0/24",
            "podCIDRs": [f"10.244.{index + 1}.0/24"],
            "providerID": f"simulated://{spec.name}",
            **({"taints": [_taint(item) for item in spec.taints]} if spec.taints else {}),
        },
        "status": {
            "capacity": capacity,
            "allocatable": dict(capacity),
            "conditions": _conditions(stamp),
            "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": spec.name}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "nodeInfo": _info(spec.name),
        },
    }


def node_address(index: int) -> str:
    return f"10.240.1.{index + 1}"


def _labels(spec: NodeSpec, index: int) -> dict[str, str]:
    pool = {"pool": spec.pool, "agentpool": spec.pool} if spec.pool else {}
    return {
        "kubernetes.io/hostname": spec.name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "topology.kubernetes.io/zone": f"zone-{index % 3 + 1}",
        "topology.kubernetes.io/region": "test",
        **pool,
        **dict(spec.labels),
    }


def _taint(text: str) -> dict[str, str]:
    pair, _, effect = text.partition(":")
    key, _, value = pair.partition("=")
    return {"key": key, **({"value": value} if value else {}), "effect": effect or "NoSchedule"}


def _info(name: str) -> dict[str, str]:
    return {
        "machineID": name,
        "systemUUID": name,
        "bootID": name,
        "kernelVersion": "6.1.0",
        "osImage": "Simulated node",
        "containerRuntimeVersion": "simulated://1",
        "kubeletVersion": VERSION,
        "kubeProxyVersion": "",
        "operatingSystem": "linux",
        "architecture": "amd64",
    }


def _conditions(stamp: str) -> list[dict[str, str]]:
    told = (
        ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
    )
    times = {"lastHeartbeatTime": stamp, "lastTransitionTime": stamp}
    return [
        {"type": kind, "status": status, **times, "reason": reason, "message": message}
        for kind, status, reason, message in told
    ]


@dataclass
class KubeletNode:
    """What a kubelet keeps of its node: pulled images and addresses that pods have."""

    name: str
    index: int
    images: dict[str, Pulled] = field(default_factory=dict)
    _next: int = 0
    _used: set[int] = field(default_factory=set)

    @property
    def address(self) -> str:
        return node_address(self.index)

    def take_address(self) -> str:
        """A free address; freed ones come round again as late as possible."""
        while True:
            self._next = self._next % (256 * 250) + 1
            if self._next not in self._used:
                self._used.add(self._next)
                third, fourth = divmod(self._next, 250)
                return f"10.{100 + self.index}.{third}.{fourth + 2}"

    def release(self, addresses: Iterable[str]) -> None:
        for address in addresses:
            _, second, third, fourth = address.split(".")
            if second == str(100 + self.index):
                self._used.discard(int(third) * 250 + int(fourth) - 2)
