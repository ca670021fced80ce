"""Who may do what to a rollout in which phase: the whole table, for what is offered and for what is done."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone

from portal.actors import Actor
from portal.roles import Verb
from releases import actions, ingest
from releases.errors import Unacceptable
from releases.makers import named
from releases.models import Rollout
from releases.states import InvalidTransition, Phase
from tests.releases.telling import tell
from tests.releases.world import ROLES, World

LEADS = {"lead", "lead2"}
DRIVERS = LEADS | {"operator"}
RUNNING = {Phase.PROGRESSING, Phase.PAUSED, Phase.VERIFYING}
# verb: the phases in which it fits, and who may. The developer asked for the rollout; prod starts by a person's word.
TABLE: dict[str, tuple[set[Phase], set[str]]] = {
    "approve": ({Phase.AWAITING_APPROVAL}, LEADS),
    "reject": ({Phase.AWAITING_APPROVAL}, LEADS),
    "start": ({Phase.WAITING}, DRIVERS),
    "pause": ({Phase.PROGRESSING, Phase.VERIFYING}, DRIVERS),
    "resume": ({Phase.PAUSED}, DRIVERS),
    "promote": ({Phase.PAUSED}, DRIVERS),
    "abort": (RUNNING, DRIVERS),
    "retry": ({Phase.FAILED}, DRIVERS),
    "rollback": (RUNNING | {Phase.FAILED, Phase.ABORTED, Phase.SUCCEEDED}, DRIVERS),
    "cancel": ({Phase.PLANNING, Phase.AWAITING_APPROVAL, Phase.WAITING}, DRIVERS | {"developer"}),
    "replan": ({Phase.AWAITING_APPROVAL, Phase.WAITING}, DRIVERS | {"developer"}),
}


def attempt(actor: Actor, rollout: Rollout, verb: str) -> Exception | None:
    """What the action raises; what it did is undone."""
    try:
        with transaction.atomic():
            actions.perform(verb, actor, rollout, comment="looked at it", digest=rollout.plan_digest)
            transaction.set_rollback(True)
    except (PermissionDenied, InvalidTransition) as error:
        return error
    return None


@pytest.mark.parametrize("persona", ROLES)
@pytest.mark.parametrize("phase", Phase)
def test_every_action_follows_the_table(world: World, persona: str, phase: Phase) -> None:
    rollout, actor = world.rollout(phase), world.people[persona]
    for verb, (phases, people) in TABLE.items():
        rollout.refresh_from_db()
        error = attempt(actor, rollout, verb)
        if persona not in people:
            assert isinstance(error, PermissionDenied), f"{persona} {verb} {phase}: {error!r}"
        elif phase not in phases:
            assert isinstance(error, InvalidTransition), f"{persona} {verb} {phase}: {error!r}"
        else:
            assert error is None, f"{persona} {verb} {phase}: {error!r}"


@pytest.mark.parametrize("persona", ROLES)
@pytest.mark.parametrize("phase", Phase)
def test_bringing_back_follows_the_table_too(world: World, persona: str, phase: Phase) -> None:
    earlier = world.rollout(phase)
    world.rollout(Phase.SUCCEEDED, version="1.1.0", sequence=9)
    error = attempt(world.people[persona], earlier, "undo")
    offers = {offer.verb: offer for offer in actions.available(world.people[persona], earlier)}
    assert ("undo" in offers) == (phase is Phase.SUCCEEDED)
    if persona not in DRIVERS:
        assert isinstance(error, PermissionDenied)
    elif phase is not Phase.SUCCEEDED:
        assert isinstance(error, InvalidTransition)
    else:
        assert (error, offers["undo"].allowed, offers["undo"].label) == (None, True, "Bring 1.0.0 back")


@pytest.mark.parametrize("persona", ROLES)
@pytest.mark.parametrize("phase", Phase)
def test_what_is_offered_is_what_can_be_done(world: World, persona: str, phase: Phase) -> None:
    rollout, actor = world.rollout(phase), world.people[persona]
    offers = actions.available(actor, rollout)
    assert {offer.verb for offer in offers} >= {verb for verb, (phases, _) in TABLE.items() if phase in phases}
    for offer in offers:
        rollout.refresh_from_db()
        error = attempt(actor, rollout, offer.verb)
        assert offer.allowed == (error is None), offer
        assert offer.why_not == (str(error) if error else ""), offer


def test_a_refusal_says_who_can_grant_the_right(world: World) -> None:
    rollout = world.rollout(Phase.PROGRESSING)
    with pytest.raises(PermissionDenied, match=r"abort a rollout in prod.*approver or operator"):
        actions.abort(world.people["developer"], rollout)


class TestFourEyes:
    def test_the_requester_cannot_approve(self, world: World) -> None:
        rollout = world.rollout(Phase.AWAITING_APPROVAL, by="lead")
        with pytest.raises(PermissionDenied, match="You asked for this rollout"):
            actions.approve(world.people["lead"], rollout, rollout.plan_digest, "fine")

    @pytest.mark.parametrize("how", ["wrote", "committed", "pushed", "tagged", "published", "co-wrote", "sent"])
    def test_nobody_who_made_the_release_can_approve_it(self, world: World, how: str) -> None:
        world.release("2.0.0", makers=named(["1+Lead@users.noreply.github.com"], how, "commit"))
        rollout = world.rollout(Phase.AWAITING_APPROVAL, version="2.0.0")
        with pytest.raises(PermissionDenied, match=f"You {how} the commit, as .*; somebody else"):
            actions.approve(world.people["lead"], rollout, rollout.plan_digest, "fine")
        actions.approve(world.people["lead2"], rollout, rollout.plan_digest, "fine")

    def test_who_created_the_release_or_uploaded_its_bundle_cannot_approve_it(self, world: World) -> None:
        bundle = world.bundle(by=world.people["lead2"])
        images = {"web": "registry.example/shop/web:2.0.0"}
        for version, given in (("2.0.0", bundle), ("2.1.0", None)):
            ingest.create_release(world.people["lead"], world.application, version, images, bundle=given)
            rollout = world.rollout(Phase.AWAITING_APPROVAL, version=version)
            for persona, did in (("lead", "created the release"), ("lead2", "uploaded the bundle")):
                with pytest.raises(PermissionDenied, match=f"You {did}"):
                    actions.approve(world.people[persona], rollout, rollout.plan_digest, "fine")

    def test_a_maker_may_still_say_no(self, world: World) -> None:
        world.release("2.0.0", commit_author="lead")
        rollout = world.rollout(Phase.AWAITING_APPROVAL, version="2.0.0")
        actions.reject(world.people["lead"], rollout, rollout.plan_digest, "I was wrong")
        assert rollout.phase == Phase.REJECTED

    @pytest.mark.parametrize("author", ["LEAD", "Lead@Example.test", "Lea D <LEAD@example.TEST>", "lead <x@y.z>"])
    def test_the_commits_author_cannot_approve(self, world: World, author: str) -> None:
        world.release("2.0.0", commit_author=author)
        rollout = world.rollout(Phase.AWAITING_APPROVAL, version="2.0.0")
        with pytest.raises(PermissionDenied, match="You wrote the commit"):
            actions.approve(world.people["lead"], rollout, rollout.plan_digest, "fine")
        actions.approve(world.people["lead2"], rollout, rollout.plan_digest, "fine")

    def test_a_superuser_is_bound_by_it_too(self, world: World) -> None:
        user = world.people["lead"].user
        assert user
        user.is_superuser = True
        user.save()
        rollout = world.rollout(Phase.AWAITING_APPROVAL, by="lead")
        with pytest.raises(PermissionDenied):
            actions.approve(Actor.of(user), rollout, rollout.plan_digest, "fine")

    def test_a_machine_has_no_vote(self, world: World) -> None:
        rollout = world.rollout(Phase.AWAITING_APPROVAL)
        machine = Actor.ci("github/shop").granted(["prod"], [Verb.APPROVE])
        with pytest.raises(PermissionDenied, match="a person's"):
            actions.approve(machine, rollout, rollout.plan_digest, "fine")


class TestVotes:
    def test_the_plan_has_to_be_the_one_that_was_looked_at(self, world: World) -> None:
        rollout = world.rollout(Phase.AWAITING_APPROVAL)
        with pytest.raises(InvalidTransition, match="planned anew"):
            actions.approve(world.people["lead"], rollout, "sha256:older", "fine")
        assert not rollout.approvals.exists()

    @pytest.mark.parametrize("verb", ["approve", "reject"])
    def test_a_comment_is_needed(self, world: World, verb: str) -> None:
        rollout = world.rollout(Phase.AWAITING_APPROVAL)
        with pytest.raises(Unacceptable, match="comment"):
            actions.perform(verb, world.people["lead"], rollout, comment="  ", digest=rollout.plan_digest)

    def test_two_of_two_are_needed_and_one_person_has_one(self, world: World) -> None:
        tell(world.environments["prod"], required_approvals=2)
        rollout = world.rollout(Phase.AWAITING_APPROVAL)
        actions.approve(world.people["lead"], rollout, rollout.plan_digest, "fine")
        assert (rollout.phase, rollout.why) == (Phase.AWAITING_APPROVAL, "Approved by lead. 1 more needed.")
        with pytest.raises(InvalidTransition, match="one vote"):
            actions.approve(world.people["lead"], rollout, rollout.plan_digest, "again")
        with pytest.raises(InvalidTransition, match="one vote"):
            actions.reject(world.people["lead"], rollout, rollout.plan_digest, "after all not")
        actions.approve(world.people["lead2"], rollout, rollout.plan_digest, "fine")
        assert rollout.phase == Phase.WAITING

    def test_a_comment_that_no_database_keeps_is_told(self, world: World) -> None:
        rollout = world.rollout(Phase.AWAITING_APPROVAL)
        with pytest.raises(Unacceptable, match="0000"):
            actions.approve(world.people["lead"], rollout, rollout.plan_digest, "fine\0")

    def test_planning_anew_voids_them(self, world: World) -> None:
        tell(world.environments["prod"], required_approvals=2)
        rollout = world.rollout(Phase.AWAITING_APPROVAL)
        actions.approve(world.people["lead"], rollout, rollout.plan_digest, "fine")
        actions.replan(world.people["developer"], rollout)
        assert (rollout.phase, rollout.plan_digest) == (Phase.PLANNING, "")
        assert rollout.approvals.get().revoked_at

    def test_a_plan_that_comes_out_the_same_can_be_voted_on_again(self, world: World) -> None:
        rollout = world.rollout(Phase.AWAITING_APPROVAL, version="1.1.0")
        tell(world.environments["prod"], required_approvals=2)
        actions.approve(world.people["lead"], rollout, rollout.plan_digest, "fine")
        actions.replan(world.people["developer"], rollout)
        tell(rollout, phase=Phase.AWAITING_APPROVAL, plan_digest="sha256:plan")
        actions.approve(world.people["lead"], rollout, "sha256:plan", "still fine")
        assert rollout.why == "Approved by lead. 1 more needed."

    def test_a_vote_after_the_time_is_refused(self, world: World) -> None:
        rollout = world.rollout(Phase.AWAITING_APPROVAL, expires_at=timezone.now() - timedelta(seconds=1))
        with pytest.raises(InvalidTransition, match="is over"):
            actions.approve(world.people["lead"], rollout, rollout.plan_digest, "fine")


class TestWishes:
    def test_the_second_is_told_of_the_first(self, world: World) -> None:
        rollout = world.rollout(Phase.PAUSED)
        actions.promote(world.people["lead"], rollout)
        with pytest.raises(InvalidTransition, match="lead has asked for “promote”"):
            actions.abort(world.people["operator"], rollout)

    def test_an_abort_takes_the_place_of_a_pause(self, world: World) -> None:
        rollout = world.rollout(Phase.PROGRESSING)
        actions.pause(world.people["lead"], rollout)
        actions.abort(world.people["operator"], rollout, "it burns")
        assert (rollout.intent, rollout.intent_by) == ("abort", "operator")

    @pytest.mark.parametrize("verb", ["cancel", "replan", "supersede"])
    def test_a_wish_to_start_that_cannot_be_done_yet_holds_nobody(self, world: World, verb: str) -> None:
        world.rollout(Phase.PAUSED, version="0.9.0")
        rollout = world.rollout(Phase.WAITING)
        actions.start(world.people["operator"], rollout)
        actions.perform(verb, world.people["lead"], rollout)
        assert rollout.intent == ("start" if verb == "supersede" else "")

    @pytest.mark.parametrize("verb", ["retry", "rollback"])
    def test_a_wish_that_an_end_overtook_holds_nobody(self, world: World, verb: str) -> None:
        rollout = world.rollout(Phase.FAILED, intent="abort", intent_by="operator")
        actions.perform(verb, world.people["lead"], rollout)
        assert rollout.phase in {Phase.PROGRESSING, Phase.ROLLING_BACK}


@pytest.mark.django_db(transaction=True)
def test_the_next_in_line_is_woken_when_one_before_it_is_cancelled(world: World) -> None:
    first = world.rollout(Phase.WAITING)
    second = world.rollout(Phase.WAITING, version="1.1.0")
    actions.cancel(world.people["lead"], first)
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.due_at, second.due_at is not None) == (None, True)


class TestRollingBack:
    def test_only_what_runs_can_be_rolled_back(self, world: World) -> None:
        older = world.rollout(Phase.SUCCEEDED)
        newer = world.rollout(Phase.SUCCEEDED, version="1.1.0")
        with pytest.raises(InvalidTransition, match=f"Rollout {newer.pk} .1.1.0. came after it"):
            actions.rollback(world.people["operator"], older)

    def test_what_a_rolled_back_release_left_running_can_be(self, world: World) -> None:
        older = world.rollout(Phase.SUCCEEDED)
        world.rollout(Phase.ROLLED_BACK, version="1.1.0")
        actions.rollback(world.people["operator"], older)
        assert (older.phase, older.intent) == (Phase.ROLLING_BACK, "rollback")

    def test_it_gets_a_number_above_all_others(self, world: World) -> None:
        older, newer = world.rollout(Phase.SUCCEEDED), world.rollout(Phase.FAILED, version="1.1.0")
        actions.rollback(world.people["operator"], newer)
        assert newer.sequence > max(older.sequence, newer.sequence - 1)

    def test_a_refused_plan_has_nothing_to_roll_back(self, world: World) -> None:
        rollout = world.rollout(Phase.FAILED, started_at=None, sequence=0)
        with pytest.raises(InvalidTransition, match="before anything was applied"):
            actions.rollback(world.people["operator"], rollout)

    def test_where_a_way_back_needs_approval_it_is_asked_for(self, world: World) -> None:
        tell(world.environments["prod"], rollback_needs_approval=True)
        rollout = world.rollout(Phase.FAILED)
        with pytest.raises(InvalidTransition, match="undo to the earlier release"):
            actions.rollback(world.people["operator"], rollout)

    def test_the_button_names_the_version_that_it_leads_to(self, world: World) -> None:
        before = world.rollout(Phase.SUCCEEDED)
        rollout = world.rollout(Phase.PROGRESSING, version="1.1.0", previous=before)
        labels = {offer.verb: offer.label for offer in actions.available(world.people["lead"], rollout)}
        assert (labels["rollback"], labels["abort"]) == ("Roll back to 1.0.0", "Abort, back to 1.0.0")

    def test_the_button_of_a_first_release_says_what_is_removed(self, world: World) -> None:
        rollout = world.rollout(Phase.PROGRESSING)
        labels = {offer.verb: offer.label for offer in actions.available(world.people["lead"], rollout)}
        assert labels["rollback"] == "Roll back: remove what 1.0.0 added"
