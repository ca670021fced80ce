"""A PostgreSQL for a benchmark: the one that SLIPWAY_TEST_POSTGRES names, or one of its own from Debian's package."""

import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg

WAIT = 60


@contextmanager
def database() -> Iterator[str]:
    """The URL of an empty database, dropped afterwards."""
    if given := os.environ.get("SLIPWAY_TEST_POSTGRES"):
        with _database_at(given) as url:
            yield url
        return
    with _server() as own, _database_at(own) as url:
        yield url


@contextmanager
def _database_at(server: str) -> Iterator[str]:
    name = f"benchmark_{uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')  # type: ignore[arg-type]
        try:
            yield f"{server.rpartition('/')[0]}/{name}"
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')  # type: ignore[arg-type]


@contextmanager
def _server() -> Iterator[str]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found:
        raise SystemExit("No PostgreSQL here: install Debian's postgresql, or set SLIPWAY_TEST_POSTGRES to a URL.")
    with tempfile.TemporaryDirectory(prefix="slipway-benchmark-postgres-") as folder:
        Path(folder).chmod(0o777)
        data, port = f"{folder}/data", _free_port()
        _run(f"{found[-1]}/initdb -D {data} -A trust -U slipway")
        listening = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1"
        _run(f"{found[-1]}/pg_ctl -D {data} -w -l {folder}/log -o '{listening}' start")
        try:
            yield f"postgresql://slipway@127.0.0.1:{port}/postgres"
        finally:
            _run(f"{found[-1]}/pg_ctl -D {data} -m immediate stop")


def _run(command: str) -> None:
    """As the user postgres where this is root, whom the server refuses."""
    words = (
        ["su", "postgres", "-s", "/bin/sh", "-c", f"cd / && {command}"] if os.geteuid() == 0 else ["sh", "-c", command]
    )
    subprocess.run(words, check=True, timeout=WAIT, stdout=subprocess.DEVNULL)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
