"""Blue-green under constant traffic: requests that failed, and how soon the old version is back."""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.figures import Figures, seconds, spread
from benchmarks.report import Goal, Report, Table
from benchmarks.routed_apps import ROUTES, Routed, Site, Version, asked, site
from benchmarks.side_by_side import Run, ask_all, by_router, release_all, rounds, table_of
from benchmarks.traffic import Answer, by, failed

MOST_SECONDS = 2.0
ENDED = ("failed", "succeeded", "rolled back", "aborted")
QUICK = {
    "checks": 2,
    "checkSeconds": 0.5,
    "soakSeconds": 1,
    "drainSeconds": 1,
    "metrics": [],
    "fatalGraceSeconds": 1,
    "stableSeconds": 0,
}
SOAKS = {**QUICK, "soakSeconds": 300}


@dataclass(frozen=True)
class Back:
    """A way back that somebody asked for in the soak. Seconds from there to the first answer of the old version, and to
    the last of the new one."""

    router: str
    answers: int
    failed: list[Answer]
    first: float
    last: float


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.blue_green", description=__doc__)
    parser.add_argument("--switches", type=int, default=50, help="that stay, over all applications")
    parser.add_argument("--backs", type=int, default=12, help="that somebody takes back in the soak")
    parser.add_argument("--routers", nargs="+", default=list(ROUTES), choices=list(ROUTES), help="one application each")
    parser.add_argument("--rate", type=float, default=50, help="requests a second and application")
    options = parser.parse_args()
    with site() as (place, described), asked(place, options.routers, options.rate) as services:
        turns = range(rounds(options.switches, services))
        there = [run for _ in turns for run in release_all(place, services, "blue-green", QUICK)]
        back = [run for _ in range(rounds(options.backs, services)) for run in _taken_back(place, services)]
    _report(described, there, back, options.rate).publish()


def _taken_back(place: Site, services: Sequence[Routed]) -> list[Back]:
    """One after the other, each when all requests are on its new version."""
    from benchmarks import portal
    from releases import actions

    began, found = time.time(), []
    for each, version, rollout in ask_all(place, services, "blue-green", SOAKS):
        _soaks(place, rollout)
        pressed = time.time()
        actions.abort(portal.actor(), rollout, "It is what is measured.")
        place.follow(rollout, "aborted")
        found.append(_back(each, version, began, pressed))
        told = f"the old version after {seconds(found[-1].first)}, {len(found[-1].failed)} failed"
        print(f"blue-green, back: {each.router}: {told}", flush=True)
    return found


def _soaks(place: Site, rollout: Any) -> None:
    """Until all requests are on its new version, and it is only looked after."""
    until = time.monotonic() + 120
    while not rollout.steps.filter(label__startswith="Look after", state="running").exists():
        rollout.refresh_from_db()
        if rollout.phase in ENDED or time.monotonic() > until:
            raise RuntimeError(f"{rollout} is {rollout.phase}: {rollout.why}")
        place.portal.processes.check()
        time.sleep(0.05)
    time.sleep(0.5)


def _back(routed: Routed, version: Version, began: float, pressed: float) -> Back:
    assert routed.version
    answers = [each for each in routed.client.answers if each.sent >= began]
    old = [each.came for each in by(answers, routed.version.digest) if each.sent >= pressed]
    new = [each.came for each in by(answers, version.digest)]
    return Back(routed.router, len(answers), failed(answers), min(old) - pressed, max(new) - pressed)


def _report(described: dict[str, str], there: list[Run], back: list[Back], rate: float) -> Report:
    found = Report("blue-green", described)
    first = [each.first for each in back]
    found.goals = [
        Goal(f"requests that failed during {len(there)} switches", sum(len(each.failed) for each in there), 0),
        Goal(f"requests that failed during {len(back)} ways back", sum(len(each.failed) for each in back), 0),
        Goal(
            "from the button to the first answer of the old version, median",
            Figures.of(first).median,
            MOST_SECONDS,
            " s",
        ),
        Goal("from the button to the first answer of the old version, most", max(first), MOST_SECONDS, " s"),
    ]
    found.notes = [f"Each application was sent {rate:g} requests a second."]
    found.tables = [table_of("Switches that stay", there), _table_of_backs(back)]
    found.raw = {"switched": [vars(each) for each in there], "back": [vars(each) for each in back]}
    return found


def _table_of_backs(back: list[Back]) -> Table:
    rows = []
    for router, mine in by_router(back).items():
        counts = str(len(mine)), str(sum(len(each.failed) for each in mine))
        times = [spread([vars(each)[name] for each in mine]) for name in ("first", "last")]
        rows.append((router, *counts, *times))
    columns = ("router", "ways back", "failed", "first answer of the old version", "last of the new one")
    return Table("Ways back in the soak, seconds from the button", columns, rows)


if __name__ == "__main__":
    main()
