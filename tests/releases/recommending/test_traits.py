"""What is known of a change before it is planned."""

import pytest

from releases import actions
from releases.recommending import recommend, traits_of
from releases.states import Phase
from tests.releases.world import WEB, World

pytestmark = pytest.mark.django_db
JOB = """\
apiVersion: batch/v1
kind: Job
metadata: {{name: "{name}-${{SLIPWAY_VERSION_SLUG}}"}}
spec: {{template: {{spec: {{restartPolicy: Never, containers: [{{name: m, image: "registry.example/m:1"}}]}}}}}}
"""
MIGRATED = {"base/web.yaml": WEB, "base/job.yaml": JOB.format(name="migrate-orders")}


def test_a_migration_that_runs_with_every_release_is_no_change_of_the_schema(world: World) -> None:
    world.release("1.0.0", MIGRATED)
    world.rollout(Phase.SUCCEEDED, version="1.0.0")
    again = world.release("1.1.0", {**MIGRATED, "base/more.yaml": WEB.replace("name: web", "name: more")})
    assert traits_of(again, world.environments["prod"]).migrations == ()
    further = world.release("1.2.0", {**MIGRATED, "base/new.yaml": JOB.format(name="migrate-prices")})
    traits = traits_of(further, world.environments["prod"])
    assert (traits.running, traits.migrations) == ("1.0.0", ("migrate-prices",))
    assert recommend(traits).strategy == "blue-green"


def test_the_bundle_says_what_kind_of_change_it_is(world: World) -> None:
    release = world.release("1.0.0", {"base/web.yaml": WEB, "slipway.yaml": "change: high-risk\n"})
    assert recommend(traits_of(release, world.environments["prod"])).strategy == "canary"


def test_a_choice_against_the_advice_is_kept_with_its_reason(world: World) -> None:
    release = world.release("1.0.0", {"base/web.yaml": WEB, "slipway.yaml": "change: high-risk\n"})
    asked = actions.request(
        world.people["lead"], release, world.environments["dev"], strategy="rolling", strategy_reason="Nobody uses it."
    )
    assert (asked.strategy, asked.recommended, asked.strategy_reason) == ("rolling", "canary", "Nobody uses it.")


@pytest.mark.parametrize(
    ("strategy", "taken", "reason"),
    [
        ("recommended", "canary", ""),
        ("canary", "canary", ""),
        ("", "rolling", "It is the application's usual strategy."),
        ("rolling", "rolling", "No reason was given."),
    ],
)
def test_what_is_taken_without_a_word(world: World, strategy: str, taken: str, reason: str) -> None:
    release = world.release("1.0.0", {"base/web.yaml": WEB, "slipway.yaml": "change: high-risk\n"})
    asked = actions.request(world.people["lead"], release, world.environments["dev"], strategy=strategy)
    assert (asked.strategy, asked.strategy_reason) == (taken, reason)
