"""What is measured of rollouts: counted as they go, and gauges from the database when Prometheus asks."""

from collections.abc import Iterator

from django.db.models import Count
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, Metric

from portal import metrics
from releases.models import Rollout
from releases.states import DRIVEN, Phase


def step_ended(track: str, state: str, seconds: float | None) -> None:
    """Counts a step that ended, and how long it took."""
    if seconds is not None:
        metrics.STEP_SECONDS.labels(track, state).observe(seconds)


def rollout_ended(rollout: Rollout, phase: Phase) -> None:
    """Counts a started rollout that ended, and how long it took."""
    labels = (rollout.environment.name, rollout.strategy, phase.value)
    metrics.ROLLOUTS.labels(*labels).inc()
    if rollout.started_at:
        metrics.ROLLOUT_SECONDS.labels(*labels).observe((timezone.now() - rollout.started_at).total_seconds())


@metrics.at_scrape
def rollouts() -> Iterator[Metric]:
    """How many rollouts are in each phase, by environment, and how late the latest is."""
    phases = GaugeMetricFamily("slipway_rollouts_in_phase", "Rollouts by phase.", labels=["environment", "phase"])
    counted = Rollout.objects.values_list("environment__name", "phase").annotate(count=Count("pk")).order_by()
    for environment, phase, count in counted:
        phases.add_metric([environment, phase], float(count))
    yield phases
    late = GaugeMetricFamily("slipway_rollout_overdue_seconds", "How long the most overdue rollout has been due.")
    late.add_metric([], _overdue())
    yield late


def _overdue() -> float:
    now = timezone.now()
    due = Rollout.objects.filter(phase__in=sorted(DRIVEN), due_at__lte=now).order_by("due_at")
    oldest = due.values_list("due_at", flat=True).first()
    return (now - oldest).total_seconds() if oldest else 0.0
