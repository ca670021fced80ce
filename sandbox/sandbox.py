"""A whole embedded cluster in a thread of this process."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sandbox import recorded
from sandbox.api import Api
from sandbox.bootstrap import Running, start
from sandbox.certificates import Certificates
from sandbox.client import Client
from sandbox.faults import Faults
from sandbox.kubeconfig import kubeconfig
from sandbox.metrics.monitoring import Monitoring
from sandbox.metrics.registry import Metrics
from sandbox.server import ApiServer
from sandbox.serving import ListeningServer
from sandbox.store import Store
from sandbox.tokens import Tokens

NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")


class Sandbox:
    """A cluster that is there between `start` and `stop`, or inside a `with`.

    `nodes` are NodeSpec or their text form, None for the usual three; `speed` 10 lets ten simulated seconds pass in
    one; `state` is a private file from which objects, token and certificates are read at the start, and to which they
    are written at the stop; `controllers` False
    leaves the API alone, without nodes, controllers, registry, edge and Prometheus; `definitions` are the sets of
    custom resources that it knows from the start (recorded.SETS has them all). ValueError names a set that there is
    not.
    """

    def __init__(
        self,
        *,
        nodes: Sequence[Any] | None = None,
        speed: float = 1.0,
        host: str = "127.0.0.1",
        port: int = 0,
        registry_port: int = 0,
        entry_port: int = 0,
        prometheus_port: int = 0,
        definitions: Sequence[str] = recorded.SETS,
        token: str = "",
        state: Path | None = None,
        controllers: bool = True,
    ) -> None:
        self.store = Store()
        self.state = state
        kept = json.loads(state.read_bytes()) if state is not None and state.exists() else {}
        if kept:
            self.store.load(kept)
        self._kept_images = kept.get("images")
        self.api = Api(self.store)
        self.faults = Faults()
        self.metrics = Metrics()
        self.tokens = Tokens(token or kept.get("token", ""))
        self.certificates = Certificates(**kept["certificates"]) if kept else Certificates.made(host)
        recorded.install(self.api, definitions)
        self._place = host, port
        self._inside = (nodes, speed, registry_port, entry_port) if controllers else None
        self._running: Running | None = None
        self._prometheus_port = prometheus_port
        self._monitoring: Monitoring | None = None
        self._server: ListeningServer | None = None
        self.url = ""

    # -- what a test or the demo reads ------------------------------------------------------------------------------

    @property
    def token(self) -> str:
        return self.tokens.administrator

    @property
    def kubeconfig(self) -> str:
        """The administrator's kubeconfig, as text."""
        return kubeconfig(self.url, self.certificates.authority, self.token)

    @property
    def registry(self) -> str:
        """host:port of the registry."""
        return self._live.registry

    @property
    def entry(self) -> str:
        """URL of the edge, which routes requests by their Host header."""
        return self._live.entry

    @property
    def images(self) -> Any:
        """The registry's images; `push(repository, tag, behaviour={…})` adds one."""
        return self._live.images

    @property
    def registry_faults(self) -> Faults:
        """Faults of the registry, switched on as those of the API."""
        return self._live.registry_faults

    @property
    def prometheus(self) -> str:
        """URL of a Prometheus that scrapes `metrics` every second; its /metrics is for one of your own."""
        return self._watched.url

    @property
    def prometheus_faults(self) -> Faults:
        """Faults of the Prometheus, switched on as those of the API; never of its /metrics."""
        return self._watched.faults

    @property
    def client(self) -> Client:
        """A hand on the objects without HTTP, as kubectl's."""
        return Client(self.api, "kubectl")

    @property
    def _live(self) -> Running:
        if self._running is None:
            raise RuntimeError("the sandbox has no controllers, or is not started")
        return self._running

    @property
    def _watched(self) -> Monitoring:
        if self._monitoring is None:
            raise RuntimeError("the sandbox has no Prometheus, or is not started")
        return self._monitoring

    # -- life -------------------------------------------------------------------------------------------------------

    def start(self) -> Self:
        for name in NAMESPACES:
            if self.client.get("", "Namespace", "", name) is None:
                self.client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        if self._inside is not None:
            nodes, speed, registry_port, entry_port = self._inside
            self._running = start(
                self.api,
                nodes=nodes,
                speed=speed,
                registry_port=registry_port,
                entry_port=entry_port,
                host=self._place[0],
                images=self._kept_images,
                authority=self.certificates.authority,
                metrics=self.metrics,
            )
            self._monitoring = Monitoring(self.metrics, self._place[0], self._prometheus_port)
        app, (host, port) = ApiServer(self.api, self.tokens, self.faults).app, self._place
        self._server = ListeningServer(app, host, port, name="sandbox-api", tls=self.certificates.context())
        self.url = "https://{}:{}".format(*self._server.address)
        return self

    def stop(self) -> None:
        if self._server is not None:
            self.faults.cut_watches()
            self._server.stop()
        if self._monitoring is not None:
            self._monitoring.stop()
            self._monitoring = None
        if self._running is not None:
            self._running.stop()
            self._running = None
        self.save()

    def save(self) -> None:
        """Writes the objects to the state file, where there is one."""
        if self.state is None:
            return
        kept = {**self.store.dump(), "token": self.token, "certificates": self.certificates.described()}
        if self._running is not None:
            kept["images"] = self._running.images.dump()
        content = json.dumps(kept).encode()
        with tempfile.NamedTemporaryFile(dir=self.state.parent, delete=False) as file:
            file.write(content)
        Path(file.name).replace(self.state)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
