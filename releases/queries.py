"""What the screens and the API read: few queries, plain values, nothing decided twice."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, F, Max, Q, QuerySet, Window

from environments.access import permitted, roles_everywhere, visible
from environments.models import Environment
from portal.actors import Actor
from portal.roles import Verb
from releases.actions import offer
from releases.approvals.standing import standings
from releases.lifecycle import halfway
from releases.models import Application, Release, Rollout, Step
from releases.states import DRIVEN, Phase
from releases.vote_counting import Standing

# Ends that leave nothing to look at: the cell shows what is live and no more.
QUIET = frozenset({Phase.SUCCEEDED, Phase.CANCELLED, Phase.EXPIRED, Phase.REJECTED})
NOBODY = Standing(0)


@dataclass(frozen=True)
class RolloutProgress:
    """How far a rollout is: steps done of steps planned."""

    done: int
    total: int


@dataclass(frozen=True)
class Cell:
    """One application in one environment. `behind` counts the releases newer than the live one."""

    environment: Environment
    live: Rollout | None
    """None where nothing runs, and where a way back failed on its way."""
    behind: int
    flight: Rollout | None
    progress: RolloutProgress
    votes: Standing
    between: Rollout | None = None
    """The rollout whose way back failed: what runs is of it and of what ran before."""

    @property
    def since(self) -> datetime | None:
        return self.live.finished_at if self.live else None


@dataclass(frozen=True)
class MatrixRow:
    """One application across the environments, in their order."""

    application: Application
    latest: Release | None
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Matrix:
    """What runs where."""

    environments: tuple[Environment, ...]
    rows: tuple[MatrixRow, ...]


def live_rollouts(environments: Iterable[Environment]) -> dict[tuple[int, int], Rollout]:
    """(application id, environment id) to the rollout whose release runs there, as `queueing.running_release` has it.

    A rollout asked for later may have gone first, so the sequence counts and not the id.
    """
    place = [F("application_id"), F("environment_id")]
    succeeded = Rollout.objects.filter(environment__in=environments, phase=Phase.SUCCEEDED)
    newest = succeeded.annotate(highest=Window(Max("sequence"), partition_by=place)).filter(sequence=F("highest"))
    rollouts = newest.select_related("release__application").order_by("pk")
    return {(rollout.application_id, rollout.environment_id): rollout for rollout in rollouts}


def matrix(environments: Iterable[Environment]) -> Matrix:
    """What runs where, in these environments; who sees none of them sees no application either."""
    places = tuple(environments)
    if not places:
        return Matrix((), ())
    live, flights = live_rollouts(places), _flights(places)
    progress, votes = _progress(flights.values()), standings(_asking(flights.values()))
    latest, newer, halves = _latest(), _newer(live.values()), _halves(places)

    def cell(application: Application, environment: Environment) -> Cell:
        key = (application.pk, environment.pk)
        now, flight = live.get(key), flights.get(key)
        between = halves.get(key)
        if between and between.sequence > (now.sequence if now else 0):
            now = None
        else:
            between = None
        if now and flight and _overtaken(flight, now):
            flight = None
        behind = sum(release > now.release_id for release in newer.get(application.pk, ())) if now else 0
        known = flight.pk if flight else 0
        return Cell(
            environment,
            now,
            behind,
            flight,
            progress.get(known, RolloutProgress(0, 0)),
            votes.get(known, NOBODY),
            between,
        )

    rows = [
        MatrixRow(application, latest.get(application.pk), tuple(cell(application, place) for place in places))
        for application in Application.objects.all()
    ]
    return Matrix(places, tuple(rows))


def _halves(environments: Iterable[Environment]) -> dict[tuple[int, int], Rollout]:
    """By application and environment the newest rollout whose way back failed."""
    found = halfway().filter(environment__in=environments).select_related("release", "previous__release")
    return {(each.application_id, each.environment_id): each for each in found.order_by("sequence")}


def _overtaken(flight: Rollout, live: Rollout) -> bool:
    """Whether it came to nothing before what runs now was there."""
    ended, since = flight.finished_at or flight.created_at, live.finished_at or live.created_at
    return flight.ended and ended < since


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
        "release__application", "release__bundle", "application", "environment", "previous__release"
    )
    return {(rollout.application_id, rollout.environment_id): rollout for rollout in rollouts}


def _latest() -> dict[int, Release]:
    """The newest release of each application."""
    newest = Release.objects.order_by().values("application").annotate(newest=Max("pk")).values("newest")
    return {release.application_id: release for release in Release.objects.filter(pk__in=newest)}


def _newer(live: Collection[Rollout]) -> dict[int, list[int]]:
    """Ids of releases by application, from the oldest on that runs anywhere."""
    found: dict[int, list[int]] = {}
    oldest = min((rollout.release_id for rollout in live), default=None)
    if oldest is not None:
        for application, release in Release.objects.filter(pk__gt=oldest).values_list("application_id", "pk"):
            found.setdefault(application, []).append(release)
    return found


def _progress(rollouts: Iterable[Rollout]) -> dict[int, RolloutProgress]:
    rows = (
        Step.objects.filter(rollout__in=list(rollouts))
        .values("rollout_id", "track")
        .annotate(total=Count("id"), done=Count("id", filter=Q(state__in=[Step.State.DONE, Step.State.SKIPPED])))
        .order_by("track")
    )
    # "back" sorts before "forward": the way back is what is under way once it has steps.
    found: dict[int, RolloutProgress] = {}
    for row in rows:
        found.setdefault(row["rollout_id"], RolloutProgress(row["done"], row["total"]))
    return found


def _asking(rollouts: Iterable[Rollout]) -> list[Rollout]:
    return [rollout for rollout in rollouts if rollout.phase == Phase.AWAITING_APPROVAL]


def progress_of(rollout: Rollout) -> RolloutProgress:
    """The progress of one rollout: of its way back once it has one."""
    return _progress([rollout]).get(rollout.pk, RolloutProgress(0, 0))


def awaiting_approval(actor: Actor) -> list[Rollout]:
    """Every rollout that waits for approvals where this actor may look, the oldest first."""
    return list(_awaiting().filter(environment__in=visible(actor)))


def needs_approval_of(actor: Actor) -> list[Rollout]:
    """The rollouts that this very person may approve now."""
    waiting = _awaiting().filter(environment__in=permitted(actor, Verb.APPROVE))
    roles = roles_everywhere(actor)
    return [each for each in waiting if offer(actor, each, "approve", roles.get(each.environment_id)).allowed]


def _awaiting() -> QuerySet[Rollout]:
    waiting = Rollout.objects.filter(phase=Phase.AWAITING_APPROVAL).order_by("id").prefetch_related("approvals")
    return waiting.select_related("release__bundle", "application", "environment__cluster", "previous__release")
