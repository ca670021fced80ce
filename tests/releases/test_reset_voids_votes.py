"""An administrator's reset of a password voids what its person has said of rollouts that have not started."""

import pytest

from portal.actors import Actor
from portal.models import AuditEntry
from portal.people import passwords
from releases import actions
from releases.models import Approval, Rollout
from releases.states import Phase
from tests.releases.world import World

pytestmark = pytest.mark.django_db


def approve(world: World, rollout: Rollout, by: str) -> None:
    actions.approve(world.people[by], rollout, rollout.plan_digest, "Seen.")


def reset(world: World, who: str) -> None:
    user = world.people[who].user
    assert user is not None
    passwords.issue_link(user, actor=world.people["operator"])


@pytest.fixture
def approved(world: World) -> Rollout:
    rollout = world.rollout(Phase.AWAITING_APPROVAL)
    approve(world, rollout, "lead")
    assert rollout.phase == Phase.WAITING
    return rollout


def test_a_standing_vote_is_void_and_the_history_says_so(world: World, approved: Rollout) -> None:
    reset(world, "lead")
    assert Approval.objects.get().revoked_at is not None
    told = AuditEntry.objects.get(verb="rollout.vote-voided")
    assert (told.target_id, told.actor, told.environment) == (str(approved.pk), "operator", "prod")
    assert AuditEntry.objects.get(verb="user.password-reset").data["votes void"] == [approved.pk]


def test_votes_of_others_and_of_what_has_started_stand(world: World) -> None:
    started = world.rollout(Phase.PROGRESSING, environment="staging")
    user = world.people["lead"].user
    Approval.objects.create(rollout=started, digest="x", user=user, name="lead", decision="approved")
    waiting = world.rollout(Phase.AWAITING_APPROVAL)
    approve(world, waiting, "lead2")
    reset(world, "lead")
    assert not Approval.objects.filter(revoked_at__isnull=False).exists()


def test_the_person_cannot_vote_again_before_somebody_else_says_that_it_is_them(world: World) -> None:
    reset(world, "lead")
    lead = world.people["lead"].user
    assert lead is not None
    lead.refresh_from_db()
    offered = {offer.verb: offer for offer in actions.available(Actor.of(lead), world.rollout(Phase.AWAITING_APPROVAL))}
    assert "has reset the password of lead" in offered["approve"].why_not


def test_an_invitation_voids_nothing(world: World, approved: Rollout) -> None:
    passwords.set_by_link(world.people["lead"].user, "correct-horse-1")
    assert Approval.objects.get().revoked_at is None
