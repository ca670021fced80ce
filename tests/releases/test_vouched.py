"""What SQL alone wrote does not roll: each row and field is named, and there is a way on for people."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from environments import setting_up
from environments.models import Grant
from portal import blobs
from portal.actors import SYSTEM, Actor
from portal.audit import vouching
from portal.blobs import BlobError
from portal.encryption import SecretUnreadable
from portal.models import AuditEntry
from portal.roles import Role
from portal.steps.state import State
from releases import actions
from releases.approvals.standing import standing
from releases.models import Approval, Rollout
from releases.orchestrator import reconciler
from releases.plan.store import load_plan
from releases.planning.planner import plan_now
from releases.states import LIVE, InvalidTransition, Phase
from tests.audit import unguarded
from tests.releases.fakes import FakeCluster, FakeRegistry
from tests.releases.orchestrator.test_claims import claim
from tests.releases.telling import tell
from tests.releases.world import World

WHO = "Somebody wrote to the database itself."


@pytest.fixture(autouse=True)
def _around(registry: FakeRegistry, cluster: FakeCluster) -> None:
    """Both are there in every test."""


@pytest.fixture
def driven(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Which rollouts would have written to a cluster."""
    found: list[int] = []

    def drive(claim: Any) -> bool:
        found.append(claim.rollout.pk)
        claim.release({}, None)
        return False

    monkeypatch.setattr(reconciler, "pass_live", drive)
    return found


