"""What the tests by kills share: a run of tests.portal.orchestration.kills, and what has to hold of its report."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
LEASE_SECONDS = "4"


def report_of(database: str, folder: Path, kills: int, what: str) -> dict[str, Any]:
    """What the run tells of a fresh database. `what`: jobs or passes."""
    environment = os.environ | {
        "SLIPWAY_DATABASE_URL": database,
        "SLIPWAY_VAR": str(folder),
        "SLIPWAY_LEASE_SECONDS": LEASE_SECONDS,
        "SLIPWAY_JOB_WORKERS": "3" if what == "jobs" else "0",
    }
    _python(environment, "manage.py", "migrate", "-v0")
    told = _python(environment, "-m", "tests.portal.orchestration.kills", str(folder), str(kills), what)
    report: dict[str, Any] = json.loads(told)
    return report


def _python(environment: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, *arguments]
    return subprocess.check_output(command, cwd=ROOT, env=environment, text=True, timeout=560)


def check_jobs(report: dict[str, Any], kills: int) -> None:
    assert report["kills"] >= kills, report
    assert report["open"] == [], "never ended"
    assert report["wrong ends"] == [], "ended otherwise than it was meant to"
    assert report["not told once"] == [], "their end was stored more than once, or not at all"
    assert report["not whole"] == [], "done, and something is missing or there twice"
    assert report["left behind"] == [], "failed or cancelled, and something is left of it"
    assert report["two at once"] == [], "a worker went on after another had taken over"
    assert report["taken up"] > report["jobs"], "no kill hit a job"


def check_passes(report: dict[str, Any], kills: int) -> None:
    assert report["kills"] >= kills, report
    assert report["open"] == [], "never ended"
    assert report["not done"] == [], "passed over more or less often than asked for"
    assert report["saved twice"] == [], "one pass was saved twice"
    assert report["never begun"] == [], "saved without having been begun"
    assert report["two at once"] == [], "a worker went on after another had taken over"
    assert report["broken off"] > 0, "no kill hit a pass"
