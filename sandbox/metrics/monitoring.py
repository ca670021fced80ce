"""The sandbox's Prometheus: history, scraper and server together."""

from sandbox.faults import Faults
from sandbox.metrics.history import History, Scraper
from sandbox.metrics.registry import Metrics
from sandbox.metrics.server import Server
from sandbox.serving import Serving


class Monitoring:
    """Runs from its making until stop(). `url` is "http://host:port"; `faults` are switched on by tests."""

    def __init__(self, metrics: Metrics, host: str, port: int) -> None:
        self.history, self.faults = History(), Faults()
        self._scraper = Scraper(metrics.samples, self.history)
        server = Server(metrics, self.history, self.faults)
        self._serving = Serving(server.app, host, port, name="sandbox-prometheus")
        self._scraper.start()

    @property
    def url(self) -> str:
        return "http://{}:{}".format(*self._serving.address)

    def stop(self) -> None:
        self._scraper.stop()
        self._serving.stop()
