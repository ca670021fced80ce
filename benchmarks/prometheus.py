"""A real Prometheus that scrapes the edge every second, as a canary's evidence needs it."""

import json
import os
import shutil
import subprocess

import urllib3 as http
from urllib3.exceptions import HTTPError

from benchmarks.harness import Stage, free_port

READY = 200
EVERY = {"scrape_interval": "1s", "scrape_timeout": "1s"}


def scraping(stage: Stage, metrics: str, address: str = "") -> str:
    """Starts it among the stage's processes; its URL. `metrics`: the URL to scrape; `address`: host:port to serve at.

    One that serves there already is taken as it is. SystemExit where there is no such program.
    """
    if address and _serves(address):
        return f"http://{address}"
    program = os.environ.get("SLIPWAY_TEST_PROMETHEUS") or shutil.which("prometheus")
    if not program:
        raise SystemExit("This needs Prometheus: install it, or set SLIPWAY_TEST_PROMETHEUS to the program.")
    target, _, path = metrics.partition("://")[2].partition("/")
    job = {"job_name": "edge", "metrics_path": f"/{path}", "static_configs": [{"targets": [target]}]}
    written = stage.folder / "prometheus.yml"
    written.write_text(json.dumps({"global": EVERY, "scrape_configs": [{**job, "honor_labels": True}]}))
    address = address or f"127.0.0.1:{free_port()}"
    places = [f"--config.file={written}", f"--storage.tsdb.path={stage.folder / 'prometheus'}"]
    stage.processes.start("prometheus", [program, *places, f"--web.listen-address={address}"], {})
    stage.processes.wait_for(f"http://{address}/-/ready")
    return f"http://{address}"


def _serves(address: str) -> bool:
    try:
        return http.request("GET", f"http://{address}/-/ready", timeout=2.0, retries=False).status == READY
    except HTTPError:
        return False


def version() -> str:
    """ "2.42.0"."""
    program = os.environ.get("SLIPWAY_TEST_PROMETHEUS") or shutil.which("prometheus") or "prometheus"
    said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=False)
    return (said.stdout or said.stderr).split()[2]
