"""Two orchestrators whose processes are killed at random while they do long jobs: all end once, and as they should."""

from pathlib import Path

import pytest

from tests.portal.orchestration.kill_reports import check_jobs, report_of
from tests.postgres import fresh_database

FEW, MANY = 10, 100


def of_sqlite(folder: Path) -> str:
    return f"sqlite:///{folder / 'kills.sqlite3'}"


@pytest.mark.timeout(600)
def test_a_few_kills(tmp_path: Path) -> None:
    check_jobs(report_of(of_sqlite(tmp_path), tmp_path, FEW, "jobs"), FEW)


@pytest.mark.timeout(600)
@pytest.mark.lane("long")
def test_many_kills_on_sqlite(tmp_path: Path) -> None:
    check_jobs(report_of(of_sqlite(tmp_path), tmp_path, MANY, "jobs"), MANY)


@pytest.mark.timeout(600)
@pytest.mark.lane("long")
@pytest.mark.lane("postgres")
def test_many_kills_on_postgresql(tmp_path: Path) -> None:
    with fresh_database() as database:
        check_jobs(report_of(database, tmp_path, MANY, "jobs"), MANY)
