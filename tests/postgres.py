"""Databases of a PostgreSQL server for tests: SLIPWAY_TEST_POSTGRES is the URL of one where databases may be made."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

ROOT = Path(__file__).parents[1]


def server() -> str:
    """The server's URL, with the database to connect to first."""
    return os.environ["SLIPWAY_TEST_POSTGRES"]


def url_of(database: str) -> str:
    """The URL of one of the server's databases."""
    return urlsplit(server())._replace(path=f"/{database}").geturl()


def execute(url: str, statement: str) -> None:
    """One statement as the owner, on a connection of its own."""
    import psycopg

    with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
        connection.execute(statement)  # type: ignore[arg-type]


@contextmanager
def fresh_database(*, migrated: bool = False) -> Iterator[str]:
    """The URL of a new database, gone afterwards; `migrated`: with the portal's tables."""
    name = f"slipway_test_{uuid4().hex[:12]}"
    execute(server(), f'CREATE DATABASE "{name}"')
    try:
        if migrated:
            manage("migrate", database=url_of(name))
        yield url_of(name)
    finally:
        execute(server(), f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def manage(*arguments: str, database: str, timeout: float = 120) -> str:
    """Runs a command of manage.py on a database; what it printed. CalledProcessError where it failed."""
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=os.environ | {"SLIPWAY_DATABASE_URL": database},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=True,
    )
    return done.stdout
