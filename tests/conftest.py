"""What every test shares. Lanes are in tests/lanes.py."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection
from django.test import client
from pytest_django import DjangoDbBlocker, Settings

from portal.http_request import PortalRequest
from tests import lanes
from tests.audit import let_flush_through

let_flush_through()
# Django's test client makes requests itself; the portal's handler makes its own kind.
client.WSGIRequest = PortalRequest  # type: ignore[misc]
# Pages name static files without those having been collected.
settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The test database; PostgreSQL drops none that somebody is connected to, and threads of tests may still be."""
    yield
    if connection.vendor == "postgresql":
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )


@pytest.fixture(autouse=True)
def _own_audit_heads(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> None:
    settings.AUDIT_HEADS = tmp_path_factory.getbasetemp() / f"audit-heads-{uuid4().hex}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    lanes.skip_missing(items)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    counts = lanes.missing(terminalreporter.stats.get("skipped", []))
    for lane, count in sorted(counts.items()):
        terminalreporter.write_line(f"lane {lane} did not run: {count} tests need {lanes.VARIABLES[lane]}", yellow=True)
    for lane in sorted(lanes.unmet()):
        terminalreporter.write_line(f"lane {lane} is required and is not there: {lanes.VARIABLES[lane]}", red=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if lanes.unmet():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