def sql(statement: str, *values: object) -> None:
    """As somebody with the database's password and nothing else."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        assert cursor.rowcount == 1, statement


def one_pass(rollout: Rollout) -> Rollout:
    reconciler.advance_one(claim(rollout))
    rollout.refresh_from_db()
    return rollout


def planned(world: World) -> Rollout:
    """Waits for the two approvals of prod, which starts by itself then."""
    tell(world.environments["prod"], required_approvals=2, start_when_approved=True)
    return plan_now(actions.request(world.people["developer"], world.release(), world.environments["prod"]))


def vote(world: World, rollout: Rollout, *names: str) -> Rollout:
    for name in names:
        actions.approve(world.people[name], rollout, rollout.plan_digest, "looked at it")
    return rollout


def by_hand(rollout: Rollout, name: str) -> None:
    """A vote that nobody cast."""
    user = User.objects.get(username=name)
    sql(
        "INSERT INTO releases_approval (rollout_id, digest, user_id, name, decision, comment, created_at, account, "
        "username, email, own, revoked_why) VALUES (%s, %s, %s, %s, 'approved', 'fine', %s, %s, %s, %s, %s, '')",
        rollout.pk, rollout.plan_digest, user.pk, name, timezone.now(), user.pk, name, user.email, True,
    )  # fmt: skip


def forged_vote(world: World, rollout: Rollout) -> None:
    by_hand(vote(world, rollout, "lead"), "lead2")
    sql("UPDATE releases_rollout SET phase = 'waiting' WHERE id = %s", rollout.pk)


def forged_vote_alone(world: World, rollout: Rollout) -> None:
    by_hand(vote(world, rollout, "lead"), "lead2")


def vote_given_to_another(world: World, rollout: Rollout) -> None:
    vote(world, rollout, "lead", "lead2")
    sql("UPDATE releases_approval SET account = 999, username = 'x', email = '' WHERE name = 'lead2'")


def voided_vote_revived(world: World, rollout: Rollout) -> None:
    vote(world, rollout, "lead", "lead2")
    actions.replan(world.people["developer"], rollout)
    plan_now(rollout)
    vote(world, rollout, "lead")
    sql("UPDATE releases_approval SET revoked_at = NULL WHERE name = 'lead2'")


def role_raised(world: World, rollout: Rollout) -> None:
    grant = setting_up.grant(
        SYSTEM, world.environments["prod"], Role.VIEWER, user=User.objects.get(username="outsider")
    )
    sql("UPDATE environments_grant SET role = 'approver' WHERE id = %s", grant.pk)
    raise_vote(world, rollout, "outsider")


def grant_inserted(world: World, rollout: Rollout) -> None:
    user = User.objects.get(username="outsider")
    place = world.environments["prod"].pk
    sql("INSERT INTO environments_grant (environment_id, role, user_id) VALUES (%s, 'approver', %s)", place, user.pk)
    raise_vote(world, rollout, "outsider")


def group_joined(world: World, rollout: Rollout) -> None:
    leads, user = Group.objects.create(name="leads"), User.objects.get(username="outsider")
    setting_up.grant(SYSTEM, world.environments["prod"], Role.APPROVER, group=leads)
    sql("INSERT INTO auth_user_groups (user_id, group_id) VALUES (%s, %s)", user.pk, leads.pk)
    raise_vote(world, rollout, "outsider")


def superuser_made(world: World, rollout: Rollout) -> None:
    sql("UPDATE auth_user SET is_superuser = %s WHERE username = 'outsider'", True)
    raise_vote(world, rollout, "outsider")


def raise_vote(world: World, rollout: Rollout, name: str) -> None:
    """The action refuses such a voter; a vote by hand comes no further."""
    vote(world, rollout, "lead")
    actor = Actor.of(User.objects.get(username=name))
    with pytest.raises(InvalidTransition, match=WHO):
        actions.approve(actor, rollout, rollout.plan_digest, "looked at it")
    by_hand(rollout, name)


def column(table: str, name: str, value: object, after: Callable[[World, Rollout], object]) -> Any:
    def write(world: World, rollout: Rollout) -> None:
        after(world, rollout)
        pk = {"releases_rollout": rollout.pk, "releases_release": rollout.release_id}.get(table, rollout.environment_id)
        sql(f"UPDATE {table} SET {name} = %s WHERE id = %s", value, pk)

    write.__name__ = f"{table.partition('_')[2]}_{name}_after_{after.__name__}"
    return write


def nothing(_world: World, _rollout: Rollout) -> None: ...


def approved(world: World, rollout: Rollout) -> None:
    vote(world, rollout, "lead", "lead2")


ROLLOUT, PLACE = "releases_rollout", "environments_environment"
# How somebody writes by SQL, and what the rollout names then.
FORGERIES: dict[Callable[[World, Rollout], None], str] = {
    column(ROLLOUT, "phase", "waiting", nothing): "phase is “waiting” in the database",
    column(ROLLOUT, "phase", "progressing", nothing): "phase is “progressing” in the database",
    column(ROLLOUT, "needed", 0, nothing): "needed is “0” in the database",
    column(ROLLOUT, "plan_digest", "sha256:other", approved): "plan_digest is “sha256:other” in the database",
    column(ROLLOUT, "sealed_digest", "sha256:other", approved): "sealed_digest is “sha256:other” in the database",
    column(ROLLOUT, "strategy", "canary", approved): "strategy is “canary” in the database",
    column(ROLLOUT, "requester_account", 999, nothing): "requester_account is “999” in the database",
    column(ROLLOUT, "requester_username", "x", approved): "requester_username is “x” in the database",
    column(ROLLOUT, "intent", "start", approved): "intent is “start” in the database",
    column(PLACE, "required_approvals", 0, nothing): "required_approvals is “0” in the database",
    column(PLACE, "rollback_needs_approval", True, approved): "rollback_needs_approval is “True” in the database",
    column(PLACE, "namespace", "elsewhere", approved): "namespace is “elsewhere” in the database",
    column("releases_release", "images", "{}", approved): "images is nothing in the database",
    column("releases_release", "commit_author", "x", nothing): "commit_author is “x” in the database",
    column("releases_release", "makers", "[]", approved): "makers is nothing in the database",
    column(PLACE, "admission", "allow", approved): "admission is “allow” in the database",
    forged_vote: "phase is “waiting” in the database",
    forged_vote_alone: "The history has no vote of lead2 on this plan",
    vote_given_to_another: "The history has another vote of lead2 on this plan",
    voided_vote_revived: "The history has no vote of lead2 on this plan",
    role_raised: "role is “approver” in the database, but entry",
    grant_inserted: "(approver in prod for outsider) is in the database, but the history has nothing of it",
    group_joined: "(outsider) is in the database, but the history has nothing of it",
    superuser_made: "(outsider) is in the database, but the history has nothing of it",
}


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__)
class TestForged:
    def test_it_does_not_roll_and_is_named_once(
        self, world: World, driven: list[int], forge: Callable[[World, Rollout], None]
    ) -> None:
        rollout = planned(world)
        forge(world, rollout)
        phase = Rollout.objects.get(pk=rollout.pk).phase
        for _ in range(2):
            rollout = one_pass(rollout)
            assert (rollout.phase, driven) == (phase, [])
            assert FORGERIES[forge] in rollout.why
            assert WHO in rollout.why
            assert not rollout.started_at
        assert AuditEntry.objects.get(verb="rollout.held").data["why"] == rollout.why

    def test_verifying_names_it(self, world: World, forge: Callable[[World, Rollout], None]) -> None:
        rollout = planned(world)
        forge(world, rollout)
        with pytest.raises(CommandError) as refusal:
            call_command("audit", "verify", without_heads="A test publishes none.")
        assert FORGERIES[forge].partition("database, but entry")[0] in str(refusal.value)
        assert refusal.value.returncode == 1


def test_what_nobody_forged_rolls_and_verifies(world: World, driven: list[int]) -> None:
    rollout = vote(world, planned(world), "lead", "lead2")
    assert one_pass(rollout).phase == Phase.PROGRESSING
    assert driven == [rollout.pk]
    call_command("audit", "verify", without_heads="A test publishes none.")


def test_a_rollout_that_was_inserted_does_not_roll(world: World, driven: list[int]) -> None:
    known = world.rollout(Phase.SUCCEEDED)
    inserted = Rollout.objects.get(pk=known.pk)
    inserted.pk, inserted.phase = None, Phase.PROGRESSING
    inserted.save()
    inserted = one_pass(inserted)
    assert "is in the database, but the history has nothing of it" in inserted.why
    assert driven == []
    actions.restore(world.people["lead"], inserted)
    assert (inserted.phase, inserted.why) == (Phase.FAILED, "The history has nothing of it.")


@pytest.mark.parametrize("phase", sorted(LIVE))
@pytest.mark.parametrize(
    ("name", "value"), [("intent", "promote-fully"), ("plan_digest", "sha256:other"), ("strategy", "rolling-2")]
)
def test_one_under_way_stops_writing(world: World, driven: list[int], phase: Phase, name: str, value: str) -> None:
    rollout = world.rollout(phase, cursor=State().to_json())
    one_pass(rollout)
    assert driven == [rollout.pk]
    sql(f"UPDATE releases_rollout SET {name} = %s WHERE id = %s", value, rollout.pk)
    rollout = one_pass(rollout)
    assert (rollout.phase, driven) == (phase, [rollout.pk])
    assert f"{name} is “{value}” in the database" in rollout.why


def test_one_under_way_stops_where_its_environment_is_another(world: World, driven: list[int]) -> None:
    rollout = world.rollout(Phase.PROGRESSING, cursor=State().to_json())
    sql("UPDATE environments_environment SET required_approvals = 0 WHERE id = %s", rollout.environment_id)
    assert "required_approvals is “0” in the database" in one_pass(rollout).why
    assert driven == []


class TestWaysOn:
    def test_what_is_restored_goes_on(self, world: World, driven: list[int]) -> None:
        rollout = world.rollout(Phase.PROGRESSING, cursor=State().to_json())
        sql("UPDATE releases_rollout SET phase = 'paused', plan_digest = 'sha256:x' WHERE id = %s", rollout.pk)
        rollout = one_pass(rollout)
        offered = {offer.verb: offer.allowed for offer in actions.available(world.people["operator"], rollout)}
        assert offered["restore"]
        actions.restore(world.people["operator"], rollout)
        assert (rollout.phase, rollout.plan_digest) == (Phase.PROGRESSING, "sha256:plan")
        told = AuditEntry.objects.get(verb="rollout.restored").data["was"]
        assert told == {"phase": "“paused”", "plan_digest": "“sha256:x”"}
        one_pass(rollout)
        assert driven == [rollout.pk]

    def test_nobody_is_offered_to_restore_what_is_as_it_was(self, world: World) -> None:
        rollout = world.rollout(Phase.PROGRESSING)
        assert "restore" not in {offer.verb for offer in actions.available(world.people["operator"], rollout)}
        with pytest.raises(InvalidTransition, match="nothing to restore"):
            actions.restore(world.people["operator"], rollout)

    @pytest.mark.parametrize("verb", ["cancel", "replan"])
    def test_what_waits_can_be_cancelled_or_planned_anew(self, world: World, verb: str) -> None:
        rollout = planned(world)
        sql("UPDATE releases_rollout SET phase = 'waiting' WHERE id = %s", rollout.pk)
        rollout = one_pass(rollout)
        actions.perform(verb, world.people["developer"], rollout)
        assert rollout.phase == (Phase.CANCELLED if verb == "cancel" else Phase.PLANNING)
        assert vouching.doubts([rollout]) == []

    def test_what_was_forged_is_not_made_true_by_an_action(self, world: World) -> None:
        rollout = planned(world)
        sql("UPDATE releases_rollout SET requester_account = 999, requester_username = '' WHERE id = %s", rollout.pk)
        for verb in ("approve", "replan"):
            with pytest.raises(InvalidTransition, match="requester_account"):
                actions.perform(verb, world.people["lead"], rollout, comment="fine", digest=rollout.plan_digest)

    def test_a_wish_that_nobody_had_gives_way_to_an_abort(self, world: World) -> None:
        rollout = world.rollout(Phase.PROGRESSING)
        sql("UPDATE releases_rollout SET intent = 'promote', intent_by = 'lead' WHERE id = %s", rollout.pk)
        rollout.refresh_from_db()
        actions.abort(world.people["operator"], rollout)
        assert (rollout.intent, vouching.doubts([rollout])) == ("abort", [])

    def test_a_right_that_is_given_again_by_a_person_is_right(self, world: World) -> None:
        user = User.objects.get(username="outsider")
        given = Grant.objects.create(environment=world.environments["prod"], role=Role.APPROVER, user=user)
        assert [each.of(given) for each in vouching.doubts([given])] == [True]
        given.delete()
        again = setting_up.grant(SYSTEM, world.environments["prod"], Role.APPROVER, user=user)
        assert vouching.doubts([again]) == []


def test_a_plan_that_was_replaced_is_not_what_its_digest_says(world: World) -> None:
    rollout = planned(world)
    other = blobs.store_json({"objects": []})
    sql(
        "UPDATE portal_blob SET content = (SELECT content FROM portal_blob WHERE digest = %s), size = 14 "
        "WHERE digest = %s",
        other,
        rollout.plan_digest,
    )
    with pytest.raises((BlobError, SecretUnreadable), match=rollout.plan_digest):
        load_plan(rollout)


@pytest.mark.parametrize("field", ["data", "previous_hash", "actor"])
def test_an_entry_that_was_changed_vouches_for_nothing(world: World, driven: list[int], field: str) -> None:
    rollout = vote(world, planned(world), "lead", "lead2")
    entry = AuditEntry.objects.filter(target_type="releases.rollout").order_by("-number")[0]
    with unguarded():
        AuditEntry.objects.filter(pk=entry.pk).update(**{field: {"row": None} if field == "data" else "x"})
    assert f"entry {entry.number} of the history" in one_pass(rollout).why
    assert driven == []


def test_an_entry_that_was_written_anew_with_its_hash_does_not_follow(world: World, driven: list[int]) -> None:
    rollout = vote(world, planned(world), "lead", "lead2")
    entry = AuditEntry.objects.filter(verb="rollout.approved").order_by("number")[0]
    entry.actor = "somebody"
    digest = vouching.chain.hash_of(vouching.rows.as_dict(entry))
    with unguarded():
        AuditEntry.objects.filter(pk=entry.pk).update(actor="somebody", hash=digest)
    assert "of the history, which tells of it, was changed" in one_pass(rollout).why
    assert driven == []
    with pytest.raises(InvalidTransition, match="was changed"):
        actions.restore(world.people["lead"], rollout)


def test_a_pass_costs_as_many_queries_in_a_long_history(world: World, driven: list[int]) -> None:
    rollout = world.rollout(Phase.PROGRESSING, cursor=State().to_json())

    def cost() -> int:
        mine = claim(rollout)
        with CaptureQueriesContext(connection) as captured:
            reconciler.advance_one(mine)
        return sum("portal_auditentry" in each["sql"] for each in captured.captured_queries)

    cost()
    few = cost()
    for number in range(30):
        world.rollout(Phase.SUCCEEDED, environment="dev", version=f"2.0.{number}")
        tell(rollout)
    cost()
    assert cost() == few == 1


def test_a_count_of_votes_names_doubts_to_who_looks(world: World) -> None:
    rollout = planned(world)
    by_hand(rollout, "lead2")
    assert standing(rollout).doubts
    assert Approval.objects.filter(rollout=rollout).count() == 1
