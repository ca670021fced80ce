"""What every test shares. Lanes are in tests/lanes.py."""

import pytest

from tests import lanes


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    lanes.skip_missing(items)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    counts = lanes.missing(terminalreporter.stats.get("skipped", []))
    for lane, count in sorted(counts.items()):
        terminalreporter.write_line(
            f"lane {lane} did not run: {count} tests need {lanes.VARIABLES[lane]}", yellow=True
        )
    for lane in sorted(lanes.unmet()):
        terminalreporter.write_line(
            f"lane {lane} is required and is not there: {lanes.VARIABLES[lane]}", red=True
        )


def pytest_sessionfinish(session: pytest.Session) -> None:
    if lanes.unmet():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
