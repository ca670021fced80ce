"""A secret that goes in comes out nowhere: not on a page, not by the API, not in the history, not in a log line."""

import base64
import json
from datetime import timedelta

import pytest
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from environments.models import ConfigurationEntry, Environment
from portal import tokens
from portal.models import AuditEntry, OutgoingCall
from releases import actions
from releases.models import Rollout, WebhookSource
from releases.planning.planner import plan_now
from tests.releases.fakes import FakeCluster, FakeRegistry
from tests.releases.world import WEB, World

pytestmark = pytest.mark.django_db
BUNDLED, OWN, SIGNING, CALLING = "hunter2", "correct-horse-battery", "whsec_c2lnbmluZyBrZXk=", "ghp_calling_back"
SECRETS = [
    form for text in (BUNDLED, OWN, SIGNING, CALLING) for form in (text, base64.b64encode(text.encode()).decode())
]
TABS = [f"/rollouts/{{}}?tab={tab}" for tab in ("now", "changes", "approvals", "activity", "release")]
PAGES = [
    *TABS,
    "/",
    "/approvals",
    "/history",
    "/rollouts",
    "/environments/prod",
    "/environments/prod/configuration/shop",
]
ADMIN = [
    f"/admin/{model}/"
    for model in ("environments/environment", "releases/webhooksource", "portal/outgoingcall", "portal/auditentry")
]
CALLS = ["/api/v1/rollouts/{}", "/api/v1/rollouts/{}/plan", "/api/v1/releases", "/api/v1/audit", "/api/v1/matrix"]


@pytest.fixture
def number(world: World, registry: FakeRegistry, cluster: FakeCluster) -> int:
    """A rollout of a bundle with a Secret, into an environment that has secrets of its own."""
    prod = world.environments["prod"]
    entry = {"config_map": "web-secret", "key": "TOKEN", "value": OWN, "sensitive": True}
    ConfigurationEntry.objects.create(environment=prod, **entry)
    source = WebhookSource.objects.create(
        name="shop", provider="github", application=world.application, secret=SIGNING, callback_token=CALLING
    )
    headers = json.dumps({"Authorization": f"Bearer {source.callback_token}"})
    OutgoingCall.objects.create(
        key="k", url="https://ci.example/", headers=headers, signer=SIGNING, due_at=timezone.now()
    )
    release = world.release("1.0.0", files={"base/web.yaml": WEB})
    rollout = plan_now(actions.request(world.people["developer"], release, prod))
    assert rollout.plan_digest, rollout.why
    return rollout.pk


def administrator(world: World) -> tuple[Client, str]:
    user = world.people["auditor"].user
    assert user is not None
    user.is_staff = user.is_superuser = True
    user.save()
    text, _ = tokens.issue(user, "all", (), (), timezone.now() + timedelta(hours=1))
    client = Client(headers={"Authorization": f"Bearer {text}"})
    client.force_login(user)
    return client, text


@pytest.mark.parametrize("model", [Environment, WebhookSource, OutgoingCall, Rollout])
def test_no_form_of_the_administration_holds_a_secret(world: World, number: int, model: type[Model]) -> None:
    row = model._default_manager.latest("pk") if model is not Environment else world.environments["prod"]
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[row.pk])
    answer = administrator(world)[0].get(address)
    assert answer.status_code == 200
    assert [secret for secret in SECRETS if secret in answer.content.decode()] == []


@pytest.mark.parametrize("address", [*PAGES, *ADMIN, *CALLS])
def test_nobody_is_shown_a_secret(
    world: World, number: int, address: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    client, text = administrator(world)
    answer = client.get(address.format(number))
    assert answer.status_code == 200
    told = answer.content.decode() + capsys.readouterr().err + caplog.text
    assert [secret for secret in [*SECRETS, text] if secret in told] == []


def test_the_history_holds_no_secret(number: int) -> None:
    told = json.dumps(list(AuditEntry.objects.values_list("data", flat=True)))
    assert [secret for secret in SECRETS if secret in told] == []
