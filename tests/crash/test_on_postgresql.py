"""Two orchestrators whose processes are killed at random, two hundred times over a hundred rollouts, on PostgreSQL."""

from pathlib import Path

import pytest

from tests.crash.reports import check, report_of
from tests.postgres import fresh_database


@pytest.mark.timeout(600)
@pytest.mark.lane("postgres")
def test_nothing_is_lost_doubled_or_stale(tmp_path: Path) -> None:
    with fresh_database() as database:
        check(report_of(database, tmp_path))
