"""What makes the API a living cluster: nodes, controllers, guards and registry, started together."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import uvicorn

from environments.sandbox.api import Api
from environments.sandbox.client import Client
from environments.sandbox.clock import Clock
from environments.sandbox.faults import Faults
from environments.sandbox.images import Images
from environments.sandbox.nodes import DEFAULT, NodeSpec, parse_node
from environments.sandbox.registry import Registry
from environments.sandbox.simulation import Simulation
from environments.sandbox.striking import Protocol

_STOP = 5.0


class RegistryServer:
    """Serves a registry in a thread. `address` is "host:port"."""

    def __init__(self, registry: Registry, host: str, port: int) -> None:
        listener = socket.create_server((host, port), backlog=128)
        # asyncio does so itself only for sockets that name their protocol; without it each answer waits 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        found_host, found_port = listener.getsockname()[:2]
        self.address = f"{found_host}:{found_port}"
        config = uvicorn.Config(
            registry.app,
            http=Protocol,
            log_level="critical",
            access_log=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, args=(listener,), name="sandbox-registry", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(_STOP)

    def _run(self, listener: socket.socket) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(self._server.serve(sockets=[listener]))


class Running:
    """`registry` is "host:port"; `images` are what it serves; `registry_faults` are switched on by tests."""

    def __init__(self, simulation: Simulation, registry: Registry, server: RegistryServer) -> None:
        self.simulation, self._registry, self._server = simulation, registry, server

    @property
    def registry(self) -> str:
        return self._server.address

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
        self.simulation.stop()
        self._server.stop()


def start(
    api: Api,
    *,
    nodes: Sequence[NodeSpec | str] | None,
    speed: float,
    registry_port: int,
    host: str = "127.0.0.1",
    images: Mapping[str, Any] | None = None,
    authority: str = "",
) -> Running:
    """Starts everything around the API. `images` is what Images.dump gave; `authority` signed the API's certificate.

    ValueError names a node that cannot be read.
    """
    chosen = [node if isinstance(node, NodeSpec) else parse_node(node, at) for at, node in enumerate(nodes or ())]
    kept = Images()
    if images:
        kept.load(images)
    registry = Registry(kept)
    server = RegistryServer(registry, host, registry_port)
    simulation = Simulation(
        api.store,
        lambda manager: Client(api, manager),
        nodes=chosen or DEFAULT,
        images=kept,
        registry=server.address,
        clock=Clock(speed),
    )
    simulation.cluster.authority = authority
    simulation.install(api)
    simulation.start()
    return Running(simulation, registry, server)
