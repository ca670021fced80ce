"""Taking over what other tools brought: what a plan shows is what happens, on both clusters."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from environments.kube.apply.diff import FieldChange, changes_between, preview
from environments.kube.apply.managers import MARKS, RESTARTS
from environments.kube.apply.ownership import adopt
from environments.kube.apply.server_side_apply import apply_object
from environments.kube.objects import ref_of
from tests.contract.namespace import MERGE, STRATEGIC, ContractNamespace, container_of
from tests.contract.objects import Manifest, annotated, config_map, deployment, service

CONTAINER = 'spec.template.spec.containers[name="web"]'
SPARE = frozenset({MARKS, RESTARTS})
LAST = "kubectl.kubernetes.io/last-applied-configuration"
HELM = {"meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": "shop"}


def running() -> Manifest:
    """What an application has that its bundle has not: a variable, a probe, a sidecar, limits and an annotation."""
    manifest = annotated(deployment(replicas=2, env={"A": "1", "DEBUG": "true"}), note="old")
    container = container_of(manifest)
    container["resources"] = {"limits": {"memory": "64Mi", "cpu": "2000m"}}
    container["readinessProbe"] = {"httpGet": {"path": "/", "port": 80}}
    spec = manifest["spec"]["template"]["spec"]
    spec["containers"].append({"name": "side", "image": "example.test/shop/side:1"})
    spec["nodeSelector"] = {"kubernetes.io/os": "linux"}
    return manifest


def wanted() -> Manifest:
    manifest = deployment(replicas=2, env={"A": "1"})
    container_of(manifest)["resources"] = {"limits": {"cpu": "2"}}
    return manifest


REMOVED = {
    "metadata.annotations.note",
    "spec.template.spec.nodeSelector",
    'spec.template.spec.containers[name="side"]',
    f"{CONTAINER}.readinessProbe",
    f"{CONTAINER}.resources.limits.memory",
    f'{CONTAINER}.env[name="DEBUG"]',
}


def applied_by(manager: str) -> Callable[[ContractNamespace, Manifest], None]:
    return lambda ns, manifest: ns.apply(manifest, manager) and None


def created_by(manager: str, **annotations: str) -> Callable[[ContractNamespace, Manifest], None]:
    def create(ns: ContractNamespace, manifest: Manifest) -> None:
        body = ns.here(copy.deepcopy(manifest))
        body["metadata"]["annotations"] = {**body["metadata"].get("annotations", {}), **annotations}
        collection = ns.gateway.path(ref_of(body)).rpartition("/")[0]
        ns.done(ns.gateway.raw("POST", collection, query=[("fieldManager", manager)], body=body))

    return create


def applied_then_edited(ns: ContractNamespace, manifest: Manifest) -> None:
    """Argo CD's server-side apply, a person's `set env`, and kubectl apply on top."""
    ns.apply(manifest, "argocd-controller")
    ns.set_in_container(env=[{"name": "DEBUG", "value": "9"}])
    ns.apply(manifest, "kubectl", force=True)


TOOLS: dict[str, Callable[[ContractNamespace, Manifest], None]] = {
    "kubectl apply": created_by("kubectl-client-side-apply", **{LAST: "{}"}),
    "kubectl apply --server-side": applied_by("kubectl"),
    "Helm": created_by("helm", **HELM),
    "Helm 4": applied_by("helm"),
    "Argo CD": applied_by("argocd-controller"),
    "Argo CD by client-side apply": created_by("argocd-controller"),
    "Flux": applied_by("kustomize-controller"),
    "Flux's Helm": created_by("helm-controller", **HELM),
    "Terraform": applied_by("Terraform"),
    "Terraform's typed resources": created_by("HashiCorp"),
    "nobody's": created_by("OpenAPI-Generator"),
    "several": applied_then_edited,
}


def take_over(ns: ContractNamespace, manifest: Manifest) -> tuple[tuple[FieldChange, ...], Manifest]:
    """What the plan shows, and the object after it."""
    shown = preview(ns.gateway, manifest, taking=lambda _live: SPARE)
    before = ns.found(ref_of(manifest))
    adopt(ns.gateway, ref_of(manifest), SPARE)
    apply_object(ns.gateway, manifest, sequence=1)
    after = ns.found(ref_of(manifest))
    unnumbered = copy.deepcopy(after)
    del unnumbered["metadata"]["annotations"]["slipway.dev/sequence"]
    assert sorted(shown.changes) == sorted(changes_between(before, unnumbered))
    return shown.changes, after


@pytest.mark.parametrize("tool", TOOLS)
def test_what_the_bundle_does_not_have_goes_and_is_shown_before(ns: ContractNamespace, tool: str) -> None:
    TOOLS[tool](ns, running())
    changes, after = take_over(ns, ns.here(annotated(wanted(), team="a")))
    assert {change.path for change in changes if change.after is None} == REMOVED
    assert [each["name"] for each in container_of(after)["env"]] == ["A"]
    assert container_of(after)["resources"] == {"limits": {"cpu": "2"}}
    assert preview(ns.gateway, ns.here(annotated(wanted(), team="a")), taking=lambda _live: SPARE).taken == ()


def test_the_same_quantity_written_in_another_way_is_no_change_and_overrules_nobody(ns: ContractNamespace) -> None:
    other = wanted()
    container_of(other)["resources"] = {"limits": {"cpu": "2000m"}, "requests": {"memory": "1024Mi"}}
    ns.apply(other, "argocd-controller")
    mine = wanted()
    container_of(mine)["resources"] = {"limits": {"cpu": "2"}, "requests": {"memory": "1Gi"}}
    for manifest in (mine, other):
        shown = preview(ns.gateway, ns.here(manifest))
        assert (shown.changes, shown.conflicts) == ((), ())


def test_the_marks_of_other_tools_stay_where_they_are_spared(ns: ContractNamespace) -> None:
    created_by("helm", **HELM)(ns, config_map(mode="fast"))
    label = {"metadata": {"labels": {"app.kubernetes.io/managed-by": "Helm"}}}
    ns.done(ns.patch(ns.ref("ConfigMap", "settings", "v1"), label, "helm", form=MERGE))
    mine = annotated(ns.here(config_map(mode="fast")), team="a")
    _, after = take_over(ns, mine)
    assert after["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "Helm"}
    assert HELM.items() <= after["metadata"]["annotations"].items()
    adopt(ns.gateway, ref_of(mine))
    assert "labels" not in apply_object(ns.gateway, mine, sequence=2).object["metadata"]


def test_a_restart_by_hand_is_not_taken_back_with_what_else_is_taken(ns: ContractNamespace) -> None:
    ns.apply(wanted(), "argocd-controller")
    stamp = {"kubectl.kubernetes.io/restartedAt": "2026-11-21T08:00:00Z"}
    body = {"spec": {"template": {"metadata": {"annotations": stamp}}}}
    ns.done(ns.patch(ns.ref(), body, "kubectl-rollout", form=STRATEGIC))
    changes, after = take_over(ns, annotated(ns.here(wanted()), team="a"))
    assert [change.path for change in changes] == ["metadata.annotations.team"]
    assert after["spec"]["template"]["metadata"]["annotations"] == stamp


def test_what_a_controller_holds_stays(ns: ContractNamespace) -> None:
    ns.apply(service(selector={"app": "web"}), "argocd-controller")
    body: dict[str, Any] = {"metadata": {"annotations": {"cloud/address": "10.0.0.1"}}}
    ns.done(ns.patch(ns.ref("Service", "web", "v1"), body, "cloud-controller-manager", form=MERGE))
    _, after = take_over(ns, annotated(ns.here(service(selector={"app": "web"})), team="a"))
    assert after["metadata"]["annotations"]["cloud/address"] == "10.0.0.1"


def test_items_of_custom_resources_are_told_by_the_keys_that_their_managers_know(ns: ContractNamespace) -> None:
    ns.apply(service(selector={"app": "web", "tier": "x"}), "Terraform")
    changes, after = take_over(ns, annotated(ns.here(service(selector={"app": "web"})), team="a"))
    assert json.dumps(after["spec"]["selector"]) == '{"app": "web"}'
    assert any(change.path.startswith("spec.selector") for change in changes)
