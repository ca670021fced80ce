"""What has happened before somebody looks: 1.0.0 everywhere, then a webhook of CI that starts 1.1.0."""

import hashlib
import hmac
import json
import time
import urllib.request
import uuid
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
    """The releases into every environment, in the order of promotion, approved by the leads."""
    for environment in Environment.objects.all():
        rollouts = [actions.request(person("developer"), release, environment) for release in releases]
        _follow(rollouts, check)


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


def publish(webhook: dict[str, str], version: str) -> None:
    """GitHub's webhook for a published release of example/ai-workflow, signed as GitHub signs it."""
    body = json.dumps(
        {
            "action": "published",
            "release": {
                "tag_name": f"v{version}",
                "name": version,
                "body": "Faster answers.",
                "author": {"login": "octocat"},
                "target_commitish": "main",
            },
            "repository": {"id": 1, "full_name": "example/ai-workflow"},
            "sender": {"login": "octocat"},
        }
    ).encode()
    signature = hmac.new(webhook["secret"].encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "release",
        "X-GitHub-Delivery": str(uuid.uuid4()),
        "X-Hub-Signature-256": f"sha256={signature}",
    }
    request = urllib.request.Request(webhook["url"], data=body, headers=headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=10):  # noqa: S310
        pass
