"""The portal as a benchmark uses it: actions in this process, the orchestrator in another. Needs Django set up."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from environments import setting_up
from environments.clusters import connect
from environments.models import Cluster, Environment
from portal import audit
from portal.actors import SYSTEM, Actor
from portal.audit.vouching import with_row
from releases import actions
from releases.ingest import create_release, store_bundle
from releases.models import Application, Release, Rollout
from releases.plan.secret_values import load_sealed, manifests_of
from releases.plan.store import load_plan
from releases.states import ENDED, Phase

LOOK = 0.01  # seconds between two looks at a rollout's row
PATIENCE = 400.0


@dataclass(frozen=True)
class Course:
    """A rollout that succeeded. Instants in seconds since the epoch; `seen`: when its success was read back."""

    asked: float
    planned: float
    started: float
    finished: float
    seen: float
    steps: tuple[tuple[str, float], ...]


def actor() -> Actor:
    """An administrator, made at the first call."""
    with transaction.atomic():
        user, new = User.objects.get_or_create(username="benchmark", defaults={"is_superuser": True, "is_staff": True})
        if new:
            audit.record("user.added", user, with_row(user), actor=SYSTEM)
    return Actor.of(user)


def cluster(kubeconfig: str) -> Cluster:
    return connect("benchmark", kubeconfig, actor=SYSTEM).cluster


def environment(where: Cluster, name: str, **fields: Any) -> Environment:
    return setting_up.add_environment(SYSTEM, name=name, cluster=where, **fields)


def save_rules(place: Environment) -> None:
    """As an administrator saves an environment's rules."""
    with transaction.atomic():
        place.save()
        audit.record("environment.changed", place, with_row(place), actor=SYSTEM)


def application(name: str, content: bytes, filename: str) -> Application:
    """With that bundle as its current one."""
    made = Application.objects.create(name=name)
    return actions.make_current(actor(), store_bundle(actor(), made, content, filename))


def release(of: Application, version: str, images: dict[str, str]) -> Release:
    return create_release(actor(), of, version, images)[0]


def roll_out(what: Release, where: Environment, check: Callable[[], None]) -> Course:
    """From the request until its success can be read; RuntimeError where it does not succeed."""
    asked = time.time()
    rollout = actions.request(actor(), what, where)
    follow(rollout, {Phase.SUCCEEDED}, check)
    return course(rollout, asked, time.time())


def follow(rollout: Rollout, phases: Collection[Phase], check: Callable[[], None]) -> None:
    """Until it is in one of the phases; RuntimeError where it ends in another."""
    deadline = time.monotonic() + PATIENCE
    while True:
        phase, why = Rollout.objects.values_list("phase", "why").get(pk=rollout.pk)
        if Phase(phase) in phases:
            rollout.refresh_from_db()
            return
        if Phase(phase) in ENDED or time.monotonic() > deadline:
            raise RuntimeError(f"{rollout} is {phase}: {why}")
        check()
        time.sleep(LOOK)


def course(rollout: Rollout, asked: float, seen: float) -> Course:
    steps = rollout.steps.filter(track="forward").order_by("index")
    stamps = [rollout.planned_at, rollout.started_at, rollout.finished_at]
    planned, started, finished = (stamp.timestamp() for stamp in stamps if stamp)
    timed = tuple((step.label, (step.finished_at - step.started_at).total_seconds()) for step in steps)
    return Course(asked, planned, started, finished, seen, timed)


def waves(what: Release, where: Environment, check: Callable[[], None]) -> list[list[dict[str, Any]]]:
    """What a rollout there would apply, as one list of objects a wave; the rollout itself is cancelled.

    What goes before the workloads is in the first wave, what comes after them in the last. `where` needs an approval.
    """
    rollout = actions.request(actor(), what, where)
    follow(rollout, {Phase.AWAITING_APPROVAL}, check)
    plan = load_plan(rollout)
    manifests = manifests_of(plan, load_sealed(rollout.sealed_digest))
    actions.cancel(actor(), rollout, "Only its plan was wanted.")
    return _waves(plan, manifests)


def _waves(plan: dict[str, Any], manifests: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    pending: list[dict[str, Any]] = []
    waves: list[list[dict[str, Any]]] = []
    for step in plan["steps"]:
        if step["kind"] in ("confirm", "prune", "verify", "adopt"):
            continue
        pending += [manifests[index] for index in step["objects"]]
        if step["kind"] == "wave":
            waves.append(pending)
            pending = []
    waves[-1] += pending
    return waves
