"""Four environments, one application, the people who work with them, and rollouts in any phase."""

import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from environments import setting_up
from environments.models import Cluster, Environment
from portal.actors import SYSTEM, Actor
from portal.roles import Role, Verb
from releases import actions, ingest
from releases.audit_entries import entry
from releases.identity import Identity
from releases.lifecycle import needed_approvals
from releases.models import Application, Approval, Bundle, Release, Rollout
from releases.states import LIVE, Phase
from releases.votes_in_history import row_of

ROLES: Mapping[str, Role | None] = {
    "lead": Role.APPROVER,
    "lead2": Role.APPROVER,
    "developer": Role.DEVELOPER,
    "operator": Role.OPERATOR,
    "auditor": Role.AUDITOR,
    "outsider": None,
}
WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: registry.example/shop/web
        envFrom: [{configMapRef: {name: web-config}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: web-config}
data: {LOG_LEVEL: info, DATABASE_URL: "postgresql://db-1/shop"}
---
apiVersion: v1
kind: Secret
metadata: {name: web-secret}
stringData: {PASSWORD: hunter2}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
"""


@dataclass
class World:
    """What a test starts from."""

    application: Application
    environments: dict[str, Environment]
    people: dict[str, Actor]

    def bundle(self, files: Mapping[str, str] | None = None, *, by: Actor = SYSTEM) -> Bundle:
        """A bundle of the application, made its current one."""
        content = archive(files or {"base/web.yaml": WEB})
        bundle = ingest.store_bundle(by, self.application, content, "shop.tar.gz")
        self.application = actions.make_current(SYSTEM.granted(self.environments, [Verb.MAKE_CURRENT]), bundle)
        return bundle

    def release(self, version: str = "1.0.0", files: Mapping[str, str] | None = None, **more: Any) -> Release:
        """A release of the application, with a bundle of its own where `files` are given."""
        bundle = self.bundle(files)
        images = more.pop("images", {"web": f"registry.example/shop/web:{version}"})
        return ingest.create_release(SYSTEM, self.application, version, images, bundle=bundle, **more)[0]

    def rollout(
        self,
        phase: Phase,
        *,
        environment: str = "prod",
        version: str = "1.0.0",
        by: str = "developer",
        **fields: Any,
    ) -> Rollout:
        """A rollout as if it had come to that phase."""
        now = timezone.now()
        started = phase in LIVE | {Phase.SUCCEEDED, Phase.FAILED, Phase.ABORTED, Phase.ROLLED_BACK}
        planned = phase is not Phase.PLANNING
        newest = Rollout.objects.order_by("-sequence").first()
        defaults = {
            "plan_digest": "sha256:plan" if planned else "",
            "planned_at": now if planned else None,
            "expires_at": now + timedelta(hours=1) if planned else None,
            "started_at": now if started else None,
            "sequence": (newest.sequence if newest else 0) + 1 if started else 0,
            "requested_by": by,
        }
        release = Release.objects.filter(version=version).first() or self.release(version)
        made = Rollout(
            release=release,
            application=self.application,
            environment=self.environments[environment],
            phase=phase,
            **{**defaults, **fields},
        )
        made.ask_as(self.people[by].user)
        with transaction.atomic():
            made.save()
            entry(made, "rollout.requested", {"to": phase})
        if planned and phase not in (Phase.AWAITING_APPROVAL, Phase.REJECTED, Phase.EXPIRED, Phase.CANCELLED):
            self._agree(made)
        return made

    def _agree(self, rollout: Rollout) -> None:
        """The votes that it needs to have come so far."""
        for number in range(needed_approvals(rollout)):
            name = f"chief{number}"
            user = User.objects.filter(username=name).first() or _person(name, Role.APPROVER, self.environments)
            who = Identity.of(user)
            vote = Approval.objects.create(
                rollout=rollout,
                digest=rollout.plan_digest,
                user=user,
                name=name,
                account=who.account,
                username=who.username,
                email=who.email,
                decision=Approval.Decision.APPROVED,
            )
            with transaction.atomic():
                entry(rollout, "rollout.approved", {"vote": row_of(vote)}, actor=Actor.of(user))


def build() -> World:
    """dev, staging, prod and dr on one cluster; prod needs an approval and a person's start."""
    cluster = Cluster.objects.create(name="one", server="http://127.0.0.1:1")
    environments = {
        name: setting_up.add_environment(
            SYSTEM,
            name=name,
            order=order,
            cluster=cluster,
            required_approvals=1 if name in ("prod", "dr") else 0,
            start_when_approved=name != "prod",
        )
        for order, name in enumerate(("dev", "staging", "prod", "dr"))
    }
    people = {name: Actor.of(_person(name, role, environments)) for name, role in ROLES.items()}
    return World(Application.objects.create(name="shop"), environments, people)


def _person(name: str, role: Role | None, environments: Mapping[str, Environment]) -> User:
    user = User.objects.create(username=name, email=f"{name}@example.test")
    if role:
        for each in environments.values():
            setting_up.grant(SYSTEM, each, role, user=user)
    return user


def archive(files: Mapping[str, str]) -> bytes:
    """A .tar.gz of these files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
        for path, text in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(text.encode())
            packed.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()
