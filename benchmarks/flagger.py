"""The same bad release through the real Flagger and through Slipway's canary, side by side: how soon nobody gets it."""

import argparse
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.figures import Figures, ratio_spread, ratios, seconds, spread
from benchmarks.report import Goal, Report, Table
from benchmarks.routed_apps import Routed, Site, Version, asked, site
from benchmarks.traffic import by, failed
from environments.kube.api.access import Access
from environments.kube.api.client import Gateway
from environments.kube.objects import Ref

MOST_RATIO = 0.25
BAD = 0.5
FLAGGER, ONCE, USUAL = "Flagger", "Slipway, one measurement an interval", "Slipway, six measurements an interval"
COUNTS = {ONCE: 1, USUAL: 6}
METRICS = [{"template": name, "minimum_requests": 5} for name in ("success-rate", "latency")]


@dataclass(frozen=True)
class Course:
    """One bad release: seconds from the first request that it failed, and from the check that first failed, until it
    got no more."""

    failed: int
    from_request: float
    from_check: float


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flagger", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--intervals", type=int, nargs="+", default=[10, 30], help="seconds between two looks")
    parser.add_argument("--rate", type=float, default=50, help="requests a second and application")
    options = parser.parse_args()
    with site() as (place, described), asked(place, ["istio"] * 3, options.rate) as services:
        ways = dict(zip((FLAGGER, ONCE, USUAL), services, strict=True))
        found = {}
        for interval in options.intervals:
            _hand_over(place, ways[FLAGGER], interval)
            found[interval] = [_round(place, ways, interval) for _ in range(options.rounds)]
    _report(described, found).publish()


def _parameters(way: str, interval: int) -> tuple[str, dict[str, Any]]:
    """Both move 20 % and then 40 % of the requests, and give a version up at its first failed check."""
    if way == FLAGGER:
        return "flagger", {"interval": interval, "threshold": 1, "maxWeight": 40, "stepWeight": 20}
    moves = {"weights": [20, 40, 100], "interval": interval, "count": COUNTS[way], "failureLimit": 0}
    return "canary", {**moves, "metrics": METRICS, "fatalGraceSeconds": 1}


def _hand_over(place: Site, routed: Routed, interval: int) -> None:
    """A good release through Flagger, so that it has a primary, and this interval."""
    version = place.next_version(routed)
    place.follow(place.ask(routed, version, *_parameters(FLAGGER, interval)))


def _round(place: Site, ways: dict[str, Routed], interval: int) -> dict[str, Course]:
    """The bad release through each way, all at the same time."""
    began, wanted = time.time(), {}
    for way, routed in ways.items():
        version = place.next_version(routed, error_rate=BAD)
        wanted[way] = version, place.ask(routed, version, *_parameters(way, interval))
    checks = Checks(place, ways[FLAGGER])
    checks.start()
    for _, rollout in wanted.values():
        place.follow(rollout, "rolled back")
    checks.stop()
    found = {}
    for way, (version, rollout) in wanted.items():
        check = checks.first if way == FLAGGER else rollout.measurements.filter(verdict="fail").earliest("at").at
        found[way] = _course(ways[way], version, began, check)
        told = f"gone {seconds(found[way].from_request)} after the first failed request"
        print(f"every {interval} s: {way}: {told}, {seconds(found[way].from_check)} after the check", flush=True)
    return found


def _course(routed: Routed, version: Version, began: float, check: float) -> Course:
    answers = by((each for each in routed.client.answers if each.sent >= began), version.digest)
    wrong = failed(answers)
    last = max(each.came for each in answers)
    return Course(len(wrong), last - min(each.came for each in wrong), last - check)


class Checks(threading.Thread):
    """Looks at a Canary ten times a second; `first`: when it first had a failed check."""

    def __init__(self, place: Site, routed: Routed) -> None:
        super().__init__(daemon=True)
        self.first = 0.0
        self._ended = threading.Event()
        self._gateway = Gateway(Access.from_kubeconfig(place.cluster.access))
        namespace = place.environment.namespace_for(routed.name)
        self._ref = Ref("flagger.app/v1beta1", "Canary", namespace, "web")

    def run(self) -> None:
        while not self.first and not self._ended.wait(0.1):
            status = self._failed()
            if status[0] == "Progressing" and status[1]:
                self.first = time.time()

    def stop(self) -> None:
        """RuntimeError where no check was seen to fail."""
        self._ended.set()
        self.join(10)
        if not self.first:
            raise RuntimeError("Flagger was not seen to fail a check.")

    def _failed(self) -> tuple[str, int]:
        status = (self._gateway.get(self._ref) or {}).get("status") or {}
        return str(status.get("phase", "")), int(status.get("failedChecks") or 0)


def _report(described: dict[str, str], found: dict[int, list[dict[str, Course]]]) -> Report:
    report = Report("flagger", described)
    for interval, rounds in found.items():
        for name, title in (("from_request", "first failed request"), ("from_check", "first failed check")):
            ratio = ratios(_values(rounds, USUAL, name), _values(rounds, FLAGGER, name))
            what = f"from the {title} until nobody gets it, over Flagger's, interval {interval} s"
            report.goals.append(Goal(what, Figures.of(ratio).median, MOST_RATIO))
        report.tables.append(_table(interval, rounds))
        report.raw[str(interval)] = [{way: vars(course) for way, course in each.items()} for each in rounds]
    return report


def _values(rounds: Sequence[dict[str, Course]], way: str, name: str) -> list[float]:
    return [float(getattr(each[way], name)) for each in rounds]


def _table(interval: int, rounds: Sequence[dict[str, Course]]) -> Table:
    rows = []
    for way in rounds[0]:
        cells = [way, f"{Figures.of(_values(rounds, way, 'failed')).median:.0f}"]
        for name in ("from_request", "from_check"):
            mine = _values(rounds, way, name)
            cells += [spread(mine), ratio_spread(ratios(mine, _values(rounds, FLAGGER, name)))]
        rows.append(cells)
    columns = (
        "way",
        "requests failed",
        "from the first failed request",
        "ratio",
        "from the first failed check",
        "ratio",
    )
    return Table(f"A look every {interval} s, {len(rounds)} rounds", columns, rows)


if __name__ == "__main__":
    main()
