"""What has happened before somebody looks: 1.0.0 everywhere, then 1.1.0 of Nova on its way."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

from django.contrib.auth.models import User

from demo import images
from environments.models import Environment
from portal.actors import Actor
from releases import actions
from releases.intake import create_release
from releases.models import Application, Release, Rollout
from releases.states import DRIVEN, Phase

FIRST = "1.0.0"
NEXT = "1.1.0"
PATIENCE = 600


def person(name: str) -> Actor:
    return Actor.of(User.objects.get(username=name))


def first_releases(demo: Path, registry: str) -> list[Release]:
    """1.0.0 of both platforms."""
    return [
        create_release(
            person("developer"),
            application,
            FIRST,
            images.references(demo / application.name, registry, FIRST),
            changelog="The first release.",
            source="demo",
        )[0]
        for application in Application.objects.all()
    ]


def roll_out(releases: Iterable[Release], check: Callable[[], None]) -> None:
    """The releases into every environment side by side, approved by the leads."""
    environments = list(Environment.objects.all())
    _follow([actions.request(person("developer"), each, place) for each in releases for place in environments], check)


def _follow(rollouts: list[Rollout], check: Callable[[], None]) -> None:
    deadline = time.monotonic() + PATIENCE
    while pending := [rollout for rollout in rollouts if _pending(rollout)]:
        check()
        if time.monotonic() > deadline:
            raise SystemExit("The demo's first releases did not arrive: " + "; ".join(map(str, pending)))
        time.sleep(0.5)


def _pending(rollout: Rollout) -> bool:
    rollout.refresh_from_db()
    if rollout.phase == Phase.AWAITING_APPROVAL:
        _approve(rollout)
    if rollout.phase in DRIVEN:
        return True
    if rollout.phase != Phase.SUCCEEDED:
        raise SystemExit(f"The demo's {rollout} is {rollout.phase}: {rollout.why}")
    return False


def _approve(rollout: Rollout) -> None:
    for name in ("lead", "lead2")[: rollout.environment.required_approvals]:
        actions.approve(person(name), rollout, rollout.plan_digest, "The demo's first release.")
        rollout.refresh_from_db()


def go_on(demo: Path, registry: str) -> None:
    """1.1.0 of Nova rolls into dev, and asks for staging: as CI would, by the same actions."""
    nova = Application.objects.get(name="nova")
    release, _created = create_release(
        person("developer"),
        nova,
        NEXT,
        images.references(demo / nova.name, registry, NEXT),
        changelog="Faster search, and streams that survive a restart.",
        commit_author="octocat",
        source="demo",
    )
    for place in Environment.objects.filter(name__in=["dev", "staging"]):
        actions.request(person("developer"), release, place)
