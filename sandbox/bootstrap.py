"""What makes the API a living cluster: nodes, controllers, admission and registry, started together."""

from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.api import Api
from sandbox.client import Client
from sandbox.clock import Clock
from sandbox.control_plane import Simulation
from sandbox.edge.entry import EdgeServer
from sandbox.faults import Faults
from sandbox.images import Images
from sandbox.metrics.registry import Metrics
from sandbox.nodes import DEFAULT, NodeSpec, parse_node
from sandbox.registry import ImageRegistry
from sandbox.serving import ListeningServer


class Running:
    """`registry` is "host:port"; `images` are what it serves; `registry_faults` are switched on by tests."""

    def __init__(
        self, simulation: Simulation, registry: ImageRegistry, server: ListeningServer, entry: ListeningServer
    ) -> None:
        self.simulation, self._registry, self._server, self._entry = simulation, registry, server, entry

    @property
    def registry(self) -> str:
        return "{}:{}".format(*self._server.address)

    @property
    def entry(self) -> str:
        """The edge's URL."""
        return "http://{}:{}".format(*self._entry.address)

    @property
    def registry_faults(self) -> Faults:
        return self._registry.faults

    @property
    def images(self) -> Images:
        return self.simulation.images

    def require_credentials(self, credentials: str) -> None:
        """From now on the registry asks for a token, which /token gives for "user:password"; "" ends that."""
        self._registry.credentials = credentials

    def stop(self) -> None:
        self._entry.stop()
        self.simulation.stop()
        self._server.stop()


def start(
    api: Api,
    *,
    nodes: Sequence[NodeSpec | str] | None,
    speed: float,
    registry_port: int,
    entry_port: int = 0,
    host: str = "127.0.0.1",
    images: Mapping[str, Any] | None = None,
    authority: str = "",
    metrics: Metrics | None = None,
) -> Running:
    """Starts everything around the API. `images` is what Images.dump gave; `authority` signed the API's certificate;
    `metrics` is where what is served is counted.

    ValueError names a node that cannot be read.
    """
    chosen = [node if isinstance(node, NodeSpec) else parse_node(node, at) for at, node in enumerate(nodes or ())]
    kept = Images()
    if images:
        kept.load(images)
    registry = ImageRegistry(kept)
    server = ListeningServer(registry.app, host, registry_port, name="sandbox-registry")
    running_at = "{}:{}".format(*server.address)
    simulation = Simulation(
        api.store,
        lambda manager: Client(api, manager),
        nodes=chosen or DEFAULT,
        images=kept,
        registry=running_at,
        clock=Clock(speed),
        metrics=metrics,
    )
    simulation.cluster.authority = authority
    simulation.install(api)
    simulation.start()
    entry = ListeningServer(EdgeServer(simulation.edge), host, entry_port, name="sandbox-edge")
    return Running(simulation, registry, server, entry)
