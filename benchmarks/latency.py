"""From the moment at which the cluster is ready to the recorded success, beside `kubectl rollout status`."""

import argparse
import time
from dataclasses import dataclass
from typing import Any

import urllib3

from benchmarks import machine
from benchmarks.cluster import RealCluster
from benchmarks.figures import Figures, ratio_spread, ratios, seconds, spread
from benchmarks.harness import Stage, stage
from benchmarks.report import Goal, Report, Table
from demo import images

MOST_RATIO, MOST_P95 = 1.1, 0.5
NAME = "latency"
BUNDLE = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: registry.example/web
          ports: [{name: http, containerPort: 8080}]
          readinessProbe: {httpGet: {path: /readyz, port: http}, periodSeconds: 1}
"""


@dataclass(frozen=True)
class Turn:
    """One change: instants in seconds since the epoch."""

    changed: float
    ready: float
    kubectl: float
    recorded: float


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    cluster = RealCluster.from_environment()
    described = machine.described(**cluster.versions())
    with stage(cluster.registry, cluster.kubeconfig) as portal:
        turns = _turns(cluster, portal, options.rounds)
    _report(described, turns).publish()


def _turns(cluster: RealCluster, stage_: Stage, rounds: int) -> list[Turn]:
    from benchmarks import portal

    where = portal.environment(portal.cluster(cluster.access), f"{NAME}-{time.strftime('%H%M%S')}")
    application = portal.application(NAME, BUNDLE.encode(), "web.yaml")
    stage_.orchestrate()
    try:
        return [turn for number in range(rounds + 1) if (turn := _change(cluster, stage_, application, where, number))]
    finally:
        cluster.forget([where.namespace_for(NAME)])


def _change(cluster: RealCluster, stage_: Stage, application: Any, where: Any, number: int) -> Turn | None:
    """A new version; the first only lays the ground."""
    from benchmarks import portal

    version = f"1.{number}.0"
    _push(cluster, version)
    release = portal.release(application, version, {"registry.example/web": f"{cluster.registry}/web:{version}"})
    if number:
        return _turn(cluster, stage_, release, where)
    portal.roll_out(release, where, stage_.processes.check)
    return None


def _turn(cluster: RealCluster, stage_: Stage, release: Any, where: Any) -> Turn:
    """The rollout with kubectl and a raw watch beside it, all on the same change."""
    from benchmarks import portal
    from benchmarks.kubectl_comparison import Beside

    beside = Beside(cluster, where.namespace_for(NAME), "web")
    beside.start()
    course = portal.roll_out(release, where, stage_.processes.check)
    return Turn(*beside.instants(), recorded=course.seen)


def _push(cluster: RealCluster, version: str) -> None:
    pool = urllib3.PoolManager(timeout=images.TIMEOUT, retries=False)
    images.push(pool, cluster.registry, "web", version, {"startup_seconds": 1})


def _report(described: dict[str, str], turns: list[Turn]) -> Report:
    ours = [turn.recorded - turn.changed for turn in turns]
    theirs = [turn.kubectl - turn.changed for turn in turns]
    our_lag = [turn.recorded - turn.ready for turn in turns]
    their_lag = [turn.kubectl - turn.ready for turn in turns]
    rows = [
        _row("from the cluster being ready: recorded success", our_lag),
        _row("from the cluster being ready: kubectl rollout status has ended", their_lag),
        _row("from the change: recorded success", ours),
        _row("from the change: kubectl rollout status has ended", theirs),
    ]
    found = Report("latency", described)
    found.tables = [
        Table(f"One Deployment of three pods, {len(turns)} changes", ("what", "median (least to most)", "p95"), rows)
    ]
    of_change = ratios(ours, theirs)
    found.goals = [
        Goal("time of the whole change over kubectl's, median", Figures.of(of_change).median, MOST_RATIO),
        Goal("recorded after the cluster was ready, p95", Figures.of(our_lag).p95, MOST_P95, " s"),
    ]
    found.notes = [f"The ratio's spread: {ratio_spread(of_change)}."]
    found.raw = {"turns": turns}
    return found


def _row(what: str, values: list[float]) -> tuple[str, str, str]:
    return what, spread(values), seconds(Figures.of(values).p95)


if __name__ == "__main__":
    main()
