"""Gauges of clusters, from the database when Prometheus asks."""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric

from environments.models import Cluster
from portal import metrics


@metrics.at_scrape
def clusters() -> Iterator[Metric]:
    """1 for the state that each cluster's breaker is in, and whether its watches are live."""
    breaker = GaugeMetricFamily(
        "slipway_cluster_breaker", "The state of a cluster's breaker.", labels=["cluster", "state"]
    )
    watch = GaugeMetricFamily("slipway_cluster_watch_live", "Whether a cluster's watches are live.", labels=["cluster"])
    for name, state, watching in Cluster.objects.values_list("name", "breaker", "watch"):
        breaker.add_metric([name, state], 1.0)
        watch.add_metric([name], 1.0 if watching == "live" else 0.0)
    yield breaker
    yield watch
