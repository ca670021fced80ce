"""Plans against the two clusters: what a real API server says to them."""

import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from environments.clusters import connect, gateway_for
from environments.kube.api.client import Gateway
from environments.kube.apply.server_side_apply import apply_object
from environments.kube.objects import Ref
from environments.models import Environment
from portal.actors import SYSTEM
from releases import actions
from releases.models import Rollout
from releases.plan.secret_values import load_sealed, manifests_of
from releases.plan.store import load_plan
from releases.planning.planner import confirm, plan_now
from releases.states import Phase
from sandbox import Sandbox
from tests.releases.fakes import FakeRegistry
from tests.releases.telling import tell
from tests.releases.world import WEB, World

REAL = pytest.param("real", marks=pytest.mark.lane("kubeconfig"))


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(speed=10) as running:
        yield running


@pytest.fixture(params=["sandbox", REAL])
def kubeconfig(request: pytest.FixtureRequest) -> str:
    if request.param == "sandbox":
        text: str = request.getfixturevalue("sandbox").kubeconfig
        return text
    return Path(os.environ["SLIPWAY_TEST_KUBECONFIG"]).read_text()


@pytest.fixture
def dev(world: World, kubeconfig: str, registry: FakeRegistry) -> Iterator[Environment]:
    """dev on a cluster, in a namespace of its own."""
    cluster = connect("under-test", kubeconfig, actor=SYSTEM).cluster
    environment = world.environments["dev"]
    tell(environment, cluster=cluster, namespace=f"plan-{uuid.uuid4().hex[:8]}")
    yield environment
    gateway_for(cluster).delete(Ref("v1", "Namespace", "", environment.namespace))


def planned(world: World, version: str, text: str = WEB) -> Rollout:
    release = world.release(version, files={"base/web.yaml": text})
    return plan_now(actions.request(world.people["developer"], release, world.environments["dev"]))


def roll_out(rollout: Rollout, gateway: Gateway, sequence: int) -> None:
    plan = load_plan(rollout)
    for row, manifest in zip(plan["objects"], manifests_of(plan, load_sealed(rollout.sealed_digest)), strict=True):
        apply_object(gateway, manifest, sequence=sequence, scaler=row["scaler"])
    at = rollout.planned_at
    tell(rollout, phase=Phase.SUCCEEDED, sequence=sequence, started_at=at, finished_at=at)


def changes(rollout: Rollout) -> dict[str, list[str]]:
    rows = load_plan(rollout)["changes"]
    return {row["ref"][1]: [field["path"] for field in row["fields"]] for row in rows if row["action"] == "update"}


def actions_of(rollout: Rollout) -> dict[str, str]:
    return {row["ref"][1]: row["action"] for row in load_plan(rollout)["changes"]}


def test_from_nothing_to_a_second_release_and_nothing_more(world: World, dev: Environment) -> None:
    gateway = gateway_for(dev.cluster)
    first = planned(world, "1.0.0")
    assert (first.phase, first.why) == (Phase.WAITING, "")
    assert set(actions_of(first).values()) == {"create"}
    digest = first.plan_digest
    actions.replan(world.people["developer"], first)
    assert plan_now(first).plan_digest == digest, "what the server makes up is no part of a plan"
    assert confirm(first) is None
    roll_out(first, gateway, 1)

    second = planned(world, "1.1.0", WEB.replace("hunter2", "hunter3"))
    assert confirm(second) is None
    found = changes(second)
    assert found["Secret"] == ["data.PASSWORD"]
    assert 'spec.template.spec.containers[name="web"].image' in found["Deployment"]
    assert actions_of(second)["Service"] == actions_of(second)["ConfigMap"] == "unchanged"
    assert "hunter" not in repr(load_plan(second))
    roll_out(second, gateway, 2)

    assert changes(planned(world, "1.1.1", WEB.replace("hunter2", "hunter3"))).keys() == {"Deployment"}


def test_a_persons_hand_in_between_is_drift_and_then_a_conflict(world: World, dev: Environment) -> None:
    gateway = gateway_for(dev.cluster)
    roll_out(planned(world, "1.0.0"), gateway, 1)
    rollout = planned(world, "1.1.0")
    edited = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "web-config", "namespace": dev.namespace},
        "data": {"LOG_LEVEL": "trace", "EXTRA": "1"},
    }
    gateway.apply(edited, manager="kubectl", force=True)
    drift = confirm(rollout)
    assert drift
    assert drift.objects == (f"ConfigMap {dev.namespace}/web-config",)
    actions.replan(world.people["developer"], rollout)
    row = row_of(plan_now(rollout), "ConfigMap")
    assert row["conflicts"] == [{"field": "data.LOG_LEVEL", "manager": "kubectl"}]
    assert row["taken"] == ["kubectl"]
    fields = {field["path"]: (field["before"], field["after"]) for field in row["fields"]}
    assert fields["data.EXTRA"] == ("1", None)


