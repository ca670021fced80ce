"""Two orchestrators whose processes are killed at random, two hundred times over a hundred rollouts."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.postgres import fresh_database

ROOT = Path(__file__).parents[2]
KILLS, ROLLOUTS = 200, 100
LEASE_SECONDS = "4"
pytestmark = pytest.mark.timeout(600)


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


def test_orchestrators_that_are_told_to_stop_do_so_within_seconds(tmp_path: Path) -> None:
    report = report_of(f"sqlite:///{tmp_path / 'calm.sqlite3'}", tmp_path, kills=0, rollouts=16)
    assert report["wrong"] == []
    assert max(report["stops"]) < 5, report["stops"]


def test_on_sqlite(tmp_path: Path) -> None:
    check(report_of(f"sqlite:///{tmp_path / 'crash.sqlite3'}", tmp_path))


@pytest.mark.lane("postgres")
def test_on_postgresql(tmp_path: Path) -> None:
    with fresh_database() as database:
        check(report_of(database, tmp_path))
