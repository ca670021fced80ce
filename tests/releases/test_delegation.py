"""A source of webhooks asks for rollouts in its maker's place: only where they may ask themself."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from releases.models import WebhookSource
from tests.releases.world import World

pytestmark = pytest.mark.django_db
SOURCES = "/admin/releases/webhooksource/"


@pytest.fixture
def staff(world: World, client: Client) -> User:
    """With every right over sources; a viewer of nothing, a developer in dev alone."""
    user: User = User.objects.create(username="staff", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="releases"))
    world.environments["dev"].grants.create(role="developer", user=user)
    client.force_login(user)
    return user


def form(world: World, place: str) -> dict:
    return {
        "name": "ci", "provider": "generic", "application": world.application.pk, "mapping": "{}", "active": "on",
        "rollout_to": [world.environments[place].pk],
    }  # fmt: skip


@pytest.mark.parametrize(("place", "made"), [("dev", True), ("prod", False)])
def test_a_source_reaches_no_further_than_its_maker(
    world: World, client: Client, staff: User, place: str, made: bool
) -> None:
    client.post(f"{SOURCES}add/", form(world, place))
    assert WebhookSource.objects.exists() is made


def test_one_that_reaches_further_is_not_theirs(world: World, client: Client, staff: User) -> None:
    source = WebhookSource(name="ci", provider="generic", application=world.application)
    source.secret = "whsec_AAAA"
    source.save()
    source.rollout_to.set([world.environments["prod"]])
    assert client.post(f"{SOURCES}{source.pk}/change/", form(world, "dev")).status_code == 403
    client.post(SOURCES, {"action": "renew", "_selected_action": [source.pk]})
    source.refresh_from_db()
    assert source.secret == "whsec_AAAA"
