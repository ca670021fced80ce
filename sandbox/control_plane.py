"""Controllers, scheduler and nodes behind one API."""

from collections.abc import Callable, Sequence

from sandbox import admission
from sandbox.api import Api
from sandbox.client import Client
from sandbox.clock import Clock
from sandbox.cluster import SimulatedCluster
from sandbox.controllers.base import load
from sandbox.controllers.pvc import STANDARD, storage_class
from sandbox.edge.edge import Edge
from sandbox.handlers import SubresourceHandlers
from sandbox.images import Images, Puller
from sandbox.kubelet.agent import Kubelet
from sandbox.metrics.registry import Metrics
from sandbox.nodes import DEFAULT, NodeSpec, node_manifest
from sandbox.scheduler import Scheduler
from sandbox.store import Store, StoreKey


class Simulation:
    """`client` makes the API's client for a field manager; `registry` is the address at which `images` are served;
    `metrics` is where the edge counts.

    Start it when the API's store is ready. With a ManualClock call `cluster.loop.advance` instead of `start`'s thread.
    """

    def __init__(
        self,
        store: Store,
        client: Callable[[str], Client],
        *,
        nodes: Sequence[NodeSpec] = DEFAULT,
        images: Images | None = None,
        registry: str = "",
        clock: Clock | None = None,
        real_time: bool = False,
        metrics: Metrics | None = None,
    ) -> None:
        self.cluster = SimulatedCluster(store, client, clock or Clock(), metrics)
        self.images = images or Images()
        self.puller = Puller(self.images, registry)
        self.kubelet = Kubelet(self.cluster, self.puller, real_time=real_time)
        self.cluster.usage = self.kubelet.usage
        self.cluster.behaviours = self.kubelet.behaviours
        self.scheduler = Scheduler(self.cluster)
        self.edge = Edge(self.kubelet)
        self._nodes = nodes
        controllers = [controller(self.cluster) for controller in load()]
        self.cluster.watchers += [self.kubelet.see, self.scheduler.see, *(item.see for item in controllers)]
        self.cluster.watchers.append(self.edge.see)

    def install(self, api: Api) -> None:
        """Puts logs, proxies, evictions and the guards of writes behind an API."""
        SubresourceHandlers(self.kubelet).install(api.subresources)
        admission.install(api.admission, api.store)

    def start(self, *, thread: bool = True) -> None:
        """Registers the nodes, takes in what is stored, and begins."""
        store = self.cluster.store
        if store.get(StoreKey("storage.k8s.io", "StorageClass", "", STANDARD)) is None:
            store.create(storage_class(self.cluster.clock.moment().stamp))
        for index, node in enumerate(self._nodes):
            if store.get(StoreKey("", "Node", "", node.name)) is None:
                store.create(node_manifest(node, index, self.cluster.clock.moment().stamp))
        self.cluster.start()
        if thread:
            self.cluster.loop.start()
            self.edge.start()

    def stop(self) -> None:
        self.edge.stop()
        self.cluster.stop()
