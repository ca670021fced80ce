"""/healthz, /readyz, /metrics; what is logged and what the checks say."""

import json
import logging
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.checks import run_checks
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.utils import OperationalError
from django.test import Client
from django.utils import timezone

from portal import health, logs, metrics
from portal.models import Heartbeat


class TestHealth:
    def test_alive_without_a_database(self, client: Client) -> None:
        assert client.get("/healthz").status_code == 200

    @pytest.mark.django_db
    def test_ready_with_database_and_schema(self, client: Client) -> None:
        answer = client.get("/readyz")
        assert answer.status_code == 200
        assert answer.json()["orchestrator"] == {"seen": None, "host": None, "progress": False}

    @pytest.mark.django_db
    def test_the_orchestrator_s_progress_is_told_and_fails_nothing(self, client: Client) -> None:
        health.beat("orchestrator")
        health.beat("orchestrator")
        assert client.get("/readyz").json()["orchestrator"]["progress"] is True
        Heartbeat.objects.update(at=timezone.now() - timedelta(seconds=31))
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["orchestrator"]["progress"]) == (200, False)

    @pytest.mark.django_db
    def test_not_ready_with_a_migration_to_come(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(health, "_migrated", False)
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM django_migrations WHERE app = 'portal'")
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()) == (503, {"database": True, "migrations": False})

    @pytest.mark.django_db
    def test_not_ready_without_a_database(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_args: object) -> None:
            raise OperationalError("connection refused at db.example")

        monkeypatch.setattr(CursorWrapper, "execute", refuse)
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()) == (503, {"database": False, "migrations": False})


@pytest.mark.django_db
class TestMetrics:
    def test_counters_and_what_the_database_says(self, client: Client) -> None:
        metrics.WEBHOOKS.labels("github", "accepted").inc()
        text = client.get("/metrics").content.decode()
        assert 'slipway_webhooks_total{outcome="accepted",provider="github"}' in text
        assert "# TYPE slipway_orchestrator_progress gauge" in text

    def test_a_token_where_one_is_set(self, client: Client, settings) -> None:
        settings.METRICS_TOKEN = "scrape"
        assert client.get("/metrics").status_code == 401
        assert client.get("/metrics", headers={"Authorization": "Bearer nope"}).status_code == 401
        assert client.get("/metrics", headers={"Authorization": "Bearer scrape"}).status_code == 200


def test_several_processes_add_up(tmp_path: Path) -> None:
    """Three processes count, a fourth shows the sum."""
    begin = "import django; django.setup(); from portal import metrics; "
    environment = os.environ | {"SLIPWAY_METRICS_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "portal.settings"}

    def run(code: str) -> str:
        command = [sys.executable, "-c", begin + code]
        done = subprocess.run(
            command, env=environment, cwd=django_settings.BASE_DIR, check=True, capture_output=True, text=True
        )
        return done.stdout

    for _ in range(3):
        run("metrics.WEBHOOKS.labels('github', 'new').inc(2)")
    shown = run("print(metrics.exposition_of_processes().decode())")
    assert 'slipway_webhooks_total{outcome="new",provider="github"} 6.0' in shown


class TestRequests:
    def test_a_request_is_measured_by_its_route(self, client: Client) -> None:
        client.get("/healthz")
        text = metrics.exposition_of_processes().decode()
        assert 'slipway_http_request_seconds_count{method="GET",route="healthz",status="200"}' in text

    def test_a_request_has_an_id_that_cannot_break_the_log(self, client: Client) -> None:
        assert client.get("/healthz", headers={"X-Request-ID": "from-the-proxy"})["X-Request-ID"] == "from-the-proxy"
        made = client.get("/healthz", headers={"X-Request-ID": "a b\tc" * 30})["X-Request-ID"]
        assert len(made) == 32


class TestLogs:
    def test_secrets_are_hidden_by_name(self) -> None:
        event = {"event": "x", "api_token": "t", "Password": "p", "kubeconfig": "k", "number": 1}
        hidden = logs.hide_secrets(None, "info", dict(event))
        assert hidden == event | dict.fromkeys(["api_token", "Password", "kubeconfig"], "(hidden)")

    def test_lines_of_json_of_ours_and_of_libraries(self) -> None:
        formatter = logs.configure("json", "INFO")["formatters"]["line"]
        make = formatter.pop("()")
        record = logging.LogRecord("library", logging.WARNING, "f", 1, "it %s", ("failed",), None)
        line = json.loads(make(**formatter).format(record))
        assert (line["event"], line["level"], line["logger"]) == ("it failed", "warning", "library")
        assert line["timestamp"].endswith("Z")


WRONG = {
    "ENCRYPTION_KEYS": "portal.E001",
    "AUDIT_SIGNING_KEYS": "portal.E002",
    "OUTBOUND_NETWORKS": "portal.E003",
}


@pytest.mark.parametrize("setting", WRONG)
def test_checks_name_what_cannot_be_read_without_showing_it(setting: str, settings) -> None:
    setattr(settings, setting, ["a-wrong-value"])
    (found,) = [message for message in run_checks() if message.id.startswith("portal.")]
    assert found.id == WRONG[setting]
    assert f"SLIPWAY_{setting}".removesuffix("S") in found.msg
    assert "entry 1" in found.msg
    assert "a-wrong-value" not in str(found)


def test_checks_warn_where_others_reach_a_portal_without_a_signing_key(settings) -> None:
    assert not [message for message in run_checks() if message.id.startswith("portal.")]
    settings.SECURE = True
    assert [message.id for message in run_checks() if message.id.startswith("portal.")] == ["portal.W001"]
