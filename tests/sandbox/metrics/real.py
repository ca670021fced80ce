"""A real Prometheus beside the sandbox's: started for a test, asked in the same way, and read back raw."""

import json
import os
import socket
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import urllib3

from sandbox.metrics.history import History
from sandbox.metrics.registry import MetricSample

PATIENCE = 60


class Said(NamedTuple):
    """An answer of the API; `data` is None with an error, whose kind and words are `error`."""

    status: int
    data: Any
    error: tuple[str, str]


class Api:
    """A Prometheus, real or not, at a URL."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._pool = urllib3.PoolManager(timeout=10, retries=False)

    def __call__(self, path: str, **fields: str) -> Said:
        answer = self._pool.request("GET", f"{self.url}/api/v1/{path}", fields=fields)
        body = answer.json()
        return Said(answer.status, body.get("data"), (body.get("errorType", ""), body.get("error", "")))

    def instant(self, query: str, at: float) -> Said:
        return self("query", query=query, time=f"{at:.3f}")

    def ranged(self, query: str, start: float, end: float, step: float) -> Said:
        return self("query_range", query=query, start=f"{start:.3f}", end=f"{end:.3f}", step=f"{step:.3f}")

    def close(self) -> None:
        self._pool.clear()


@contextmanager
def scraping(target: str, folder: Path) -> Iterator[Api]:
    """A real Prometheus that scrapes host:port each second, from its first scrape on."""
    jobs = [{"job_name": "sandbox", "honor_labels": True, "static_configs": [{"targets": [target]}]}]
    every = {"scrape_interval": "1s", "scrape_timeout": "1s"}
    (folder / "prometheus.yml").write_text(json.dumps({"global": every, "scrape_configs": jobs}))
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{chosen.getsockname()[1]}"
    places = [f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}"]
    command = [os.environ["SLIPWAY_TEST_PROMETHEUS"], *places, f"--web.listen-address={address}"]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        api = Api(f"http://{address}")
        try:
            _wait_for_a_scrape(api)
            yield api
        finally:
            api.close()
            process.terminate()


def _wait_for_a_scrape(api: Api) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            if api.instant("up == 1", time.time()).data["result"]:
                return
        except (urllib3.exceptions.HTTPError, ValueError, TypeError):
            pass
        time.sleep(0.2)
    raise AssertionError(f"Prometheus has not scraped within {PATIENCE} seconds")


def copied(api: Api, at: float) -> History:
    """A history of the very samples that the real one has until a time."""
    scrapes: dict[int, list[MetricSample]] = defaultdict(list)
    for row in api.instant('{job=~".+"}[15m]', at).data["result"]:
        for moment, value in row["values"]:
            scrapes[round(moment * 1000)].append(_sample(row["metric"], float(value)))
    history = History()
    for moment in sorted(scrapes):
        history.record(moment, scrapes[moment])
    return history


def _sample(metric: Mapping[str, str], value: float) -> MetricSample:
    labels = tuple(sorted((name, text) for name, text in metric.items() if name != "__name__"))
    return MetricSample(metric["__name__"], labels, value)
