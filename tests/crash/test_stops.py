"""Orchestrators that are told to stop."""

from pathlib import Path

import pytest

from tests.crash.reports import report_of


@pytest.mark.timeout(600)
def test_orchestrators_that_are_told_to_stop_do_so_within_seconds(tmp_path: Path) -> None:
    report = report_of(f"sqlite:///{tmp_path / 'calm.sqlite3'}", tmp_path, kills=0, rollouts=16)
    assert report["wrong"] == []
    assert max(report["stops"]) < 5, report["stops"]
