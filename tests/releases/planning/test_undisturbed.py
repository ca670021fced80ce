"""The first plan of what runs already restarts no pod for our sake, and neither does the second."""

import copy
from typing import Any

import pytest
import yaml

from environments.kube.objects import Manifest, Ref, ref_of
from releases.models import Rollout
from releases.plan.objects import Wanted
from releases.plan.store import load_plan
from releases.plan.undisturbed import as_it_runs
from releases.planning.planner import confirm
from releases.states import Phase
from tests.releases.fakes import FakeCluster, FakeRegistry
from tests.releases.test_plan import WEB, end, planned, row, succeed, titles
from tests.releases.world import World

DEPLOYMENT = Ref("apps/v1", "Deployment", "shop-dev", "web")
IMAGE = "registry.example/shop/web:1.0.0"
NAMED = ("apiVersion", "kind", "stringData")
TRACK, DIGEST = "slipway.dev/track", "slipway.dev/configuration"


def encoded(manifest: Manifest) -> Manifest:
    return manifest if manifest["kind"] != "Secret" else {**manifest, "data": {"PASSWORD": "aHVudGVyMg=="}}


@pytest.fixture(autouse=True)
def _running(registry: FakeRegistry, cluster: FakeCluster) -> None:
    """The application as kubectl brought it, from the bundle's own manifests, by tag."""
    cluster.settle({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop-dev"}})
    for manifest in yaml.safe_load_all(WEB.replace("image: registry.example/shop/web", f"image: {IMAGE}")):
        manifest["metadata"]["namespace"] = "shop-dev"
        content = {
            name: value for name, value in encoded(manifest).items() if name not in ("apiVersion", "kind", "stringData")
        }
        cluster.edit(ref_of(manifest), content)


def template(rollout: Rollout) -> dict[str, Any]:
    found = next(each for each in load_plan(rollout)["objects"] if Ref(*each["ref"]) == DEPLOYMENT)
    return found["manifest"]["spec"]["template"]


def pod(digest: str) -> Manifest:
    metadata = {"name": "web-1", "namespace": "shop-dev", "labels": {"app": "web"}}
    status = {"containerStatuses": [{"name": "web", "imageID": f"registry.example/shop/web@{digest}"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": status}


def test_neither_the_first_plan_nor_the_second_restarts_a_pod(world: World, cluster: FakeCluster) -> None:
    for version in ("1.0.0", "1.0.1"):
        rollout = planned(world, version, images={"web": IMAGE})
        assert row(load_plan(rollout), DEPLOYMENT)["action"] == "unchanged"
        assert template(rollout)["metadata"] == {"labels": {"app": "web"}}
        assert template(rollout)["spec"]["containers"][0]["image"] == IMAGE
        assert load_plan(rollout)["images"]["web"].startswith("registry.example/shop/web@sha256:"), (
            "frozen all the same"
        )
        assert "Runs by its tag until its pods change anyway" in titles(load_plan(rollout))
        assert confirm(rollout) is None
        cluster.theirs.clear()
        succeed(rollout, cluster)


def test_what_changes_anyway_gets_all_of_ours(world: World, cluster: FakeCluster) -> None:
    rollout = planned(world, "1.1.0")
    assert row(load_plan(rollout), DEPLOYMENT)["restarts"]
    assert template(rollout)["metadata"]["labels"][TRACK] == "stable"
    assert DIGEST in template(rollout)["metadata"]["annotations"]
    assert "@sha256:" in template(rollout)["spec"]["containers"][0]["image"]
    assert confirm(rollout) is None
    cluster.theirs.clear()
    succeed(rollout, cluster)
    again = planned(world, "1.1.1", images={"web": "registry.example/shop/web:1.1.0"})
    assert not row(load_plan(again), DEPLOYMENT)["restarts"]
    assert template(again) == template(rollout)


def test_a_change_of_configuration_restarts_what_reads_it(world: World, cluster: FakeCluster) -> None:
    changed = {"base/web.yaml": WEB.replace("LOG_LEVEL: info", "LOG_LEVEL: debug")}
    rollout = planned(world, "1.0.0", images={"web": IMAGE}, files=changed)
    assert row(load_plan(rollout), DEPLOYMENT)["restarts"]
    assert DIGEST in template(rollout)["metadata"]["annotations"]


def test_also_when_a_rollout_that_came_to_nothing_has_written_it_already(world: World, cluster: FakeCluster) -> None:
    changed = {"base/web.yaml": WEB.replace("LOG_LEVEL: info", "LOG_LEVEL: debug")}
    failed = planned(world, "1.0.0", images={"web": IMAGE}, files=changed)
    cluster.theirs["/ConfigMap/shop-dev/web-config"]["data"]["LOG_LEVEL"] = "debug"
    end(failed, Phase.FAILED)
    again = planned(world, "1.0.1", images={"web": IMAGE}, files=changed)
    assert DIGEST in template(again)["metadata"]["annotations"]


def test_also_when_what_ran_before_was_another(world: World, cluster: FakeCluster) -> None:
    first = planned(world, "1.0.0", images={"web": IMAGE})
    live = copy.deepcopy(cluster.theirs)
    cluster.theirs.clear()
    succeed(first, cluster)
    cluster.theirs = {"/ConfigMap/shop-dev/web-config": live["/ConfigMap/shop-dev/web-config"]}
    cluster.theirs["/ConfigMap/shop-dev/web-config"]["data"]["LOG_LEVEL"] = "debug"
    changed = {"base/web.yaml": WEB.replace("LOG_LEVEL: info", "LOG_LEVEL: debug")}
    again = planned(world, "1.0.1", images={"web": IMAGE}, files=changed)
    assert DIGEST in template(again)["metadata"]["annotations"]


@pytest.mark.parametrize("same", [True, False])
def test_a_tag_that_moved_since_the_pods_started_is_a_change(world: World, cluster: FakeCluster, same: bool) -> None:
    digest = load_plan(planned(world, "0.9.0", images={"web": IMAGE}))["images"]["web"].partition("@")[2]
    cluster.settle(pod(digest if same else f"sha256:{'f' * 64}"))
    rollout = planned(world, "1.0.0", images={"web": IMAGE})
    assert row(load_plan(rollout), DEPLOYMENT)["restarts"] is not same
    assert ("Its pods run another image than the tag is now" in titles(load_plan(rollout))) is not same


def labelled(*, needed: bool) -> Manifest:
    manifest = next(each for each in yaml.safe_load_all(WEB) if each["kind"] == "Deployment")
    live = copy.deepcopy(manifest)
    manifest["spec"]["template"]["metadata"]["labels"][TRACK] = "stable"
    wanted = Wanted(manifest, DEPLOYMENT, "workloads", 0, labelled=needed)
    return as_it_runs(wanted, live, lambda *_: False, reconfigured=False)


@pytest.mark.parametrize("needed", [True, False])
def test_a_strategy_that_needs_the_label_gets_it(needed: bool) -> None:
    assert (TRACK in labelled(needed=needed)["spec"]["template"]["metadata"]["labels"]) == needed
