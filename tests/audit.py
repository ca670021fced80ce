"""The audit log in tests: its triggers stand, but for a flush and for who tampers on purpose."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import TransactionTestCase

from portal.audit import guard
from portal.models import AuditEntry


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


def rows() -> dict[str, list[tuple[object, ...]]]:
    """Everything that the database holds, but the history, and what Django notes of sessions and pages."""
    left_out = {AuditEntry, LogEntry, Session, ContentType}
    models = [model for model in apps.get_models(include_auto_created=True) if model not in left_out]
    return {model._meta.label: sorted(map(_plain, model._base_manager.values_list())) for model in models}


def _plain(row: tuple[object, ...]) -> str:
    """A row as text; a value kept encrypted shows its ciphertext, which its own text leaves out."""
    return repr([getattr(value, "content", value) for value in row])


@contextmanager
def unrecordable() -> Iterator[None]:
    """While this lasts, no entry can be written."""
    with patch.object(AuditEntry.objects, "create", side_effect=OSError("The disk is full.")):
        yield
