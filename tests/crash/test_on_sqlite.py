"""Two orchestrators whose processes are killed at random, two hundred times over a hundred rollouts, on SQLite."""

from pathlib import Path

import pytest

from tests.crash.reports import check, report_of


@pytest.mark.timeout(600)
def test_nothing_is_lost_doubled_or_stale(tmp_path: Path) -> None:
    check(report_of(f"sqlite:///{tmp_path / 'crash.sqlite3'}", tmp_path))
