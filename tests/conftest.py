"""What every test shares. Lanes are in tests/lanes.py."""

import pytest

from tests import lanes


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    lanes.skip_missing(items)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in lanes.summary():
        terminalreporter.write_line(line, yellow=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if lanes.required() & set(lanes.MISSING):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
