"""Requests, undos and who goes first."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from portal.actors import Actor
from portal.models import AuditEntry
from portal.roles import Verb
from releases import actions, lifecycle
from releases.errors import Unacceptable
from releases.models import Rollout
from releases.plan.drift import Drift
from releases.states import InvalidTransition, Phase
from tests.releases.telling import tell
from tests.releases.world import World


class TestRequest:
    def test_it_is_due_for_planning_now_and_in_the_history(self, world: World) -> None:
        rollout = actions.request(
            world.people["developer"], world.release(), world.environments["prod"], reason="the new checkout"
        )
        assert rollout.phase == Phase.PLANNING
        assert rollout.due_at
        assert rollout.due_at <= timezone.now()
        entry = AuditEntry.objects.get(verb="rollout.requested")
        assert (entry.actor, entry.environment, entry.application) == ("developer", "prod", "shop")
        assert entry.data["comment"] == "the new checkout"

    @pytest.mark.parametrize("persona", ["auditor", "outsider"])
    def test_who_may_not_is_told_what_it_takes(self, world: World, persona: str) -> None:
        with pytest.raises(PermissionDenied, match="takes the role"):
            actions.request(world.people[persona], world.release(), world.environments["dev"])

    def test_a_machine_may_what_its_source_grants(self, world: World) -> None:
        machine = Actor.ci("github/shop").granted(["dev"], [Verb.REQUEST])
        assert actions.request(machine, world.release(), world.environments["dev"]).requested_by == "github/shop"
        with pytest.raises(PermissionDenied):
            actions.request(machine, world.release("2.0.0"), world.environments["prod"])

    def test_the_applications_strategy_and_parameters_hold_unless_others_are_named(self, world: World) -> None:
        world.application.parameters = {"maxSurge": 1}
        world.application.save()
        rollout = actions.request(
            world.people["developer"], world.release(), world.environments["dev"], parameters={"maxUnavailable": 0}
        )
        assert (rollout.strategy, rollout.parameters) == ("rolling", {"maxSurge": 1, "maxUnavailable": 0})

    @pytest.mark.parametrize(
        ("strategy", "parameters", "words"),
        [("teleport", {}, "no strategy 'teleport'"), ("rolling", {"speed": 1}, "no parameter 'speed'")],
    )
    def test_what_no_strategy_knows_is_refused(self, world: World, strategy: str, parameters: dict, words: str) -> None:
        with pytest.raises(Unacceptable, match=words):
            actions.request(
                world.people["developer"],
                world.release(),
                world.environments["dev"],
                strategy=strategy,
                parameters=parameters,
            )
        assert not Rollout.objects.exists()

    @pytest.mark.parametrize("phase", [Phase.PLANNING, Phase.AWAITING_APPROVAL, Phase.WAITING, Phase.PAUSED])
    def test_a_release_is_on_its_way_once(self, world: World, phase: Phase) -> None:
        first = world.rollout(phase)
        with pytest.raises(InvalidTransition, match=f"rollout {first.pk} is {phase}"):
            actions.request(world.people["lead"], first.release, first.environment)

    def test_a_release_that_failed_may_be_asked_for_again(self, world: World) -> None:
        failed = world.rollout(Phase.FAILED)
        assert actions.request(world.people["lead"], failed.release, failed.environment).pk != failed.pk


class TestUndo:
    def test_it_brings_back_a_stored_plan_and_needs_no_approval(self, world: World) -> None:
        older = world.rollout(Phase.SUCCEEDED)
        world.rollout(Phase.SUCCEEDED, version="1.1.0")
        undo = actions.undo(
            world.people["operator"], world.application, world.environments["prod"], older, reason="as before"
        )
        assert (undo.kind, undo.source_plan, undo.release) == ("undo", older.plan_digest, older.release)
        assert lifecycle.required_approvals(undo) == 0
        assert lifecycle.starts_by_itself(undo), "prod waits for a start, but a way back is somebody's word already"

    def test_it_needs_approval_where_the_environment_says_so(self, world: World) -> None:
        tell(world.environments["prod"], rollback_needs_approval=True)
        older = world.rollout(Phase.SUCCEEDED)
        world.rollout(Phase.SUCCEEDED, version="1.1.0")
        undo = actions.undo(
            world.people["operator"], world.application, world.environments["prod"], older, reason="as before"
        )
        assert lifecycle.required_approvals(undo) == 1

    @pytest.mark.parametrize("phase", [Phase.FAILED, Phase.REJECTED, Phase.ROLLED_BACK])
    def test_only_what_succeeded_comes_back(self, world: World, phase: Phase) -> None:
        other = world.rollout(phase)
        with pytest.raises(InvalidTransition, match="Bringing back is for one that is succeeded"):
            actions.undo(world.people["lead"], world.application, world.environments["prod"], other, reason="as before")

    def test_what_runs_cannot_be_brought_back(self, world: World) -> None:
        running = world.rollout(Phase.SUCCEEDED)
        with pytest.raises(InvalidTransition, match="is what runs"):
            actions.undo(
                world.people["lead"], world.application, world.environments["prod"], running, reason="as before"
            )

    def test_not_from_another_environment(self, world: World) -> None:
        other = world.rollout(Phase.SUCCEEDED, environment="dev")
        with pytest.raises(Unacceptable, match="not of shop in prod"):
            actions.undo(world.people["lead"], world.application, world.environments["prod"], other, reason="as before")

    @pytest.mark.parametrize("reason", ["", "  "])
    def test_it_takes_a_comment(self, world: World, reason: str) -> None:
        older = world.rollout(Phase.SUCCEEDED)
        world.rollout(Phase.SUCCEEDED, version="1.1.0")
        with pytest.raises(Unacceptable, match="Say in a comment"):
            actions.undo(world.people["operator"], world.application, world.environments["prod"], older, reason=reason)
        assert Rollout.objects.count() == 2

    def test_it_is_asked_for_once_and_its_comment_is_in_the_history(self, world: World) -> None:
        older = world.rollout(Phase.SUCCEEDED)
        world.rollout(Phase.SUCCEEDED, version="1.1.0")
        undo = actions.perform("undo", world.people["operator"], older, comment="errors at checkout").rollout
        entry = AuditEntry.objects.get(verb="rollout.undo-requested")
        assert (entry.target_id, entry.data["comment"]) == (str(undo.pk), "errors at checkout")
        with pytest.raises(InvalidTransition, match=f"on its way to prod already: rollout {undo.pk}"):
            actions.perform("undo", world.people["lead"], older, comment="errors at checkout")

    def test_a_developer_may_not(self, world: World) -> None:
        older = world.rollout(Phase.SUCCEEDED)
        with pytest.raises(PermissionDenied):
            actions.undo(
                world.people["developer"], world.application, world.environments["prod"], older, reason="as before"
            )


class TestTurns:
    def test_a_newer_one_waits_for_the_live_one_and_for_older_ones(self, world: World) -> None:
        live = world.rollout(Phase.PROGRESSING, environment="dev")
        older = world.rollout(Phase.WAITING, environment="dev", version="1.1.0")
        newer = world.rollout(Phase.WAITING, environment="dev", version="1.2.0")
        assert lifecycle.blocker(older) == live
        assert lifecycle.why_waiting(newer) == f"Waits for rollout {live.pk} (1.0.0), which is progressing."
        Rollout.objects.filter(pk=live.pk).update(phase=Phase.SUCCEEDED)
        assert lifecycle.why_waiting(older) == ""
        assert lifecycle.blocker(newer) == older

    def test_elsewhere_nobody_waits(self, world: World) -> None:
        world.rollout(Phase.PROGRESSING, environment="dev")
        assert lifecycle.why_waiting(world.rollout(Phase.WAITING, environment="staging")) == ""

    def test_prod_waits_for_a_persons_start(self, world: World) -> None:
        rollout = world.rollout(Phase.WAITING)
        assert lifecycle.why_waiting(rollout) == "Waits for somebody to start it."
        actions.start(world.people["operator"], rollout)
        assert lifecycle.why_waiting(rollout) == ""

    def test_going_first_cancels_who_waits_and_aborts_who_runs(self, world: World) -> None:
        live = world.rollout(Phase.PROGRESSING)
        older = world.rollout(Phase.WAITING, version="1.1.0")
        newer = world.rollout(Phase.WAITING, version="1.2.0")
        actions.supersede(world.people["lead"], newer)
        live.refresh_from_db()
        older.refresh_from_db()
        assert (live.intent, live.intent_by, live.superseded_by) == ("abort", "lead", newer)
        assert (older.phase, older.superseded_by) == (Phase.CANCELLED, newer)
        assert f"by rollout {newer.pk} (1.2.0), by lead" in older.why

    def test_there_has_to_be_something_ahead(self, world: World) -> None:
        rollout = world.rollout(Phase.WAITING)
        with pytest.raises(InvalidTransition, match="Nothing is ahead"):
            actions.supersede(world.people["lead"], rollout)

    def test_what_nobody_approves_expires(self, world: World) -> None:
        rollout = world.rollout(Phase.AWAITING_APPROVAL)
        assert not lifecycle.expire(rollout, timezone.now())
        assert lifecycle.expire(rollout, timezone.now() + timedelta(hours=2))
        assert (rollout.phase, "not approved within 24 hours" in rollout.why) == (Phase.EXPIRED, True)


class TestDrift:
    DRIFT = Drift(("ConfigMap shop-prod/web-config",))

    def test_an_approved_plan_stops_and_says_what_drifted(self, world: World) -> None:
        rollout = world.rollout(Phase.WAITING)
        lifecycle.drifted(rollout, self.DRIFT)
        assert (rollout.phase, rollout.due_at) == (Phase.WAITING, None)
        assert "ConfigMap shop-prod/web-config" in rollout.why

    def test_where_nobody_approves_another_rollouts_changes_are_planned_in(self, world: World) -> None:
        rollout = world.rollout(Phase.WAITING, environment="dev", version="1.1.0")
        world.rollout(Phase.SUCCEEDED, environment="dev", finished_at=timezone.now() + timedelta(seconds=1))
        lifecycle.drifted(rollout, self.DRIFT)
        assert rollout.phase == Phase.PLANNING

    def test_where_nobody_approves_a_strangers_changes_still_stop_it(self, world: World) -> None:
        rollout = world.rollout(Phase.WAITING, environment="dev")
        lifecycle.drifted(rollout, self.DRIFT)
        assert rollout.phase == Phase.WAITING
