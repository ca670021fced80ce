"""`make demo` as its reader sees it: a canary that promotes itself, and one taken back by its metrics."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener, urlopen

import pytest

from demo.options import ROOT
from demo.story import BAD, CANARY, GOOD

PATIENCE = 420
pytestmark = pytest.mark.timeout(2 * PATIENCE)


@dataclass
class Demo:
    """A demo that runs; `told` is its demo.json."""

    told: dict[str, Any]

    def api(self, path: str) -> Any:
        token = self.told["users"]["auditor"]["token"]
        request = Request(f"{self.told['url']}/api/v1/{path}", headers={"Authorization": f"Bearer {token}"})
        with urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def page(self, path: str) -> str:
        """As the auditor sees it."""
        opener = build_opener(HTTPCookieProcessor(CookieJar()))
        form = opener.open(f"{self.told['url']}/sign-in", timeout=30).read().decode()
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
        assert found
        user = self.told["users"]["auditor"]
        fields = {"csrfmiddlewaretoken": found[1], "username": "auditor", "password": user["password"]}
        opener.open(Request(f"{self.told['url']}/sign-in", urlencode(fields).encode()), timeout=30)
        shown: str = opener.open(f"{self.told['url']}{path}", timeout=30).read().decode()
        return shown

    def ended(self, version: str) -> dict[str, Any]:
        """The rollout of that version of the AI platform, once it is over."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for rollout in self.api("rollouts?application=ai-workflow"):
                if rollout["version"] == version and rollout["finished"]:
                    found: dict[str, Any] = self.api(f"rollouts/{rollout['id']}")
                    return found
            time.sleep(1)
        raise AssertionError(f"{version} has not ended: {self.api('rollouts?application=ai-workflow')[:2]}")


def _interruptible() -> None:
    """As in a terminal: what a shell starts in the background would pass Ctrl-C over."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("demo")
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("DEMO_", "SLIPWAY_"))}
    variables |= {"DEMO_DIR": str(folder), "DEMO_PORT": str(_free_port())}
    with (folder / "log").open("w") as log:
        running = subprocess.Popen([sys.executable, "-m", "demo"], cwd=ROOT, env=variables, stdout=log, stderr=log)
    try:
        yield Demo(json.loads(_report(running, folder).read_text()))
    finally:
        running.send_signal(signal.SIGINT)
        running.wait(60)


def _report(running: subprocess.Popen[bytes], folder: Path) -> Path:
    deadline = time.monotonic() + PATIENCE
    while not (folder / "demo.json").exists():
        assert running.poll() is None, (folder / "log").read_text()
        assert time.monotonic() < deadline, (folder / "log").read_text()
        time.sleep(0.5)
    return folder / "demo.json"


def test_a_good_canary_promotes_itself_weight_by_weight(demo: Demo) -> None:
    rollout = demo.ended(GOOD)
    assert (rollout["phase"], rollout["environment"], rollout["strategy"]) == ("succeeded", "prod", "canary")
    weights = [step for step in rollout["steps"] if re.match(r"\d+ %", step["label"])]
    assert [int(step["label"].split()[0]) for step in weights] == CANARY["weights"]
    assert all("success rate 100 %" in step["why"] for step in weights)
    page = demo.page(f"/rollouts/{rollout['id']}?tab=now")
    assert page.count('<svg xmlns="http://www.w3.org/2000/svg" class="chart"') == 2
    assert 'class="chart-fail"' not in page


def test_a_bad_canary_is_taken_back_by_its_metrics_before_most_requests_see_it(demo: Demo) -> None:
    rollout = demo.ended(BAD)
    assert (rollout["phase"], rollout["environment"]) == ("rolled back", "dr")
    assert "success-rate failed" in rollout["why"]
    states = {step["label"].split(":")[0]: step["state"] for step in rollout["steps"] if step["track"] == "forward"}
    assert (states["5 %"], states["100 %"]) == ("failed", "skipped")
    assert 'class="chart-fail"' in demo.page(f"/rollouts/{rollout['id']}?tab=now")


def test_the_platform_in_dr_runs_what_it_ran_before(demo: Demo) -> None:
    demo.ended(BAD)
    row = next(row for row in demo.api("matrix") if row["application"] == "ai-workflow")
    cell = next(cell for cell in row["environments"] if cell["environment"] == "dr")
    assert cell["live"] == "1.0.0"
