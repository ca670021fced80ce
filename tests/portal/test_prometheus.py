"""A real Prometheus reads what the portal exposes."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import urlopen

import pytest
from pytest_django.live_server_helper import LiveServer

from releases.states import Phase
from tests.releases import world as worlds

pytestmark = [pytest.mark.lane("prometheus"), pytest.mark.django_db(transaction=True)]


def free_port() -> int:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        return int(chosen.getsockname()[1])


@pytest.fixture
def prometheus(live_server: LiveServer, tmp_path: Path) -> Iterator[str]:
    """The address of a Prometheus that scrapes this portal each second."""
    target = live_server.url.removeprefix("http://")
    jobs = {"scrape_configs": [{"job_name": "slipway", "static_configs": [{"targets": [target]}]}]}
    config = tmp_path / "prometheus.yml"
    config.write_text(json.dumps({"global": {"scrape_interval": "1s"}, **jobs}))
    port = free_port()
    program = os.environ["SLIPWAY_TEST_PROMETHEUS"]
    command = [
        program,
        f"--config.file={config}",
        f"--storage.tsdb.path={tmp_path}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        yield f"http://127.0.0.1:{port}"
        process.terminate()


def ask(prometheus: str, query: str) -> list[dict[str, object]]:
    """The answer, once there is one; empty after half a minute."""
    for _ in range(100):
        try:
            with urlopen(f"{prometheus}/api/v1/query?query={quote(query)}", timeout=2) as answer:
                if found := json.load(answer)["data"]["result"]:
                    return list(found)
        except (URLError, OSError):
            pass
        time.sleep(0.3)
    return []


def test_prometheus_scrapes_the_portal(prometheus: str) -> None:
    assert ask(prometheus, 'up{job="slipway"} == 1')
    worlds.build().rollout(Phase.PAUSED)
    assert ask(prometheus, 'slipway_rollouts_in_phase{phase="paused"} == 1')


def test_promtool_finds_nothing_wrong(live_server: LiveServer) -> None:
    promtool = shutil.which("promtool", path=str(Path(os.environ["SLIPWAY_TEST_PROMETHEUS"]).parent)) or "promtool"
    with urlopen(f"{live_server.url}/metrics", timeout=10) as answer:
        checked = subprocess.run([promtool, "check", "metrics"], input=answer.read(), capture_output=True, check=False)
    assert (checked.returncode, checked.stderr.decode()) == (0, "")
