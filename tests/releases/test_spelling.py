"""One spelling of a verb: rule, intent, right, API and audit; and what was stored before it."""

from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import connection

from portal.audit import vouching
from portal.roles import Verb
from portal.steps.intents import TURNS, Intent
from releases import actions
from releases.actions.guards import GIVES_WAY, NAMES, RULES
from releases.actions.verbs import SAID, STEERING, VOTES
from releases.models import Rollout
from releases.pages.verb_help import EFFECTS
from releases.states import Phase
from tests.releases.telling import tell
from tests.releases.world import World

INTENTS = set(Rollout.Intent.values)
SCHEMA = SimpleNamespace(connection=connection)


def test_an_intent_is_a_verb_of_the_engine_or_starts_the_rollout() -> None:
    assert {each.value for each in Intent} | {"start"} == INTENTS
    assert set(TURNS) == set(Intent)


@pytest.mark.parametrize("table", [RULES, STEERING, SAID, EFFECTS], ids=["rules", "actions", "said", "effects"])
def test_every_intent_is_spelled_so_in_every_table(table: dict[str, object]) -> None:
    assert set(table) >= INTENTS


def test_no_table_knows_a_verb_that_has_no_rule() -> None:
    told = {
        *STEERING,
        *VOTES,
        *SAID,
        *EFFECTS,
        *NAMES,
        *GIVES_WAY,
        *(verb for ways in GIVES_WAY.values() for verb in ways),
    }
    assert told <= set(RULES)
    assert {Verb.ROLLBACK, Verb.ABORT, Verb.PAUSE, Verb.PROMOTE, Verb.START} <= set(RULES)


@pytest.mark.django_db
class TestOfBefore:
    @pytest.mark.parametrize(("before", "now"), [("roll back", "rollback"), ("promote fully", "promote-fully")])
    def test_an_intent_that_waits_is_respelled_and_the_history_still_vouches_for_it(
        self, world: World, before: str, now: str
    ) -> None:
        rollout = world.rollout(Phase.PAUSED, intent=before, intent_by="lead")
        import_module("releases.migrations.0012_spelling_of_intents").respell(apps, SCHEMA)
        rollout.refresh_from_db()
        assert rollout.intent == now
        assert vouching.doubts([rollout]) == []

    def test_what_is_restored_from_an_old_entry_is_in_todays_spelling(self, world: World) -> None:
        rollout = world.rollout(Phase.PAUSED, intent="roll back", intent_by="lead")
        Rollout.objects.filter(pk=rollout.pk).update(intent="resume")
        rollout.refresh_from_db()
        actions.restore(world.people["lead"], rollout)
        assert (rollout.intent, rollout.get_intent_display()) == ("rollback", "roll back")

    def test_the_shares_that_screens_show_are_taken_over(self, world: World) -> None:
        cursor = {"memory": {"keep": {"weights": {"web": 25}}}}
        moving, plain = world.rollout(Phase.FAILED, cursor=cursor), world.rollout(Phase.SUCCEEDED)
        import_module("releases.migrations.0011_shares").take_over(apps, SCHEMA)
        moving.refresh_from_db()
        plain.refresh_from_db()
        assert (moving.shares, plain.shares) == ({"web": 25}, {})

    def test_a_rollout_that_asks_goes_on_asking(self, world: World) -> None:
        rollout = world.rollout(Phase.PAUSED, strategy="canary", cursor={"memory": {"asked": "Is it good?"}})
        tell(rollout)
        assert rollout.state.asked == "Is it good?"
