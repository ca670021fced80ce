"""Votes are counted again when a rollout starts: by today's accounts and rights, and by the stricter rule."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db import transaction

from environments import setting_up
from environments.models import Grant
from portal.actors import SYSTEM, Actor
from portal.models import AuditEntry, ServiceAccount
from portal.roles import Role
from releases import actions
from releases.approvals.standing import standing
from releases.audit_entries import entry
from releases.makers import named
from releases.models import Rollout
from releases.orchestrator import prestart, reconciler
from releases.planning.planner import plan_now
from releases.states import InvalidTransition, Phase
from releases.votes_in_history import row_of
from tests.releases.fakes import FakeCluster, FakeRegistry
from tests.releases.orchestrator.test_claims import claim
from tests.releases.telling import tell
from tests.releases.world import World


@pytest.fixture(autouse=True)
def _around(registry: FakeRegistry, cluster: FakeCluster) -> None:
    """Both are there in every test."""


@pytest.fixture(autouse=True)
def _no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    """What rolls stays progressing: no cluster is there to write to."""
    monkeypatch.setattr(reconciler, "pass_live", lambda _claim: False)


def change_rules(world: World, **rules: object) -> None:
    place = world.environments["prod"]
    tell(place, **rules)


def person(world: World, name: str) -> User:
    user = world.people[name].user
    assert user
    return User.objects.get(pk=user.pk)


def asked(world: World, by: str = "developer", needed: int = 2) -> Rollout:
    """A planned rollout into prod that starts by itself with so many votes."""
    change_rules(world, required_approvals=needed, start_when_approved=True)
    rollout = actions.request(world.people[by], world.release(), world.environments["prod"])
    return plan_now(rollout)


def approved(world: World) -> Rollout:
    """With the votes of lead and lead2, of two."""
    rollout = asked(world)
    for name in ("lead", "lead2"):
        actions.approve(Actor.of(person(world, name)), rollout, rollout.plan_digest, "looked at it")
    assert rollout.phase == Phase.WAITING
    return rollout


def one_pass(rollout: Rollout) -> Rollout:
    reconciler.advance_one(claim(rollout))
    rollout.refresh_from_db()
    return rollout


def lose_the_grant(world: World) -> None:
    Grant.objects.filter(user=person(world, "lead2"), environment__name="prod").delete()


def become_a_developer(world: World) -> None:
    tell(Grant.objects.get(user=person(world, "lead2"), environment__name="prod"), role=Role.DEVELOPER)


def close_the_account(world: World) -> None:
    User.objects.filter(username="lead2").update(is_active=False)


def remove_the_account(world: World) -> None:
    person(world, "lead2").delete()


def make_the_account_anew(world: World) -> None:
    person(world, "lead2").delete()
    again = User.objects.create(username="lead2", email="lead2@example.test")
    setting_up.grant(SYSTEM, world.environments["prod"], Role.APPROVER, user=again)


def turn_out_the_author(world: World) -> None:
    makers = named(["Lead Two <lead2@example.test>"], "wrote", "commit")
    tell(world.application.releases.get(), makers=[each.as_json() for each in makers])


def have_the_address_of_who_asked(world: World) -> None:
    User.objects.filter(username="lead2").update(email="developer@example.test")


def turn_out_to_have_voted_by_a_lent_token(world: World) -> None:
    rollout = Rollout.objects.get()
    vote = rollout.approvals.get(name="lead2")
    vote.own = False
    vote.save()
    with transaction.atomic():
        entry(rollout, "rollout.approved", {"vote": row_of(vote)})


def become_a_service_account(world: World) -> None:
    ServiceAccount.objects.create(user=person(world, "lead2"), purpose="CI")


LOSSES: dict[Callable[[World], None], str] = {
    lose_the_grant: "lead2 may no longer approve in prod",
    become_a_developer: "lead2 may no longer approve in prod",
    close_the_account: "the account lead2 is closed",
    remove_the_account: "the account lead2 was removed",
    make_the_account_anew: "the account lead2 was removed",
    turn_out_the_author: "You wrote the commit, as Lead Two",
    have_the_address_of_who_asked: "You asked for this rollout",
    turn_out_to_have_voted_by_a_lent_token: "issued for you by somebody else",
    become_a_service_account: "lead2 is a service account",
}


def test_who_agreed_rolls(world: World) -> None:
    assert one_pass(approved(world)).phase == Phase.PROGRESSING


@pytest.mark.parametrize("lose", LOSSES, ids=lambda lose: lose.__name__)
def test_who_may_no_longer_vote_does_not_count_at_the_start(world: World, lose: Callable[[World], None]) -> None:
    rollout = approved(world)
    lose(world)
    rollout = one_pass(rollout)
    assert (rollout.phase, rollout.started_at) == (Phase.AWAITING_APPROVAL, None)
    assert rollout.why.startswith("Approved by lead. 1 more needed. The vote of lead2 does not count: ")
    assert LOSSES[lose] in rollout.why
    told = AuditEntry.objects.get(verb="rollout.awaiting-approval").data
    assert (told["why"], [each["name"] for each in told["void"]]) == (rollout.why, ["lead2"])


@pytest.mark.parametrize("lose", [lose_the_grant, close_the_account], ids=lambda lose: lose.__name__)
def test_what_changes_while_the_cluster_is_asked_counts_too(
    world: World, monkeypatch: pytest.MonkeyPatch, lose: Callable[[World], None]
) -> None:
    rollout = approved(world)
    confirm = prestart.confirm

    def meanwhile(each: Rollout) -> object:
        lose(world)
        return confirm(each)

    monkeypatch.setattr(prestart, "confirm", meanwhile)
    assert one_pass(rollout).phase == Phase.AWAITING_APPROVAL


def test_the_votes_that_still_count_are_kept_and_one_more_is_enough(world: World) -> None:
    rollout = approved(world)
    lose_the_grant(world)
    rollout = one_pass(rollout)
    third = User.objects.create(username="lead3", email="lead3@example.test")
    setting_up.grant(SYSTEM, world.environments["prod"], Role.APPROVER, user=third)
    actions.approve(Actor.of(third), rollout, rollout.plan_digest, "looked at it")
    assert rollout.why == "Approved by lead, lead3."
    assert one_pass(rollout).phase == Phase.PROGRESSING


def test_who_has_the_right_again_may_vote_again(world: World) -> None:
    rollout = approved(world)
    lose_the_grant(world)
    rollout = one_pass(rollout)
    setting_up.grant(SYSTEM, world.environments["prod"], Role.APPROVER, user=person(world, "lead2"))
    assert standing(rollout).missing == 1
    actions.approve(Actor.of(person(world, "lead2")), rollout, rollout.plan_digest, "again")
    assert rollout.phase == Phase.WAITING


def test_a_right_through_a_group_counts_while_it_is_there(world: World) -> None:
    leads = Group.objects.create(name="leads")
    setting_up.grant(SYSTEM, world.environments["prod"], Role.APPROVER, group=leads)
    Grant.objects.filter(user=person(world, "lead2")).delete()
    leads.user_set.add(person(world, "lead2"))
    tell(person(world, "lead2"))
    rollout = approved(world)
    assert standing(rollout).enough
    leads.user_set.clear()
    assert not standing(rollout).enough
    assert one_pass(rollout).phase == Phase.AWAITING_APPROVAL


@pytest.mark.parametrize(("planned", "today", "phase"), [(1, 2, Phase.AWAITING_APPROVAL), (2, 1, Phase.PROGRESSING)])
def test_the_stricter_rule_holds(world: World, planned: int, today: int, phase: Phase) -> None:
    rollout = asked(world, needed=planned)
    for name in ("lead", "lead2")[:planned]:
        actions.approve(world.people[name], rollout, rollout.plan_digest, "looked at it")
    change_rules(world, required_approvals=today)
    assert one_pass(rollout).phase == phase


def test_a_lower_rule_does_not_weaken_what_is_planned(world: World) -> None:
    rollout = asked(world, needed=2)
    change_rules(world, required_approvals=1)
    actions.approve(world.people["lead"], rollout, rollout.plan_digest, "looked at it")
    assert (rollout.phase, rollout.why) == (Phase.AWAITING_APPROVAL, "Approved by lead. 1 more needed.")


def test_a_rule_that_is_new_sends_back_what_needed_nobody(world: World) -> None:
    rollout = asked(world, needed=0)
    assert rollout.phase == Phase.WAITING
    change_rules(world, required_approvals=1)
    rollout = one_pass(rollout)
    assert (rollout.phase, rollout.why) == (Phase.AWAITING_APPROVAL, "Waits for 1 approval.")


def test_a_rule_that_is_back_lets_go_on_what_has_its_votes(world: World) -> None:
    rollout = asked(world, needed=1)
    change_rules(world, required_approvals=2)
    actions.approve(world.people["lead"], rollout, rollout.plan_digest, "looked at it")
    change_rules(world, required_approvals=1)
    assert one_pass(rollout).phase == Phase.WAITING
    assert one_pass(rollout).phase == Phase.PROGRESSING


def test_votes_that_no_longer_count_do_not_carry_a_second_try(world: World) -> None:
    rollout = approved(world)
    tell(one_pass(rollout), phase=Phase.FAILED)
    lose_the_grant(world)
    with pytest.raises(InvalidTransition, match=r"The vote of lead2 does not count.*Roll it back"):
        actions.retry(world.people["operator"], rollout)


class TestMadeAnew:
    """An account that is removed and made again is the same person where it must not be another."""

    @pytest.mark.parametrize(
        ("username", "email"),
        [("lead", "new@example.test"), ("lead-again", "lead@example.test"), ("LEAD", "")],
        ids=["same name", "same address", "same name in other letters"],
    )
    def test_who_asked_cannot_approve_under_a_new_account(self, world: World, username: str, email: str) -> None:
        rollout = asked(world, by="lead")
        person(world, "lead").delete()
        again = User.objects.create(username=username, email=email)
        setting_up.grant(SYSTEM, world.environments["prod"], Role.APPROVER, user=again)
        rollout.refresh_from_db()
        with pytest.raises(PermissionDenied, match="You asked for this rollout"):
            actions.approve(Actor.of(again), rollout, rollout.plan_digest, "mine")

    @pytest.mark.parametrize(("username", "email"), [("lead", ""), ("lead-again", "lead@example.test")])
    def test_nobody_votes_twice_under_a_new_account(self, world: World, username: str, email: str) -> None:
        rollout = asked(world)
        actions.approve(world.people["lead"], rollout, rollout.plan_digest, "looked at it")
        person(world, "lead").delete()
        again = User.objects.create(username=username, email=email)
        setting_up.grant(SYSTEM, world.environments["prod"], Role.APPROVER, user=again)
        assert standing(rollout).counted == ()
        with pytest.raises(InvalidTransition, match="everybody has one vote"):
            actions.approve(Actor.of(again), rollout, rollout.plan_digest, "once more")
