"""Releases of several applications side by side while they are asked, and what of the requests failed."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.figures import Figures, seconds, spread
from benchmarks.report import Table
from benchmarks.routed_apps import Routed, Site, Version
from benchmarks.traffic import Answer, by, failed


@dataclass(frozen=True)
class Run:
    """One release: what its service answered from the request on, and seconds from the request to the success.

    `mixed`: seconds in which both versions answered.
    """

    router: str
    answers: int
    failed: list[Answer]
    took: float
    mixed: float


def rounds(wanted: int, services: Sequence[Routed]) -> int:
    """How often all services side by side make as many as are wanted."""
    return -(-wanted // len(services))


def ask_all(
    place: Site, services: Sequence[Routed], strategy: str, parameters: Mapping[str, Any], **behaviour: Any
) -> list[tuple[Routed, Version, Any]]:
    """A new version of every service, and its rollout, requested."""
    versions = [place.next_version(each, **behaviour) for each in services]
    return [
        (each, version, place.ask(each, version, strategy, {**parameters, "router": each.router}))
        for each, version in zip(services, versions, strict=True)
    ]


def release_all(place: Site, services: Sequence[Routed], strategy: str, parameters: Mapping[str, Any]) -> list[Run]:
    """A good release of every service, side by side, each to its success."""
    began, found = time.time(), []
    for each, version, rollout in ask_all(place, services, strategy, parameters):
        place.follow(rollout)
        each.client.wait_for(version.digest)
        found.append(_run(each, version, rollout, began))
        each.version = version
        told = f"{len(found[-1].failed)} of {found[-1].answers} failed, {seconds(found[-1].took)}"
        print(f"{strategy}: {each.router}: {told}", flush=True)
        for answer in found[-1].failed:
            print(f"  {answer}", flush=True)
    return found


def _run(routed: Routed, version: Version, rollout: Any, began: float) -> Run:
    answers = [answer for answer in routed.client.answers if answer.sent >= began]
    old = by(answers, routed.version.digest) if routed.version else []
    mixed = max(answer.came for answer in old) - min(answer.came for answer in by(answers, version.digest))
    took = (rollout.finished_at - rollout.created_at).total_seconds()
    return Run(routed.router, len(answers), failed(answers), took, max(0.0, mixed))


def table_of(title: str, runs: Sequence[Run]) -> Table:
    """One row for each router."""
    rows = []
    for router, mine in by_router(runs).items():
        sums = sum(each.answers for each in mine), sum(len(each.failed) for each in mine)
        both, took = spread([each.mixed for each in mine]), spread([each.took for each in mine])
        rows.append((router, str(len(mine)), *map(str, sums), both, took))
    columns = ("router", "releases", "requests", "failed", "both versions answered for", "time: median (least to most)")
    return Table(title, columns, rows)


def by_router(runs: Iterable[Any]) -> dict[str, list[Any]]:
    """Runs by their router, in the order in which these came."""
    found: dict[str, list[Any]] = {}
    for each in runs:
        found.setdefault(each.router, []).append(each)
    return found


def plain(values: Sequence[float]) -> str:
    """ "1.20 (1.00 to 1.40)"."""
    found = Figures.of(values)
    return f"{found.median:.2f} ({found.least:.2f} to {found.most:.2f})"
