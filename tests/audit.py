"""The audit log in tests: its triggers stand, but for a flush and for who tampers on purpose."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.test import TransactionTestCase

from portal.audit import guard


@contextmanager
def unguarded() -> Iterator[None]:
    """As somebody who owns the database can: without the triggers."""
    with connection.cursor() as cursor:
        for table in guard.TABLES:
            guard.remove(connection, cursor.execute, table)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            for table in guard.TABLES:
                guard.install(connection, cursor.execute, table)


def let_flush_through() -> None:
    """A test with real transactions ends by emptying every table, which the triggers refuse."""
    flush = TransactionTestCase._fixture_teardown

    def teardown(case: Any) -> None:
        with unguarded():
            flush(case)

    TransactionTestCase._fixture_teardown = teardown  # type: ignore[method-assign]
