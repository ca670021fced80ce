"""Settings from the environment. A value that cannot be read ends the start with its name and what it should be."""

import os
import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off"}


def text(name: str, default: str | None = None) -> str:
    """The variable's text; without a default it has to be set."""
    value = os.environ.get(name, default)
    if value is None:
        raise ImproperlyConfigured(f"{name} is not set. Set it in the environment; see docs/how-to/operate.md.")
    return value


def flag(name: str, *, default: bool) -> bool:
    """1/true/yes/on or 0/false/no/off."""
    value = os.environ.get(name, "").strip().lower()
    if not value:
        return default
    if value in TRUE | FALSE:
        return value in TRUE
    raise ImproperlyConfigured(f"{name} is {value!r}; it has to be one of 1, true, yes, on, 0, false, no, off.")


def number(name: str, default: int) -> int:
    """A whole number."""
    value = os.environ.get(name, "")
    try:
        return int(value) if value else default
    except ValueError:
        raise ImproperlyConfigured(f"{name} is {value!r}; it has to be a whole number.") from None


def choice(name: str, default: str, choices: set[str]) -> str:
    """One of a few words."""
    value = os.environ.get(name) or default
    if value in choices:
        return value
    raise ImproperlyConfigured(f"{name} is {value!r}; it has to be one of {', '.join(sorted(choices))}.")


def words(name: str, default: str = "") -> list[str]:
    """A comma-separated list without empty items."""
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]


def database(name: str, base: Path) -> dict[str, object]:
    """postgresql://user:password@host:port/name, sqlite:///absolute/path, or nothing: a file under `base`."""
    url = urlsplit(os.environ.get(name) or f"sqlite:///{base / 'slipway.sqlite3'}")
    if url.scheme == "sqlite":
        return sqlite(url.path)
    if url.scheme in {"postgres", "postgresql"}:
        return postgres(url)
    raise ImproperlyConfigured(f"{name} starts with {url.scheme!r}; it has to be postgresql:// or sqlite:///.")


def database_wait() -> int:
    """Seconds that a statement waits for a lock, on either database. The portal itself has less: manage.py."""
    return number("SLIPWAY_DATABASE_WAIT_SECONDS", 20)


def sqlite(path: str) -> dict[str, object]:
    """WAL and IMMEDIATE transactions: without both, writers fail as "locked" under load."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "timeout": database_wait(),
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON",
        },
        # A file, not memory: threads of a test that share a database in memory meet locks that a file does not have.
        "TEST": {"NAME": str(Path(tempfile.gettempdir()) / f"slipway-test-{os.getpid()}.sqlite3")},
    }


def postgres(url: object) -> dict[str, object]:
    """Persistent connections with health checks; one connection a thread."""
    host, port = getattr(url, "hostname", None), getattr(url, "port", None)
    user, password = getattr(url, "username", None), getattr(url, "password", None)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(getattr(url, "path", "").lstrip("/")),
        "HOST": host or "",
        "PORT": port or "",
        "USER": unquote(user or ""),
        "PASSWORD": unquote(password or ""),
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        # A server that vanishes without a word: a query on its connection would wait for a quarter of an hour.
        "OPTIONS": {
            "options": f"-c lock_timeout={database_wait() * 1000}",
            "connect_timeout": 5,
            "tcp_user_timeout": 10_000,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 2,
        },
    }
