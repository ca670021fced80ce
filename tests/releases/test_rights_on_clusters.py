"""The documents' own rights on a real cluster: enough for kinds of the whole cluster, and told at once where not."""

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from environments.clusters import gateway_for
from environments.kube.api.access import Access
from environments.kube.api.client import Gateway
from environments.kube.apply.server_side_apply import apply_object
from environments.kube.objects import ref_of
from environments.models import Cluster, Environment
from releases import actions
from releases.models import Rollout
from releases.plan.secret_values import load_sealed, manifests_of
from releases.plan.store import load_plan
from releases.planning.planner import plan_now
from releases.states import Phase
from tests.releases.fakes import FakeRegistry
from tests.releases.telling import tell
from tests.releases.world import World

RIGHTS = Path(__file__).parents[2] / "docs" / "how-to" / "cluster-rights.yaml"
pytestmark = pytest.mark.lane("kubeconfig")
WIDE = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: toys.NAME.example.com}
spec:
  group: NAME.example.com
  scope: Cluster
  names: {plural: toys, singular: toy, kind: Toy}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}
---
apiVersion: v1
kind: Namespace
metadata: {name: NAME-dev, labels: {pod-security.kubernetes.io/enforce: baseline}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: NAME-app}
rules: [{apiGroups: [apps], resources: [deployments], verbs: [list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: NAME-app}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: NAME-app}
subjects: [{kind: ServiceAccount, name: default, namespace: NAME-dev}]
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: NAME-fast}
provisioner: example.com/disk
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: NAME-high}
value: 1000
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: NAME-nginx}
spec: {controller: example.com/nginx}
---
apiVersion: node.k8s.io/v1
kind: RuntimeClass
metadata: {name: NAME-safe}
handler: safe
---
apiVersion: storage.k8s.io/v1
kind: CSIDriver
metadata: {name: NAME.example.com}
spec: {attachRequired: false}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: NAME-hook}
webhooks:
- name: hook.NAME.example.com
  clientConfig: {service: {name: hook, namespace: NAME-dev}}
  rules: [{apiGroups: [NAME.example.com], apiVersions: [v1], resources: [none], operations: [CREATE]}]
  admissionReviewVersions: [v1]
  sideEffects: None
  failurePolicy: Ignore
---
apiVersion: v1
kind: ConfigMap
metadata: {name: web}
data: {A: "1"}
"""
KINDS = "Namespace\nClusterRole\nClusterRoleBinding\nCustomResourceDefinition\n*.storage.k8s.io\nPriorityClass\n"
KINDS += "IngressClass\nRuntimeClass\nValidatingWebhookConfiguration\nRole"


@dataclass
class Limited:
    """An account with the documents' rights, under names of its own."""

    admin: Gateway
    name: str
    environment: Environment

    def role(self, name: str) -> dict[str, Any]:
        found = self.admin.get(ref_of(named(f"{self.name}-{name}")))
        assert found
        return found

    def without(self, role: str, *resources: str) -> None:
        """Takes rules for these resources away."""
        given = self.role(role)
        rules = [{**rule, "resources": [r for r in rule["resources"] if r not in resources]} for rule in given["rules"]]
        body = {**named(f"{self.name}-{role}"), "rules": [rule for rule in rules if rule["resources"]]}
        self.admin.apply(body, manager="test", force=True)


def named(role: str) -> dict[str, Any]:
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": role}}


@pytest.fixture
def limited(world: World, registry: FakeRegistry) -> Iterator[Limited]:
    access = Access.from_kubeconfig(Path(os.environ["SLIPWAY_TEST_KUBECONFIG"]).read_text())
    admin, name = Gateway(access, read=10), f"rights-{uuid.uuid4().hex[:8]}"
    text = RIGHTS.read_text().replace("slipway-", f"{name}-").replace("shop-dev", f"{name}-dev")
    objects = [each for each in yaml.safe_load_all(text) if each["kind"] != "Secret"]
    for manifest in objects:
        admin.apply(manifest, manager="test")
    path = f"/api/v1/namespaces/{name}-system/serviceaccounts/slipway/token"
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
    token = admin.raw("POST", path, body=body).json()["status"]["token"]
    own = Access(server=access.server, ca_pem=access.ca_pem, token=token)
    cluster = Cluster.objects.create(name=name, server=access.server, access=own.to_json())
    tell(world.environments["dev"], cluster=cluster, namespace=f"{name}-dev", more_kinds=KINDS)
    yield Limited(admin, name, world.environments["dev"])
    for manifest in [*reversed(objects), *yaml.safe_load_all(WIDE.replace("NAME", name))]:
        if manifest["kind"] != "ConfigMap":
            admin.delete(ref_of(manifest))


def planned(world: World, text: str, version: str = "1.0.0") -> Rollout:
    release = world.release(version, files={"base/all.yaml": text}, images={})
    return plan_now(actions.request(world.people["developer"], release, world.environments["dev"]))


def test_they_are_enough_for_a_bundle_with_kinds_of_the_whole_cluster(world: World, limited: Limited) -> None:
    rollout = planned(world, WIDE.replace("NAME", limited.name))
    assert (rollout.phase, rollout.why) == (Phase.WAITING, "")
    plan = load_plan(rollout)
    titles = {risk["title"] for risk in plan["risks"]}
    assert "Rights that are missing" not in titles
    assert "Decides on every request to the cluster: one that fails or refuses stops others' work" in titles
    gateway = gateway_for(limited.environment.cluster)
    for manifest in manifests_of(plan, load_sealed(rollout.sealed_digest)):
        apply_object(gateway, manifest, sequence=1)


def test_all_that_is_missing_is_told_at_once_as_rules_to_paste(world: World, limited: Limited) -> None:
    limited.without("release", "configmaps", "secrets")
    limited.without("cluster", "storageclasses")
    rollout = planned(world, WIDE.replace("NAME", limited.name))
    assert rollout.phase == Phase.PLANNING
    told = yaml.safe_load(rollout.why[rollout.why.index("  - apiGroups") :])
    assert {(rule["apiGroups"][0], *rule["resources"], *rule["verbs"]) for rule in told} == {
        ("", "configmaps", "create", "delete", "get", "patch"),
        ("storage.k8s.io", "storageclasses", "create", "delete", "get", "patch"),
    }
    assert f"bound in the namespace {limited.name}-dev" in rollout.why
    assert "bound in the whole cluster" in rollout.why


def test_what_is_missed_later_is_a_note(world: World, limited: Limited) -> None:
    limited.without("release", "events", "pods/log")
    rollout = planned(
        world,
        "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: a}\nspec:\n  selector: "
        "{matchLabels: {a: b}}\n  template:\n    metadata: {labels: {a: b}}\n    spec: {containers: "
        "[{name: a, image: 'registry.example/a:1'}]}\n",
    )
    assert rollout.phase == Phase.WAITING
    note = next(risk["detail"] for risk in load_plan(rollout)["risks"] if risk["title"] == "Rights that are missing")
    assert f"list events in {limited.name}-dev" in note
    assert f"get pods/log in {limited.name}-dev" in note


def test_rights_beyond_ones_own_name_the_verb_that_gives_them(world: World, limited: Limited) -> None:
    head = f"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: {limited.name}-app}}\n"
    refused = planned(world, head + "rules: [{apiGroups: [''], resources: [nodes], verbs: [get]}]\n")
    assert refused.phase == Phase.FAILED
    assert "gives rights that Slipway's account has not itself" in refused.why
    assert "`escalate` on clusterroles" in refused.why
