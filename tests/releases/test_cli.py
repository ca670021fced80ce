"""The commands of a shell: who acts, and what a version that is not there yet becomes."""

import pytest
from django.core.management import CommandError

from environments.access import may
from environments.models import Environment, RegistryAccount
from environments.registry import Credentials
from portal.roles import Verb
from releases import image_digests
from releases.cli import actor_of
from releases.management.commands.deploy import retagged
from tests.releases.world import World

pytestmark = pytest.mark.django_db


def test_without_a_name_the_shell_acts_and_may_do_all(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLIPWAY_USER", raising=False)
    actor = actor_of("")
    assert (actor.kind, actor.user) == ("system", None)
    assert actor.name.startswith("shell:")
    assert all(may(actor, verb, place) for place in Environment.objects.all() for verb in Verb)


def test_a_named_user_acts_with_their_own_rights(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_USER", "auditor")
    assert actor_of("").name == "auditor"
    assert not may(actor_of("developer"), Verb.APPROVE, world.environments["prod"])
    with pytest.raises(CommandError, match="no active user nobody"):
        actor_of("nobody")


def test_a_new_version_has_the_newest_releases_images_at_its_tag() -> None:
    images = {"web": "r.example/web:1.0.0", "job": "r.example/job:v1.0.0", "redis": "redis:7"}
    assert retagged(images, "1.0.0", "1.1.0") == {
        "web": "r.example/web:1.1.0",
        "job": "r.example/job:v1.1.0",
        "redis": "redis:7",
    }


def test_a_registry_is_asked_with_its_account(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    RegistryAccount.objects.create(registry="r.example", username="robot", password="hunter2")
    asked: dict[str, Credentials] = {}

    def resolve_all(_references: object, *, credentials: dict[str, Credentials], **_more: object) -> dict[str, object]:
        asked.update(credentials)
        return {}

    monkeypatch.setattr("environments.registry.resolve_all", resolve_all)
    image_digests.pin({})
    assert asked["r.example"].basic == Credentials("robot", "hunter2").basic