def test_scaling_by_hand_shows_as_a_change_of_replicas(world: World, dev: Environment) -> None:
    gateway = gateway_for(dev.cluster)
    roll_out(planned(world, "1.0.0"), gateway, 1)
    web = Ref("apps/v1", "Deployment", dev.namespace, "web")
    gateway.merge_patch(web, {"spec": {"replicas": 5}}, subresource="scale")
    fields = {
        field["path"]: (field["before"], field["after"])
        for field in row_of(planned(world, "1.1.0"), "Deployment")["fields"]
    }
    assert fields["spec.replicas"] == (5, 2)


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (WEB.replace("port: 80", "port: 99999"), "not valid"),
        (WEB.replace("matchLabels: {app: web}", "matchLabels: {app: other}"), "selector"),
    ],
)
def test_what_the_cluster_refuses_is_told_in_its_words(world: World, dev: Environment, broken: str, words: str) -> None:
    rollout = planned(world, "1.0.0", broken)
    assert rollout.phase == Phase.FAILED
    assert words in rollout.why


def row_of(rollout: Rollout, kind: str) -> dict[str, Any]:
    return next(row for row in load_plan(rollout)["changes"] if row["ref"][1] == kind)


DEFINITION = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: readings.GROUP}
spec:
  group: GROUP
  names: {kind: Reading, plural: readings, singular: reading, listKind: ReadingList}
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              properties:
                text: {type: string}
                nullable: {type: string, nullable: true}
                free: {type: object, x-kubernetes-preserve-unknown-fields: true}
"""
READING = "apiVersion: GROUP/VERSION\nkind: Reading\nmetadata: {name: one}\nspec: "
KNOWN_WITHIN = 30


@pytest.fixture
def group(dev: Environment) -> Iterator[str]:
    """The group of a custom resource that the cluster knows and dev allows, of this test alone."""
    name, gateway = f"reading-{uuid.uuid4().hex[:8]}.slipway.test", gateway_for(dev.cluster)
    gateway.apply(yaml.safe_load(DEFINITION.replace("GROUP", name)), manager="slipway-test", force=True)
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": dev.namespace}}
    gateway.apply(namespace, manager="slipway-test", force=True)
    tell(dev, allowed_kinds=f"Reading.{name}")
    end = time.monotonic() + KNOWN_WITHIN
    while not gateway.versions_of(name, "Reading"):
        assert time.monotonic() < end, "the cluster does not come to know the kind"
        time.sleep(0.1)
    yield name
    gateway.delete(Ref("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", f"readings.{name}"))


def reading(group: str, spec: str, version: str = "v1") -> str:
    return READING.replace("GROUP", group).replace("VERSION", version) + spec + "\n"


def test_a_null_of_a_custom_resource_stays(world: World, dev: Environment, group: str) -> None:
    plan = load_plan(planned(world, "1.0.0", reading(group, "{nullable: , free: {a: }}")))
    assert plan["objects"][0]["manifest"]["spec"] == {"nullable": None, "free": {"a": None}}


def test_a_null_that_its_kind_does_not_take_is_left_out(world: World, dev: Environment, group: str) -> None:
    plan = load_plan(planned(world, "1.0.0", reading(group, "{text: , free: {b: 1}}")))
    assert plan["objects"][0]["manifest"]["spec"] == {"free": {"b": 1}}
    assert "Empty fields are left out, since its kind does not take them." in " ".join(plan["changes"][0]["warnings"])


def test_what_etcd_would_not_store_is_refused_though_its_dry_run_passes(
    world: World, dev: Environment, group: str
) -> None:
    refused = planned(world, "1.0.0", reading(group, f"{{free: {{a: {'x' * 1_600_000}}}}}"))
    assert refused.phase == Phase.FAILED
    assert f"Reading {dev.namespace}/one is too large for the cluster: 1,600," in refused.why
    assert "Split it into several objects." in refused.why


def test_a_version_that_the_cluster_does_not_serve_names_those_that_it_does(
    world: World, dev: Environment, group: str
) -> None:
    refused = planned(world, "1.0.0", reading(group, "{}", "v1beta1"))
    assert refused.phase == Phase.FAILED
    assert f"{group}/v1beta1 has no Reading in this cluster; it serves {group}/v1." in refused.why
