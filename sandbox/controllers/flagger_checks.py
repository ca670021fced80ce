"""Flagger's two built-in checks, asked of what the edge has counted, or else of how the pods behave."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from sandbox.cluster import SimulatedCluster
from sandbox.controllers.flagger_parts import analysis_of, target_of
from sandbox.meta import Object, is_ready

REQUESTS = "istio_requests_total"
DURATIONS = "istio_request_duration_milliseconds_bucket"
QUANTILE = 0.99


class Counted(NamedTuple):
    """What the edge had counted of one workload: requests, those that failed, and durations up to a bound in ms."""

    requests: float
    failed: float
    within: dict[float, float]


class Checks:
    """Keeps what was counted at the check before, so that each looks at what came since."""

    def __init__(self, cluster: SimulatedCluster) -> None:
        self._cluster = cluster
        self._before: dict[str, Counted] = {}

    def begin(self, canary: Object) -> None:
        """From here on counts: called when traffic is sent to the target."""
        counted = self._count(canary)
        if counted is not None:
            self._before[canary["metadata"]["uid"]] = counted

    def forget(self, uid: str) -> None:
        self._before.pop(uid, None)

    def halt(self, canary: Object) -> str:
        """Why the analysis must not advance, in Flagger's words; "" where every check passes."""
        measured = self._measure(canary)
        where = f"{canary['metadata']['name']}.{canary['metadata']['namespace']}"
        words = (self._judge(metric, measured, where, canary) for metric in analysis_of(canary).get("metrics") or ())
        return next(filter(None, words), "")

    def _judge(self, metric: dict[str, Any], measured: dict[str, float], where: str, canary: Object) -> str:
        name, bounds = metric["name"], metric.get("thresholdRange") or {}
        if name not in ("request-success-rate", "request-duration"):
            return "Metric query failed for no usable metrics template and query were configured"
        if name not in measured:
            provider = canary["spec"].get("provider") or "istio"
            idle = f"{target_of(canary)}.{canary['metadata']['namespace']} is not receiving traffic"
            return f"Halt advancement no values found for {provider} metric {name} probably {idle}"
        value = measured[name]
        if name == "request-success-rate" and "min" in bounds and value < bounds["min"]:
            return f"Halt {where} advancement success rate {value:.2f}% < {bounds['min']:g}%"
        if name == "request-duration" and "max" in bounds and value > bounds["max"]:
            return f"Halt {where} advancement request duration {value:g}ms > {bounds['max']:g}ms"
        return ""

    def _measure(self, canary: Object) -> dict[str, float]:
        counted = self._count(canary)
        if counted is None:
            return self._behaviour(canary)
        uid = canary["metadata"]["uid"]
        before = self._before.get(uid, Counted(0, 0, {}))
        self._before[uid] = counted
        requests = counted.requests - before.requests
        if requests <= 0:
            return {}
        rate = 100 * (1 - (counted.failed - before.failed) / requests)
        within = {bound: count - before.within.get(bound, 0) for bound, count in counted.within.items()}
        return {"request-success-rate": rate, "request-duration": _quantile(within)}

    def _count(self, canary: Object) -> Counted | None:
        """None where the edge never measured the target."""
        requests = failed = 0.0
        within: dict[float, float] = {}
        for name, labels, value in self._samples(canary):
            if name == REQUESTS:
                requests += value
                failed += value if labels.get("response_code", "").startswith("5") else 0.0
            else:
                bound = float(labels["le"].replace("+Inf", "inf"))
                within[bound] = within.get(bound, 0.0) + value
        return Counted(requests, failed, within) if requests else None

    def _samples(self, canary: Object) -> Iterator[tuple[str, dict[str, str], float]]:
        place = ("destination", canary["metadata"]["namespace"], target_of(canary))
        for sample in self._cluster.metrics.samples():
            if sample.name in (REQUESTS, DURATIONS):
                labels = dict(sample.labels)
                at = (labels.get(n) for n in ("reporter", "destination_workload_namespace", "destination_workload"))
                if tuple(at) == place:
                    yield sample.name, labels, sample.value

    def _behaviour(self, canary: Object) -> dict[str, float]:
        """Without an edge: what the target's ready pods would answer."""
        view, namespace = self._cluster.view, canary["metadata"]["namespace"]
        sets = {
            each["metadata"]["uid"]
            for each in view.all("apps/ReplicaSet", namespace)
            if any(owner["name"] == target_of(canary) for owner in each["metadata"].get("ownerReferences") or ())
        }
        pods = [pod for uid in sets for pod in view.owned("Pod", uid) if is_ready(pod)]
        behaviours = [behaviour for pod in pods for behaviour in self._cluster.behaviours(pod)]
        if not behaviours:
            return {}
        rate = 100 * (1 - max(behaviour.error_rate for behaviour in behaviours))
        return {
            "request-success-rate": rate,
            "request-duration": max(behaviour.latency_ms for behaviour in behaviours),
        }


def _quantile(within: dict[float, float]) -> float:
    """The 99th percentile in ms, by the upper bound of its bucket's place; the last finite bound beyond it."""
    total = within.get(float("inf"), 0.0)
    below, low = 0.0, 0.0
    for bound in sorted(within):
        if within[bound] >= QUANTILE * total:
            share = (QUANTILE * total - below) / (within[bound] - below) if within[bound] > below else 0.0
            return low if bound == float("inf") else low + (bound - low) * share
        below, low = within[bound], bound
    return low
