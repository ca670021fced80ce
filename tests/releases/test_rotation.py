"""Keys are changed, the old one is dropped, and every revision can be brought back with its values."""

import importlib
import json

import pytest
import zstandard
from cryptography.fernet import Fernet
from django.apps import apps
from django.core.management import CommandError, call_command

from portal import blobs
from portal.encryption import key_texts
from portal.models import Blob
from releases import actions
from releases.models import Rollout
from releases.orchestrator.plan_cache import load
from releases.plan.secret_values import load_sealed
from releases.plan.store import load_plan
from releases.planning.planner import plan_now
from releases.states import Phase
from tests.releases.fakes import FakeCluster, FakeRegistry
from tests.releases.telling import tell
from tests.releases.test_plan import planned, succeed
from tests.releases.world import WEB, World

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
PASSWORDS = ("hunter1", "hunter2", "hunter3")


@pytest.fixture
def revisions(world: World, registry: FakeRegistry, cluster: FakeCluster, settings) -> list[Rollout]:
    """Three revisions in dev, each with a password of its own, stored under the old key."""
    settings.ENCRYPTION_KEYS = [OLD]
    return [
        succeed(planned(world, f"1.{number}.0", files={"base/web.yaml": WEB.replace("hunter2", password)}), cluster)
        for number, password in enumerate(PASSWORDS)
    ]


def password_of(rollout: Rollout) -> str:
    (secret,) = (each for each in load(rollout, "forward").manifests.values() if each["kind"] == "Secret")
    return secret["data"]["PASSWORD"]


def test_after_a_rotation_the_oldest_revision_comes_back_with_the_new_key_alone(
    revisions: list[Rollout], settings, capsys
) -> None:
    first = password_of(revisions[0])
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    call_command("rotate_keys")
    assert "can be taken out" in capsys.readouterr().out
    settings.ENCRYPTION_KEYS = [NEW]
    call_command("rollback", "shop", "dev", "--to-revision", "1")
    undo = Rollout.objects.latest("pk")
    assert (undo.kind, undo.phase, undo.source_plan) == ("undo", Phase.WAITING, revisions[0].plan_digest)
    assert password_of(undo) == first
    assert [load_sealed(each.sealed_digest) for each in revisions]


def test_after_a_rotation_the_action_undoes_too(world: World, revisions: list[Rollout], settings) -> None:
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    call_command("rotate_keys")
    settings.ENCRYPTION_KEYS = [NEW]
    actor = world.people["operator"]
    undo = plan_now(actions.undo(actor, world.application, world.environments["dev"], revisions[0], reason="as before"))
    assert undo.phase == Phase.WAITING
    assert password_of(undo) == password_of(revisions[0])


def test_a_revision_whose_values_no_key_opens_is_a_sentence(revisions: list[Rollout], settings) -> None:
    settings.ENCRYPTION_KEYS = [NEW]
    with pytest.raises(CommandError, match="its key is not in SLIPWAY_ENCRYPTION_KEYS"):
        call_command("rollback", "shop", "dev", "--to-revision", "1")


def test_values_that_are_not_those_of_their_plan_are_named(revisions: list[Rollout], capsys) -> None:
    Rollout.objects.filter(pk=revisions[0].pk).update(sealed_digest=revisions[1].sealed_digest)
    with pytest.raises(CommandError, match="1 stored secrets do not open"):
        call_command("rotate_keys")
    assert f"Rollout {revisions[0].pk}: The stored values of Secret shop-dev/web-secret" in capsys.readouterr().err


class TestSealedTwice:
    """Earlier versions encrypted the values of Secrets within a blob that was encrypted again."""

    def seal_twice(self, rollout: Rollout, key: str) -> str:
        inner = Fernet(key).encrypt(blobs.canonical(load_sealed(rollout.sealed_digest)))
        Blob.objects.filter(pk=rollout.sealed_digest).delete()
        return tell(rollout, sealed_digest=blobs.store(inner)).sealed_digest

    def migrate(self) -> None:
        importlib.import_module("releases.migrations.0002_bind_values").seal_once(apps, None)

    @pytest.mark.parametrize("keys", [[], [OLD]], ids=["derived", "set"])
    def test_they_are_sealed_once_and_their_plans_stay(
        self, revisions: list[Rollout], settings, keys: list[str]
    ) -> None:
        values = [load_sealed(each.sealed_digest) for each in revisions]
        plans = [load_plan(each) for each in revisions]
        call_command("rotate_keys")
        twice = [self.seal_twice(each, OLD if keys else derived(settings)) for each in revisions]
        settings.ENCRYPTION_KEYS = [OLD]
        self.migrate()
        self.migrate()
        for rollout in revisions:
            rollout.refresh_from_db()
        assert [load_sealed(each.sealed_digest) for each in revisions] == values
        assert [load_plan(each) for each in revisions] == plans
        assert not Blob.objects.filter(pk__in=twice).exists()

    def test_values_that_a_rotation_of_before_has_lost_hold_nothing_else_up(
        self, revisions: list[Rollout], settings
    ) -> None:
        self.seal_twice(revisions[0], Fernet.generate_key().decode())
        self.seal_twice(revisions[1], OLD)
        self.migrate()
        revisions[1].refresh_from_db()
        assert load_sealed(revisions[1].sealed_digest)
        with pytest.raises(CommandError, match="their key is gone"):
            call_command("rollback", "shop", "dev", "--to-revision", "1")
        with pytest.raises(CommandError, match="1 stored secrets do not open"):
            call_command("rotate_keys")


def derived(settings) -> str:
    """The key where none is set."""
    settings.ENCRYPTION_KEYS = []
    (key,) = key_texts()
    settings.ENCRYPTION_KEYS = [OLD]
    return key


def test_the_digest_of_sealed_values_confirms_no_guess(revisions: list[Rollout]) -> None:
    sealed = load_sealed(revisions[0].sealed_digest)
    assert revisions[0].sealed_digest != blobs.digest_of(blobs.canonical(sealed))
    content = zstandard.decompress(Blob.objects.get(pk=revisions[0].sealed_digest).content)
    assert len(json.loads(content)["salt"]) == 32
