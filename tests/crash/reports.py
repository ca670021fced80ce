"""What the crash tests share: a run of tests.crash.run, and what has to hold of its report."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
KILLS, ROLLOUTS = 200, 100
LEASE_SECONDS = "4"


def report_of(database: str, folder: Path, kills: int = KILLS, rollouts: int = ROLLOUTS) -> dict[str, Any]:
    """What tests.crash.run tells of a fresh database."""
    environment = os.environ | {
        "SLIPWAY_DATABASE_URL": database,
        "SLIPWAY_VAR": str(folder),
        "SLIPWAY_LEASE_SECONDS": LEASE_SECONDS,
    }
    _python(environment, "manage.py", "migrate", "-v0")
    told = _python(environment, "-m", "tests.crash.run", str(folder), str(kills), str(rollouts))
    report: dict[str, Any] = json.loads(told)
    return report


def _python(environment: Mapping[str, str], *arguments: str) -> str:
    command = [sys.executable, *arguments]
    return subprocess.check_output(command, cwd=ROOT, env=environment, text=True, timeout=560)


def check(report: dict[str, Any]) -> None:
    assert report["kills"] >= KILLS, report
    assert report["rollouts"] >= ROLLOUTS, report
    assert report["wrong"] == [], "ended in another phase than meant"
    assert report["misplaced"] == [], "the cluster has not what the last good rollout brought"
    assert report["twice"] == [], "steps recorded twice"
    assert report["unfinished"] == [], "steps left open"
    assert report["writes"] > ROLLOUTS, "the watch on writes saw nothing"
    assert report["stale"] == [], "written by a stale worker after a newer one"
    assert report["whole"], report["audit"]
    assert {"good: succeeded", "bad: rolled back", "pause: succeeded"} <= set(report["phases"]), report["phases"]
