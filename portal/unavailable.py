"""Whether a database refused for now: locked, full, restarting, out of reach. The same may succeed later."""

import sqlite3

from django.db import InterfaceError, OperationalError

RETRY_AFTER_SECONDS = 5
WORDS = "The database cannot be reached, or is busy. Nothing was changed; try again in a few seconds."
# Of SQLite's primary codes those that pass; a missing table is none of them, though its error is of the same class.
PASSING = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
    }
)


def is_unavailable(error: BaseException | None) -> bool:
    """Whether this error of Django's is of that kind. PostgreSQL's drivers keep these two classes for it."""
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    cause = error.__cause__
    if not isinstance(cause, sqlite3.Error):
        return True
    return (getattr(cause, "sqlite_errorcode", 0) & 0xFF) in PASSING
