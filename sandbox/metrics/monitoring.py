"""The sandbox's Prometheus: history, scraper and server together."""

from sandbox.faults import Faults
from sandbox.metrics.history import History, Scraper
from sandbox.metrics.registry import Metrics
from sandbox.metrics.server import PrometheusServer
from sandbox.serving import ListeningServer


class Monitoring:
    """Runs from its making until stop(). `url` is "http://host:port"; `faults` are switched on by tests."""

    def __init__(self, metrics: Metrics, host: str, port: int) -> None:
        self.history, self.faults = History(), Faults()
        self._scraper = Scraper(metrics.samples, self.history)
        server = PrometheusServer(metrics, self.history, self.faults)
        self._serving = ListeningServer(server.app, host, port, name="sandbox-prometheus")
        self._scraper.start()

    @property
    def url(self) -> str:
        return "http://{}:{}".format(*self._serving.address)

    def stop(self) -> None:
        self._scraper.stop()
        self._serving.stop()
