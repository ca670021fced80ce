"""What the screens and the API read: few queries, plain values, nothing decided twice."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Q, QuerySet

from environments.access import permitted, visible
from environments.models import Environment
from portal import blobs
from portal.actors import Actor
from portal.roles import Verb
from releases.actions import offer
from releases.models import Application, Approval, Release, Rollout, Step
from releases.states import DRIVEN, Phase

# Ends that leave nothing to look at: the cell shows what is live and no more.
QUIET = frozenset({Phase.SUCCEEDED, Phase.CANCELLED, Phase.EXPIRED, Phase.REJECTED})


@dataclass(frozen=True)
class Progress:
    """How far a rollout is: steps done of steps planned."""

    done: int
    total: int


@dataclass(frozen=True)
class Cell:
    """One application in one environment. `behind` counts the releases newer than the live one."""

    environment: Environment
    live: Rollout | None
    behind: int
    flight: Rollout | None
    progress: Progress
    votes: int

    @property
    def since(self) -> datetime | None:
        return self.live.finished_at if self.live else None


@dataclass(frozen=True)
class Row:
    """One application across the environments, in their order."""

    application: Application
    latest: Release | None
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Matrix:
    """What runs where."""

    environments: tuple[Environment, ...]
    rows: tuple[Row, ...]


def live_rollouts(environments: Iterable[Environment]) -> dict[tuple[int, int], Rollout]:
    """(application id, environment id) to the rollout whose release runs there: the newest that succeeded."""
    newest = (
        Rollout.objects.filter(environment__in=environments, phase=Phase.SUCCEEDED)
        .values("application_id", "environment_id")
        .annotate(newest=Max("id"))
    )
    rollouts = Rollout.objects.filter(id__in=[row["newest"] for row in newest]).select_related("release__application")
    return {(rollout.application_id, rollout.environment_id): rollout for rollout in rollouts}


def live_rollout(application: Application, environment: Environment) -> Rollout | None:
    """The rollout whose release runs there."""
    return live_rollouts([environment]).get((application.pk, environment.pk))


def matrix(environments: Iterable[Environment]) -> Matrix:
    """What runs where, in these environments."""
    places = tuple(environments)
    live, flights = live_rollouts(places), _flights(places)
    progress, votes = _progress(flights.values()), _votes(flights.values())
    releases = _releases()

    def cell(application: Application, environment: Environment) -> Cell:
        key = (application.pk, environment.pk)
        now, flight = live.get(key), flights.get(key)
        if now and flight and flight.pk < now.pk:
            flight = None
        newer = sum(1 for release in releases.get(application.pk, ()) if now and release.pk > now.release_id)
        known = flight.pk if flight else 0
        return Cell(environment, now, newer, flight, progress.get(known, Progress(0, 0)), votes[known])

    rows = tuple(
        Row(
            application,
            _latest(releases.get(application.pk, ())),
            tuple(cell(application, place) for place in places),
        )
        for application in Application.objects.all()
    )
    return Matrix(places, rows)


def _flights(environments: Iterable[Environment]) -> dict[tuple[int, int], Rollout]:
    newest = (
        Rollout.objects.filter(environment__in=environments)
        .exclude(phase__in=QUIET)
        .values("application_id", "environment_id")
        .annotate(newest=Max("id"), driven=Max("id", filter=Q(phase__in=DRIVEN)))
    )
    # What moves is shown before what has failed.
    wanted = [row["driven"] or row["newest"] for row in newest]
    rollouts = Rollout.objects.filter(id__in=wanted).select_related(
        "release__application", "environment", "previous__release"
    )
    return {(rollout.application_id, rollout.environment_id): rollout for rollout in rollouts}


def _releases() -> dict[int, list[Release]]:
    found: dict[int, list[Release]] = {}
    for release in Release.objects.only("id", "version", "application_id", "created_at").order_by("-id"):
        found.setdefault(release.application_id, []).append(release)
    return found


def _latest(releases: Iterable[Release]) -> Release | None:
    return next(iter(releases), None)


def _progress(rollouts: Iterable[Rollout]) -> dict[int, Progress]:
    rows = (
        Step.objects.filter(rollout__in=list(rollouts))
        .values("rollout_id", "track")
        .annotate(total=Count("id"), done=Count("id", filter=Q(state__in=[Step.State.DONE, Step.State.SKIPPED])))
        .order_by("track")
    )
    # "back" sorts before "forward": the way back is what is under way once it has steps.
    found: dict[int, Progress] = {}
    for row in rows:
        found.setdefault(row["rollout_id"], Progress(row["done"], row["total"]))
    return found


def _votes(rollouts: Iterable[Rollout]) -> Counter[int]:
    approvals = Approval.objects.filter(
        rollout__in=list(rollouts), decision=Approval.Decision.APPROVED, revoked_at__isnull=True
    )
    return Counter(approvals.values_list("rollout_id", flat=True))


def progress_of(rollout: Rollout) -> Progress:
    """The progress of one rollout: of its way back once it has one."""
    return _progress([rollout]).get(rollout.pk, Progress(0, 0))


def plan_of(rollout: Rollout) -> dict[str, Any] | None:
    """The plan as it was approved; None before there is one. Its shape: releases.planning."""
    return blobs.load_json(rollout.plan_digest) if rollout.plan_digest else None


def awaiting_approval(actor: Actor) -> list[Rollout]:
    """Every rollout that waits for approvals where this actor may look, the oldest first."""
    return list(_awaiting().filter(environment__in=visible(actor)))


def needs_approval_of(actor: Actor) -> list[Rollout]:
    """The rollouts that this very person may approve now."""
    waiting = _awaiting().filter(environment__in=permitted(actor, Verb.APPROVE))
    return [rollout for rollout in waiting if offer(actor, rollout, "approve").allowed]


def _awaiting() -> QuerySet[Rollout]:
    waiting = Rollout.objects.filter(phase=Phase.AWAITING_APPROVAL).order_by("id")
    return waiting.select_related("release", "application", "environment__cluster", "previous__release")
