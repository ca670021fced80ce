"""What is open to this machine alone: metrics without a token, and everything under the development key."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.test import Client

from portal import exposure

KEY = {"SLIPWAY_SECRET_KEY": "a long random value"}
STARTS = {
    "nothing set": ({}, True),
    "loopback by number": ({"SLIPWAY_URL": "http://127.0.0.7:8000"}, True),
    "http elsewhere": ({"SLIPWAY_URL": "http://slipway.internal:8000"}, False),
    "http on an inner address": ({"SLIPWAY_URL": "http://10.0.0.5"}, False),
    "http elsewhere, by the names it answers to": ({"SLIPWAY_ALLOWED_HOSTS": "localhost,slipway.internal"}, False),
    "any name": ({"SLIPWAY_ALLOWED_HOSTS": "*"}, False),
    "behind a proxy": ({"SLIPWAY_BEHIND_PROXY": "1"}, False),
    "https": ({"SLIPWAY_URL": "https://slipway.example"}, False),
    "https on loopback": ({"SLIPWAY_URL": "https://localhost"}, False),
    "http elsewhere with a key": ({"SLIPWAY_URL": "http://slipway.internal:8000", **KEY}, True),
    "debugging elsewhere": ({"SLIPWAY_URL": "http://slipway.internal", "SLIPWAY_DEBUG": "1", **KEY}, False),
}


@pytest.mark.parametrize(("variables", "starts"), STARTS.values(), ids=list(STARTS))
def test_it_starts_with_the_development_key_on_loopback_only(
    variables: dict[str, str], starts: bool, tmp_path: Path
) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SLIPWAY_")}
    environment = clean | {"SLIPWAY_VAR": str(tmp_path)} | variables
    done = subprocess.run(
        [sys.executable, "-c", "import portal.settings"],
        check=False,
        env=environment,
        cwd=django_settings.BASE_DIR,
        capture_output=True,
        text=True,
    )
    assert (done.returncode == 0) is starts, done.stderr
    assert starts or "SLIPWAY_" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.5", "slipway.internal"])
def test_the_server_listens_to_no_others_under_the_development_key(host: str, settings) -> None:
    settings.UNSAFE = "SLIPWAY_SECRET_KEY is not set"
    with pytest.raises(CommandError, match="SLIPWAY_SECRET_KEY"):
        call_command("serve", bind=f"[{host}]:8000" if ":" in host else f"{host}:8000")
    settings.UNSAFE = ""
    exposure.check_bind(host)


ASKED = {
    "from this machine": ({"REMOTE_ADDR": "127.0.0.1"}, {}, True),
    "from this machine by IPv6": ({"REMOTE_ADDR": "::1"}, {}, True),
    "from a neighbour": ({"REMOTE_ADDR": "10.0.0.9"}, {}, False),
    "from a neighbour who says localhost": ({"REMOTE_ADDR": "10.0.0.9", "HTTP_HOST": "localhost"}, {}, False),
    "from nowhere": ({"REMOTE_ADDR": ""}, {}, False),
    "through a proxy on this machine": ({"HTTP_X_FORWARDED_FOR": "10.0.0.9"}, {}, False),
    "through a proxy, the standard way": ({"HTTP_FORWARDED": "for=10.0.0.9"}, {}, False),
    "through a proxy that says little": ({"HTTP_VIA": "1.1 proxy"}, {}, False),
    "where a proxy is in front": ({}, {"BEHIND_PROXY": True}, False),
    "where people come by https": ({}, {"SECURE": True}, False),
}


@pytest.mark.django_db
@pytest.mark.parametrize(("asked", "changes", "is_open"), ASKED.values(), ids=list(ASKED))
def test_metrics_without_a_token_are_for_this_machine(
    asked: dict[str, str], changes: dict[str, object], is_open: bool, client: Client, settings
) -> None:
    settings.UNSAFE = ""
    for name, value in changes.items():
        setattr(settings, name, value)
    answer = client.get("/metrics", **asked)
    assert answer.status_code == (200 if is_open else 403)
    assert is_open or "slipway_" not in answer.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(("asked", "changes", "is_open"), ASKED.values(), ids=list(ASKED))
def test_under_the_development_key_nothing_is_for_others(
    asked: dict[str, str], changes: dict[str, object], is_open: bool, client: Client, settings
) -> None:
    settings.UNSAFE = "SLIPWAY_SECRET_KEY is not set"
    for name, value in changes.items():
        setattr(settings, name, value)
    for path in ("/healthz", "/sign-in", "/api/v1/openapi.json", "/static/no"):
        assert (client.get(path, **asked).status_code != 403) is is_open, path


def test_the_data_folder_and_the_database_are_closed_to_other_accounts(tmp_path: Path) -> None:
    """Made so, and closed where earlier code left them open; the journals take after the database."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    (folder / "slipway.sqlite3").touch(mode=0o644)
    variables = {"SLIPWAY_VAR": str(folder), "SLIPWAY_METRICS_DIR": str(folder / "metrics")}
    clean = {name: value for name, value in os.environ.items() if name != "SLIPWAY_DATABASE_URL"}
    code = (
        "import os; os.umask(0); import django; django.setup()\n"
        "from django.db import connection, transaction\n"
        "with transaction.atomic(): connection.cursor().execute('CREATE TABLE t (x)')\n"
        "import pathlib\n"
        f"for path in pathlib.Path({str(folder)!r}).iterdir(): print(path.name, oct(path.stat().st_mode & 0o777))"
    )
    environment = clean | variables | {"DJANGO_SETTINGS_MODULE": "portal.settings"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, env=environment, cwd=django_settings.BASE_DIR, capture_output=True, text=True, check=True
    )
    modes = dict(line.split() for line in done.stdout.splitlines())
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {name: mode for name, mode in modes.items() if "sqlite3" in name} == {
        "slipway.sqlite3": "0o600",
        "slipway.sqlite3-shm": "0o600",
        "slipway.sqlite3-wal": "0o600",
    }
    assert modes["metrics"] == "0o700"


def test_checks_name_a_data_folder_that_stayed_open(settings, tmp_path: Path) -> None:
    settings.VAR = tmp_path
    tmp_path.chmod(0o755)
    assert "portal.W002" in {message.id for message in run_checks()}
    tmp_path.chmod(0o700)
    assert "portal.W002" not in {message.id for message in run_checks()}


@pytest.mark.parametrize("host", ["example.org", "0.0.0.0", "::", "10.0.0.1", "127.0.0.1.example.org", ""])
def test_what_is_not_loopback(host: str) -> None:
    assert not exposure.is_loopback(host)


def test_settings_that_are_safe_are_open_to_all() -> None:
    exposure.check_settings(unsafe="", hosts=["slipway.example"], behind_proxy=True)
    with pytest.raises(ImproperlyConfigured, match=r"slipway\.example"):
        exposure.check_settings(unsafe="it is unsafe", hosts=["slipway.example"], behind_proxy=False)
