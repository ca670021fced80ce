"""Whether the process lives (/healthz), and whether it can serve (/readyz)."""

import socket
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, Metric

from portal import audit, metrics
from portal.models import Heartbeat

FRESH = timedelta(seconds=30)
_migrated = False


def beat(name: str) -> None:
    """Notes that a part that works in the background gets on."""
    now = timezone.now()
    Heartbeat.objects.update_or_create(name=name, defaults={"host": socket.gethostname(), "at": now})


def healthz(_request: HttpRequest) -> HttpResponse:
    """200 as long as the process answers: it looks at nothing else."""
    return HttpResponse("ok\n", content_type="text/plain")


def readyz(_request: HttpRequest) -> JsonResponse:
    """200 where the database answers and its schema is the code's; 503 says which is not.

    The orchestrator's progress, and whether the history's heads are signed, are told and fail nothing: the pages
    work without them.
    """
    try:
        checks: dict[str, Any] = {"database": True, "migrations": _is_migrated()}
        told = {"orchestrator": _orchestrator(), "history": _history()} if checks["migrations"] else {}
    except DatabaseError:
        checks, told = {"database": False, "migrations": False}, {}
    return JsonResponse({**checks, **told}, status=200 if all(checks.values()) else 503)


def orchestrator_fresh() -> bool:
    """Whether an orchestrator showed progress within FRESH."""
    return Heartbeat.objects.filter(name="orchestrator", at__gte=timezone.now() - FRESH).exists()


def _orchestrator() -> dict[str, Any]:
    seen = Heartbeat.objects.filter(name="orchestrator").first()
    return {
        "seen": seen.at.isoformat(timespec="seconds") if seen else None,
        "host": seen.host if seen else None,
        "progress": bool(seen and seen.at >= timezone.now() - FRESH),
    }


def _history() -> dict[str, Any]:
    # What is wrong is for auditors, on the history's page.
    return {"heads": not audit.trouble()}


def _is_migrated() -> bool:
    global _migrated  # noqa: PLW0603 - once migrated a process stays so, and asking loads every migration
    connection.ensure_connection()
    if not _migrated:
        executor = MigrationExecutor(connection)
        _migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    if _migrated:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    return _migrated


@metrics.at_scrape
def progress() -> Iterator[Metric]:
    """Whether an orchestrator gets on: the alert that matters most."""
    gauge = GaugeMetricFamily("slipway_orchestrator_progress", "1 where an orchestrator showed progress in 30 s.")
    gauge.add_metric([], 1.0 if orchestrator_fresh() else 0.0)
    yield gauge


@metrics.at_scrape
def heads() -> Iterator[Metric]:
    """Whether the history's heads can be signed; where they cannot, somebody has changed one or the other."""
    gauge = GaugeMetricFamily("slipway_audit_heads", "1 where the history's newest head was signed when last tried.")
    gauge.add_metric([], 0.0 if audit.trouble() else 1.0)
    yield gauge
