"""Objects that more than one application has: left alone where they are the same, refused where not, never pruned."""

from dataclasses import replace

import pytest

from environments.kube.objects import Ref
from releases import actions
from releases.models import Application, Rollout
from releases.plan.store import load_plan
from releases.planning.planner import plan_now
from releases.states import Phase
from tests.releases.fakes import FakeCluster, FakeRegistry
from tests.releases.telling import tell
from tests.releases.test_plan import planned, succeed, titles
from tests.releases.world import WEB, World

ROLE = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: readers}
rules: [{apiGroups: [""], resources: [nodes], verbs: [list]}]
"""
OTHER_ROLE = ROLE.replace("list", "watch")
WIDE = Ref("rbac.authorization.k8s.io/v1", "ClusterRole", "", "readers")


def files(role: str) -> dict[str, str]:
    return {"base/all.yaml": f"{WEB}---\n{role}" if role else WEB}


@pytest.fixture
def bookshop(world: World, registry: FakeRegistry, cluster: FakeCluster) -> World:
    """A second application, in namespaces of its own; both may have ClusterRoles in dev."""
    tell(world.environments["dev"], more_kinds="ClusterRole", namespace="{application}-dev")
    return replace(world, application=Application.objects.create(name="books"))


def names(rollout: Rollout) -> set[str]:
    return {row["ref"][1] for row in load_plan(rollout)["objects"]}


def words(rollout: Rollout, title: str) -> str:
    return next(risk["detail"] for risk in load_plan(rollout)["risks"] if risk["title"] == title)


def test_the_same_object_stays_with_whom_it_belongs_to(world: World, bookshop: World, cluster: FakeCluster) -> None:
    succeed(planned(world, files=files(ROLE)), cluster)
    second = planned(bookshop, files=files(ROLE))
    assert (second.phase, "ClusterRole" in names(second)) == (Phase.WAITING, False)
    assert words(second, "Shared, and left as it is") == "ClusterRole readers belongs to shop 1.0.0 in dev"
    assert load_plan(second)["shared"] == [list(WIDE)]


def test_one_of_other_content_is_refused_with_whose_it_is(world: World, bookshop: World, cluster: FakeCluster) -> None:
    succeed(planned(world, files=files(ROLE)), cluster)
    refused = planned(bookshop, files=files(OTHER_ROLE))
    assert refused.phase == Phase.FAILED
    assert "ClusterRole readers belongs to shop 1.0.0 in dev, and this bundle has it with other content" in refused.why


def test_what_another_application_has_too_is_not_pruned(world: World, bookshop: World, cluster: FakeCluster) -> None:
    succeed(planned(world, files=files(ROLE)), cluster)
    succeed(planned(bookshop, files=files(ROLE)), cluster)
    dropping = planned(world, "1.1.0", files=files(""))
    assert load_plan(dropping)["prune"] == []
    assert words(dropping, "Stays, since others have it too") == "ClusterRole readers (books 1.0.0 in dev)"

    succeed(dropping, cluster)
    inheriting = planned(bookshop, "1.1.0", files=files(ROLE))
    assert "ClusterRole" in names(inheriting), "nobody else has it any more"


def test_what_nobody_else_has_goes(world: World, bookshop: World, cluster: FakeCluster) -> None:
    succeed(planned(world, files=files(ROLE)), cluster)
    succeed(planned(bookshop, files=files("")), cluster)
    assert [row["ref"] for row in load_plan(planned(world, "1.1.0", files=files("")))["prune"]] == [list(WIDE)]


def test_a_change_for_others_is_told(world: World, bookshop: World, cluster: FakeCluster) -> None:
    succeed(planned(world, files=files(ROLE)), cluster)
    succeed(planned(bookshop, files=files(ROLE)), cluster)
    changed = planned(world, "1.1.0", files=files(OTHER_ROLE))
    assert words(changed, "Changes for others too") == "ClusterRole readers is also needed by books 1.0.0 in dev"
    assert "Says what rights may be given in the whole cluster" in titles(load_plan(changed))


def test_the_same_application_elsewhere_counts_as_another(world: World, bookshop: World, cluster: FakeCluster) -> None:
    tell(bookshop.environments["staging"], more_kinds="ClusterRole", namespace="{application}-staging")
    succeed(planned(world, files=files(ROLE)), cluster)
    release = world.application.releases.get()
    there = plan_now(actions.request(world.people["developer"], release, world.environments["staging"]))
    assert words(there, "Shared, and left as it is") == "ClusterRole readers belongs to shop 1.0.0 in dev"
