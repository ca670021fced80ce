"""Two environments, or two applications, in one namespace never take or prune each other's objects."""

from typing import Any

import pytest

from environments.kube.objects import Manifest, Ref
from releases.lifecycle import enter_live
from releases.models import Application, Rollout
from releases.plan.store import load_plan
from releases.planning.planner import confirm
from releases.states import Phase
from tests.releases.fakes import FakeCluster, FakeRegistry
from tests.releases.telling import tell
from tests.releases.test_plan import WEB, end, planned, row, succeed, titles
from tests.releases.world import World

SETTINGS = Ref("v1", "ConfigMap", "shared", "web-config")
TRACKING = "slipway.dev/tracking"
WITHOUT = "\n---\n".join(part for part in WEB.split("\n---\n") if "kind: ConfigMap" not in part)


@pytest.fixture(autouse=True)
def _shared(world: World, registry: FakeRegistry, cluster: FakeCluster) -> None:
    """dev and staging in one namespace of one cluster."""
    cluster.settle({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shared"}})
    for name in ("dev", "staging"):
        tell(world.environments[name], namespace="shared", cluster=world.environments["dev"].cluster)


def mark(cluster: FakeCluster, tracking: str) -> None:
    """As if somebody else, or a portal of before, had written it."""
    found: Manifest = cluster.ours[SETTINGS.key]
    found["metadata"]["annotations"][TRACKING] = tracking


def refused(rollout: Rollout) -> str:
    assert rollout.phase == Phase.FAILED
    return rollout.why


def test_what_another_environment_has_is_refused_by_name(world: World, cluster: FakeCluster) -> None:
    succeed(planned(world), cluster)
    why = refused(planned(world, "1.1.0", "staging"))
    assert "ConfigMap shared/web-config belongs to shop in dev, and shop in staging would overwrite it" in why
    assert planned(world, "1.2.0").phase == Phase.WAITING


def test_a_plan_of_before_the_other_came_does_not_hold(world: World, cluster: FakeCluster) -> None:
    early = planned(world, "1.1.0", "staging")
    succeed(planned(world), cluster)
    drift = confirm(early)
    assert drift
    assert "belongs to shop in dev" in drift.words


@pytest.mark.parametrize("held", [True, False])
def test_what_another_environment_has_is_not_pruned(world: World, cluster: FakeCluster, held: bool) -> None:
    """Nor what it has given up: its mark is not ours."""
    theirs = planned(world, "1.0.1", "staging")
    succeed(planned(world), cluster)
    end(theirs, Phase.SUCCEEDED if held else Phase.CANCELLED)
    mark(cluster, f"shop@staging:{SETTINGS.key}")
    plan = load_plan(planned(world, "1.1.0", files={"base/web.yaml": WITHOUT}))
    assert plan["prune"] == []
    assert ("Not removed, since others have it" in titles(plan)) == held


@pytest.mark.parametrize(
    ("tracking", "whose"),
    [
        (f"shop@dev:{SETTINGS.key}", ""),
        (f"shop:{SETTINGS.key}", ""),
        (f"shop@gone:{SETTINGS.key}", "shop in gone of another portal"),
        (f"theirs@dev:{SETTINGS.key}", "theirs in dev of another portal"),
        (f"theirs:{SETTINGS.key}", "theirs of another portal"),
        (f"known@dev:{SETTINGS.key}", ""),
        ("shop@staging:/ConfigMap/shared/the-one-that-it-is-a-copy-of", ""),
    ],
)
def test_whose_a_mark_is(world: World, cluster: FakeCluster, tracking: str, whose: str) -> None:
    Application.objects.create(name="known")
    succeed(planned(world), cluster)
    mark(cluster, tracking)
    rollout = planned(world, "1.1.0")
    assert whose in rollout.why
    assert (rollout.phase == Phase.FAILED) == bool(whose)


def test_a_mark_of_before_is_of_the_environment_whose_plan_has_the_object(world: World, cluster: FakeCluster) -> None:
    succeed(planned(world), cluster)
    for manifest in cluster.ours.values():
        annotations: dict[str, Any] = manifest["metadata"].get("annotations", {})
        if TRACKING in annotations:
            annotations[TRACKING] = annotations[TRACKING].replace("shop@dev:", "shop:")
    assert "belongs to shop in dev" in refused(planned(world, "1.1.0", "staging"))
    mine = planned(world, "1.2.0", files={"base/web.yaml": WITHOUT})
    plan = load_plan(mine)
    assert [each["ref"] for each in plan["prune"]] == [list(SETTINGS)]
    assert all(
        field["path"] != f"metadata.annotations.{TRACKING}" for each in plan["changes"] for field in each["fields"]
    )
    assert not plan["adopt"]


def test_a_mark_of_before_in_the_plans_of_two_is_nobodys_to_take(world: World, cluster: FakeCluster) -> None:
    early = planned(world, "1.1.0", "staging")
    succeed(planned(world), cluster)
    end(early, Phase.SUCCEEDED)
    mark(cluster, f"shop:{SETTINGS.key}")
    assert "ConfigMap shared/web-config belongs to shop in staging" in refused(planned(world, "1.2.0"))


def test_what_was_given_up_is_taken_over(world: World, cluster: FakeCluster) -> None:
    succeed(planned(world), cluster)
    for name in ("web", "web-secret"):
        for key in [key for key in cluster.ours if key.endswith(f"/shared/{name}")]:
            cluster.ours.pop(key)
    gone = planned(world, "1.1.0", files={"base/web.yaml": WITHOUT})
    end(gone, Phase.SUCCEEDED)
    plan = load_plan(planned(world, "1.2.0", "staging", files={"base/web.yaml": WEB}))
    assert row(plan, SETTINGS)["action"] == "unchanged"
    assert "Taken in as it is" in titles(plan)


def test_a_mark_of_ours_that_no_release_here_made_is_told(world: World, cluster: FakeCluster) -> None:
    first = planned(world)
    succeed(first, cluster)
    note = "Carries our mark, though nothing was released here"
    assert note not in titles(load_plan(planned(world, "1.1.0")))
    tell(first, phase=Phase.CANCELLED, started_at=None)
    assert note in titles(load_plan(planned(world, "1.2.0")))


def test_a_rollout_has_a_higher_number_than_whoever_had_its_objects(world: World, cluster: FakeCluster) -> None:
    """An object that was handed over, or that this portal released before a restore, has been written by another."""
    succeed(planned(world), cluster)
    cluster.ours[SETTINGS.key]["metadata"]["annotations"]["slipway.dev/sequence"] = "12"
    rollout = planned(world, "1.1.0")
    enter_live(rollout, Phase.PROGRESSING, above=load_plan(rollout)["above"])
    assert rollout.sequence == 13
