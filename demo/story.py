"""What has happened before somebody looks: 1.0.0 everywhere, then 1.1.0 of Nova on its way."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User

from demo import images
from environments.kube.api.access import Access
from environments.kube.api.client import Gateway, connect_to
from environments.models import Environment
from portal.actors import Actor
from releases import actions
from releases.ingest import create_release
from releases.models import Application, Release, Rollout
from releases.states import DRIVEN, Phase

FIRST = "1.0.0"
NEXT = "1.1.0"
GOOD = "1.0.1"
BAD = "1.0.2"
# Short, so that somebody who watches sees the end of it.
CANARY: dict[str, Any] = {"workloads": ["agent-service"], "weights": [5, 25, 50, 100], "interval": 12, "count": 3}
REQUESTS_A_SECOND = 20
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


def canaries(demo: Path, registry: str, kubeconfig: str, check: Callable[[], None]) -> None:
    """A good release of the AI platform into prod and a bad one into dr, both as canaries of agent-service."""
    gateway = connect_to(Access.from_kubeconfig(kubeconfig))
    for place, version, changelog in (
        ("prod", GOOD, "Agents answer faster."),
        ("dr", BAD, "High-risk: agents plan with another model."),
    ):
        _requests(gateway, place)
        environment = Environment.objects.get(name=place)
        release = _release(demo, registry, version, changelog)
        rollout = actions.request(
            person("developer"),
            release,
            environment,
            strategy="canary",
            parameters=CANARY,
            strategy_reason="To show a canary.",
        )
        _approved(rollout, check)


def _release(demo: Path, registry: str, version: str, changelog: str) -> Release:
    platform = Application.objects.get(name="ai-workflow")
    references = images.references(demo / platform.name, registry, version)
    made, _created = create_release(
        person("developer"), platform, version, references, changelog=changelog, commit_author="octocat", source="demo"
    )
    return made


def _requests(gateway: Gateway, place: str) -> None:
    """Has the cluster's edge send requests to agent-service in an environment."""
    metadata = {"name": "requests", "namespace": f"ai-workflow-{place}", "labels": {"test.slipway/traffic": "true"}}
    host = f"api.{place}.aiworkflow.example"
    data = {"host": host, "path": "/api/agents/1", "rps": str(REQUESTS_A_SECOND)}
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
    gateway.apply(config, manager="demo", force=True)


def _approved(rollout: Rollout, check: Callable[[], None]) -> None:
    """Waits until it is planned, and has the leads approve it."""
    deadline = time.monotonic() + PATIENCE
    while rollout.phase in (Phase.PLANNING, Phase.AWAITING_APPROVAL) and time.monotonic() < deadline:
        check()
        if rollout.phase == Phase.AWAITING_APPROVAL:
            _approve(rollout)
        time.sleep(0.5)
        rollout.refresh_from_db()
    if rollout.phase == Phase.FAILED:
        raise SystemExit(f"The demo's {rollout} is {rollout.phase}: {rollout.why}")
