"""Canaries under constant traffic: requests that failed, who saw a bad one, and how soon nobody did."""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.figures import Figures, percentile, seconds, spread
from benchmarks.report import Goal, Report, Table
from benchmarks.routed import ROUTES, Routed, Site, Version, asked, site
from benchmarks.traffic import Answer, by, failed

MOST_FAILED, MOST_SECONDS = 0, 1.0
WEIGHTS, INTERVAL, COUNT = (25, 100), 3, 2
BAD = 0.5
METRICS = [{"template": name, "minimum_requests": 5} for name in ("success-rate", "latency")]
PARAMETERS = {
    "weights": list(WEIGHTS),
    "interval": INTERVAL,
    "count": COUNT,
    "metrics": METRICS,
    "fatalGraceSeconds": 1,
}


@dataclass(frozen=True)
class Good:
    """A canary that was promoted: what its service answered from the request to the success."""

    router: str
    answers: int
    failed: list[Answer]
    took: float


@dataclass(frozen=True)
class Bad:
    """One that its metrics took back. Seconds are from the sample that failed.

    `saw` are the requests that the bad version answered, `least` those that the step plan sends it before anybody can
    know; `failed` are those that nobody else answered well either.
    """

    router: str
    answers: int
    failed: list[Answer]
    saw: int
    least: float
    read_back: float
    last: float
    later: int


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.canary", description=__doc__)
    parser.add_argument("--canaries", type=int, default=50, help="that are good, over all applications")
    parser.add_argument("--bad", type=int, default=12, help="that are not")
    parser.add_argument("--routers", nargs="+", default=list(ROUTES), choices=list(ROUTES), help="one application each")
    parser.add_argument("--rate", type=float, default=50, help="requests a second and application")
    options = parser.parse_args()
    with site() as (place, described), asked(place, options.routers, options.rate) as services:
        good = [run for _ in range(rounds(options.canaries, services)) for run in _good(place, services)]
        bad = [run for _ in range(rounds(options.bad, services)) for run in _bad(place, services)]
        sent = sum(len(each.client.answers) for each in services)
    _report(described, good, bad, options, sent).publish()


def rounds(wanted: int, services: Sequence[Routed]) -> int:
    """How often all services side by side make as many as are wanted."""
    return -(-wanted // len(services))


def _good(place: Site, services: Sequence[Routed]) -> list[Good]:
    """A canary of every service, side by side."""
    began = time.time()
    versions = [place.next_version(each) for each in services]
    wanted = [place.ask(each, version, "canary", PARAMETERS) for each, version in zip(services, versions, strict=True)]
    found = []
    for each, version, rollout in zip(services, versions, wanted, strict=True):
        place.follow(rollout)
        each.client.wait_for(version.digest)
        each.version = version
        answers = [answer for answer in each.client.answers if answer.sent >= began]
        took = (rollout.finished_at - rollout.created_at).total_seconds()
        found.append(Good(each.router, len(answers), failed(answers), took))
        print(f"canary: {each.router}: {len(found[-1].failed)} of {len(answers)} failed, {seconds(took)}", flush=True)
    return found


def _bad(place: Site, services: Sequence[Routed]) -> list[Bad]:
    began = time.time()
    versions = [place.next_version(each, error_rate=BAD) for each in services]
    wanted = [place.ask(each, version, "canary", PARAMETERS) for each, version in zip(services, versions, strict=True)]
    for rollout in wanted:
        place.follow(rollout, "rolled back")
    time.sleep(1)  # for what might still come from the version that is gone
    found = []
    for each, version, rollout in zip(services, versions, wanted, strict=True):
        found.append(_taken_back(each, version, rollout, began))
        told = f"0 % after {seconds(found[-1].read_back)}, {found[-1].saw} of {found[-1].answers} saw it"
        print(f"bad canary: {each.router}: {len(found[-1].failed)} failed elsewhere, {told}", flush=True)
    return found


def _taken_back(routed: Routed, version: Version, rollout: Any, began: float) -> Bad:
    sample = rollout.measurements.filter(verdict="fail").earliest("at").at
    off = rollout.steps.get(track="back", index=0).finished_at.timestamp()
    answers = [each for each in routed.client.answers if each.sent >= began]
    saw = by(answers, version.digest)
    return Bad(
        routed.router,
        len(answers),
        [each for each in failed(answers) if each.version != version.digest],
        len(saw),
        routed.client.rate * WEIGHTS[0] / 100 * INTERVAL / COUNT,
        off - sample,
        max(each.sent for each in saw) - sample,
        len([each for each in saw if each.sent > off]),
    )


def _report(described: dict[str, str], good: list[Good], bad: list[Bad], options: Any, sent: int) -> Report:
    found = Report("canary", described)
    back = [each.read_back for each in bad]
    share = [each.saw / each.least for each in bad]
    found.goals = [
        Goal(f"requests that failed during {len(good)} canaries", sum(len(each.failed) for each in good), MOST_FAILED),
        Goal(
            f"requests that failed during {len(bad)} bad canaries, other than at the bad version",
            sum(len(each.failed) for each in bad),
            MOST_FAILED,
        ),
        Goal("from the failing sample to 0 % read back, median", Figures.of(back).median, MOST_SECONDS, " s"),
        Goal("from the failing sample to 0 % read back, p95", percentile(back, 95), MOST_SECONDS, " s"),
        Goal("requests sent after 0 % was read back that the bad version answered", sum(e.later for e in bad), 0),
    ]
    found.notes = [
        f"Requests that saw a bad canary, over the least that the step plan sends it: {_spread(share)}.",
        f"{sent} requests were sent, {options.rate:g} a second to each of {len(options.routers)} applications.",
    ]
    found.tables = [_table_of_good(good), _table_of_bad(bad)]
    found.raw = {"good": [vars(each) for each in good], "bad": [vars(each) for each in bad]}
    return found


def _table_of_good(good: list[Good]) -> Table:
    rows = []
    for router in dict.fromkeys(each.router for each in good):
        runs = [each for each in good if each.router == router]
        sums = sum(each.answers for each in runs), sum(len(each.failed) for each in runs)
        rows.append((router, str(len(runs)), *map(str, sums), spread([each.took for each in runs])))
    title = f"Good canaries ({', '.join(f'{weight} %' for weight in WEIGHTS)}, {INTERVAL} s each)"
    return Table(title, ("router", "canaries", "requests", "failed", "time: median (least to most)"), rows)


def _table_of_bad(bad: list[Bad]) -> Table:
    rows = []
    for router in dict.fromkeys(each.router for each in bad):
        runs = [each for each in bad if each.router == router]
        rows.append(
            (
                router,
                str(len(runs)),
                str(sum(len(each.failed) for each in runs)),
                _spread([each.saw / each.least for each in runs]),
                spread([each.read_back for each in runs]),
                spread([each.last for each in runs]),
            )
        )
    columns = ("router", "canaries", "failed elsewhere", "saw it, over the least", "0 % read back", "last answer of it")
    return Table("Bad canaries (half of what they answer is an error), seconds from the failing sample", columns, rows)


def _spread(values: list[float]) -> str:
    found = Figures.of(values)
    return f"{found.median:.2f} ({found.least:.2f} to {found.most:.2f})"


if __name__ == "__main__":
    main()
