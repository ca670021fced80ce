"""Metrics of long jobs, from their rows: each job has a process of its own, which would leave a file of counts."""

from collections.abc import Iterator

from django.db.models import Count
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from portal.metrics import at_scrape
from portal.models import Job

State = Job.State


@at_scrape
def jobs() -> Iterator[Metric]:
    """Jobs by kind: how they ended, how many run, how many wait."""
    ended = CounterMetricFamily("slipway_jobs", "Long jobs that ended.", labels=["kind", "state"])
    running = GaugeMetricFamily("slipway_jobs_running", "Long jobs that run.", labels=["kind"])
    waiting = GaugeMetricFamily("slipway_jobs_waiting", "Long jobs that wait for a worker.", labels=["kind"])
    for kind, state, count in Job.objects.order_by().values_list("kind", "state").annotate(Count("pk")):
        if state == State.RUNNING:
            running.add_metric([kind], count)
        elif state == State.PENDING:
            waiting.add_metric([kind], count)
        else:
            ended.add_metric([kind, state], count)
    yield from (ended, running, waiting)
