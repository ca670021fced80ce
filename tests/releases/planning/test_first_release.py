"""Hooks of an installation run where nothing ran before, and not where an application is taken over."""

import pytest
import yaml

from releases.plan.store import load_plan
from tests.releases.fakes import FakeCluster, FakeRegistry
from tests.releases.test_plan import planned
from tests.releases.world import WEB, World

HOOK = """\
apiVersion: batch/v1
kind: Job
metadata: {name: create-tables, annotations: {helm.sh/hook: pre-install}}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{name: create, image: registry.example/shop/web}]
"""


@pytest.mark.parametrize("runs_already", [False, True])
def test_hooks_of_an_installation(
    world: World, registry: FakeRegistry, cluster: FakeCluster, runs_already: bool
) -> None:
    namespace = world.environments["dev"].namespace_for("shop")
    web = next(yaml.safe_load_all(WEB))
    web["metadata"]["namespace"] = namespace
    if runs_already:
        cluster.settle(web)
    plan = load_plan(planned(world, files={"base/all.yaml": f"{WEB}---\n{HOOK}"}))
    assert ("create-tables" in {row["ref"][3] for row in plan["objects"]}) is not runs_already
