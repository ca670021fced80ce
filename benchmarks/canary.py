"""Canaries under constant traffic: requests that failed, who saw a bad one, and how soon nobody did."""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.figures import Figures, percentile, seconds, spread
from benchmarks.report import Goal, Report, Table
from benchmarks.routed_apps import ROUTES, Routed, Site, Version, asked, site
from benchmarks.side_by_side import Run, ask_all, by_router, plain, release_all, rounds, table_of
from benchmarks.traffic import Answer, by, failed

MOST_SECONDS = 1.0
WEIGHTS, INTERVAL = (25, 100), 5
BAD = 0.5
PARAMETERS = {
    "weights": list(WEIGHTS),
    "interval": INTERVAL,
    "count": 1,
    "metrics": [{"template": name, "minimum_requests": 5} for name in ("success-rate", "latency")],
    "fatalGraceSeconds": 1,
}


@dataclass(frozen=True)
class Bad:
    """A canary that its metrics took back; `back` and `last` are seconds from the sample that failed.

    `saw` are the requests that the bad version answered, `least` those that the step plan sends it before anybody can
    know; `failed` are those that nobody else answered well either. `back`: 0 % read back; `last`: the last answer of
    the bad version; `later`: requests that it answered although they were sent after 0 % had been read back.
    """

    router: str
    answers: int
    failed: list[Answer]
    saw: int
    least: float
    back: float
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
        turns = range(rounds(options.canaries, services))
        good = [run for _ in turns for run in release_all(place, services, "canary", PARAMETERS)]
        bad = [run for _ in range(rounds(options.bad, services)) for run in _bad(place, services)]
    _report(described, good, bad, options.rate).publish()


def _bad(place: Site, services: Sequence[Routed]) -> list[Bad]:
    began, found = time.time(), []
    wanted = ask_all(place, services, "canary", PARAMETERS, error_rate=BAD)
    for _, _, rollout in wanted:
        place.follow(rollout, "rolled back")
    time.sleep(1)  # for what might still come from the version that is gone
    for each, version, rollout in wanted:
        found.append(_taken_back(each, version, rollout, began))
        told = f"0 % after {seconds(found[-1].back)}, {found[-1].saw} of {found[-1].answers} saw it"
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
        routed.client.rate * WEIGHTS[0] / 100 * INTERVAL,
        off - sample,
        max(each.came for each in saw) - sample,
        len([each for each in saw if each.sent > off]),
    )


def _report(described: dict[str, str], good: list[Run], bad: list[Bad], rate: float) -> Report:
    found = Report("canary", described)
    back = [each.back for each in bad]
    lost = sum(len(each.failed) for each in good)
    elsewhere = sum(len(each.failed) for each in bad)
    late = [each.last - each.back for each in bad if each.later]
    found.goals = [
        Goal(f"requests that failed during {len(good)} canaries", lost, 0),
        Goal(f"requests that failed during {len(bad)} bad canaries, but at the bad version", elsewhere, 0),
        Goal("from the failing sample to 0 % read back, median", Figures.of(back).median, MOST_SECONDS, " s"),
        Goal("from the failing sample to 0 % read back, p95", percentile(back, 95), MOST_SECONDS, " s"),
    ]
    found.notes = [
        f"Requests that saw a bad canary, over the least that the step plan sends it: "
        f"{plain([each.saw / each.least for each in bad])}. Sent after 0 % was read back and yet answered by the bad "
        f"version: {sum(each.later for each in bad)}"
        + (f", the last of them {seconds(max(late))} later." if late else "."),
        f"Each application was sent {rate:g} requests a second.",
    ]
    shares = ", ".join(f"{weight} %" for weight in WEIGHTS)
    found.tables = [table_of(f"Good canaries ({shares}, {INTERVAL} s each)", good), _table_of_bad(bad)]
    found.raw = {"good": [vars(each) for each in good], "bad": [vars(each) for each in bad]}
    return found


def _table_of_bad(bad: list[Bad]) -> Table:
    rows = []
    for router, mine in by_router(bad).items():
        counts = str(len(mine)), str(sum(len(each.failed) for each in mine))
        saw = plain([each.saw / each.least for each in mine])
        rows.append((router, *counts, saw, *(spread([vars(each)[name] for each in mine]) for name in ("back", "last"))))
    columns = ("router", "canaries", "failed elsewhere", "saw it, over the least", "0 % read back", "last answer of it")
    return Table("Bad canaries (half of their answers are errors), seconds from the failing sample", columns, rows)


if __name__ == "__main__":
    main()
