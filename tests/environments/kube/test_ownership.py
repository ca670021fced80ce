"""Whose hand is on a field, without a cluster."""

from typing import Any

import pytest

from environments.kube.apply.managers import MARKS, RESTARTS
from environments.kube.apply.ownership import (
    adoption,
    adoption_patch,
    autoscaled,
    divide,
    foreign_fields,
    paths_of,
    union,
)
from environments.kube.objects import Ref

ENV = {'k:{"name":"EXTRA"}': {".": {}, "f:name": {}, "f:value": {}}}
TREE = {
    "f:metadata": {"f:annotations": {".": {}, "f:note": {}}},
    "f:spec": {"f:template": {"f:spec": {"f:containers": {'k:{"name":"web"}': {".": {}, "f:env": ENV}}}}},
}
CONTAINER = 'spec.template.spec.containers[name="web"]'


def entry(manager: str, operation: str = "Update", fields: Any = None, **more: str) -> dict[str, Any]:
    fields = TREE if fields is None else fields
    return {"manager": manager, "operation": operation, "apiVersion": "apps/v1", "fieldsV1": fields, **more}


def live(*entries: dict[str, Any], kind: str = "Deployment") -> dict[str, Any]:
    metadata = {"name": "web", "resourceVersion": "7", "managedFields": list(entries)}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata}


def test_a_tree_of_fields_is_told_as_paths() -> None:
    ports = {'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:name": {}}}
    assert list(paths_of({"f:ports": ports, "f:finalizers": {'v:"x/hold"': {}}})) == [
        'ports[containerPort=80,protocol="TCP"].name',
        'finalizers["x/hold"]',
    ]
    assert list(paths_of(TREE)) == [
        "metadata.annotations.note",
        f'{CONTAINER}.env[name="EXTRA"].name',
        f'{CONTAINER}.env[name="EXTRA"].value',
    ]


RESTARTED = {"f:kubectl.kubernetes.io/restartedAt": {}}
HELM = {"f:meta.helm.sh/release-name": {}}


def annotated(fields: Any) -> dict[str, Any]:
    return {"f:metadata": {"f:annotations": {".": {}, **fields}}}


@pytest.mark.parametrize(
    ("fields", "spare", "kept"),
    [
        (annotated({**HELM, "f:note": {}}), {MARKS}, ["metadata.annotations.meta.helm.sh/release-name"]),
        (annotated(HELM), {MARKS}, ["metadata.annotations.meta.helm.sh/release-name"]),
        (annotated(HELM), {RESTARTS}, []),
        ({"f:spec": {"f:template": annotated(RESTARTED)}}, {RESTARTS}, [
            "spec.template.metadata.annotations.kubectl.kubernetes.io/restartedAt"
        ]),
        ({"f:metadata": {"f:labels": {"f:app.kubernetes.io/managed-by": {}}}}, {MARKS}, [
            "metadata.labels.app.kubernetes.io/managed-by"
        ]),
        ({"f:webhooks": {'k:{"name":"x"}': {".": {}, "f:clientConfig": {"f:caBundle": {}, "f:url": {}}}}}, set(), [
            'webhooks[name="x"].clientConfig.caBundle'
        ]),
        (annotated({"f:deployment.kubernetes.io/revision": {}}), set(), [
            "metadata.annotations.deployment.kubernetes.io/revision"
        ]),
    ],
)  # fmt: skip
def test_what_is_spared_stays_with_all_that_leads_to_it(fields: Any, spare: set[str], kept: list[str]) -> None:
    taken, left = divide(fields, "Deployment", frozenset(spare))
    assert list(paths_of(left)) == kept
    assert union(taken, left) == fields
    assert not set(paths_of(taken)) & set(kept)


def test_what_was_spared_is_not_taken_again() -> None:
    helm = entry("helm", fields=annotated(HELM))
    ours = entry("slipway", "Apply", {"f:spec": {"f:paused": {}}})
    found = adoption(live(ours, helm), frozenset({MARKS}))
    assert (found.managers, found.kept) == ((), (helm,))


@pytest.mark.parametrize(
    ("theirs", "taken"),
    [
        (entry("kubectl-edit"), True),
        (entry("kubectl-client-side-apply"), True),
        (entry("OpenAPI-Generator"), True),
        (entry("helm"), True),
        (entry("slipway"), True),
        (entry("kubectl", "Apply"), True),
        (entry("Helm", "Apply"), True),
        (entry("argocd-controller", "Apply"), True),
        (entry("flux", "Apply"), True),
        (entry("kustomize-controller", "Apply"), True),
        (entry("helm-controller"), True),
        (entry("Terraform", "Apply"), True),
        (entry("HashiCorp"), True),
        (entry("before-first-apply"), True),
        (entry("kube-controller-manager"), False),
        (entry("manager"), False),
        (entry("my-operator", "Apply"), False),
        (entry("sidecar-injector"), False),
        (entry("pilot-discovery"), False),
        (entry("cluster-autoscaler"), False),
        (entry("controllers"), False),
        (entry("cert-manager-cainjector"), False),
        (entry("keda-operator"), False),
        (entry("slipway-scale", "Apply"), False),
        (entry("slipway-traffic", "Apply"), False),
        (entry("kubectl", subresource="scale"), False),
        (entry("anything", subresource="status"), False),
        (entry("kubectl-edit") | {"apiVersion": "apps/v1beta1"}, False),
        (entry("kubectl-edit", fields={"f:status": {"f:phase": {}}}), False),
        (entry("kubectl-edit", fields={"f:metadata": {"f:finalizers": {'v:"x"': {}}}}), False),
        (entry("kubectl-edit", fields={"f:spec": {"f:replicas": {}}}), False),
    ],
    ids=lambda value: f"{value['manager']} {value['operation']}" if isinstance(value, dict) else "",
)
def test_what_is_adopted(theirs: dict[str, Any], taken: bool) -> None:
    patch, managers = adoption_patch(live(theirs))
    assert (managers, bool(patch)) == (((theirs["manager"],), True) if taken else ((), False))


def test_adoption_merges_into_our_entry_and_keeps_the_others() -> None:
    ours = entry("slipway", "Apply", {"f:spec": {"f:paused": {}}})
    controller = entry("kube-controller-manager", subresource="status")
    edited = union(TREE, {"f:spec": {"f:replicas": {}}})
    patch, managers = adoption_patch(live(controller, ours, entry("kubectl-edit", fields=edited)))
    assert managers == ("kubectl-edit",)
    assert patch[1] == {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"}
    mine, *others = patch[0]["value"]
    assert mine == ours | {"fieldsV1": union(ours["fieldsV1"], TREE)}
    assert others == [controller, entry("kubectl-edit", fields={"f:spec": {"f:replicas": {}}})]


def test_replicas_of_a_kind_that_is_not_scaled_are_adopted() -> None:
    theirs = entry("kubectl-edit", fields={"f:spec": {"f:replicas": {}}})
    assert adoption_patch(live(theirs, kind="Widget"))[1] == ("kubectl-edit",)


def test_an_object_without_an_entry_of_ours_gets_one() -> None:
    patch, _ = adoption_patch(live(entry("kubectl-create"), entry("kubectl-set")))
    assert [(each["manager"], each["operation"]) for each in patch[0]["value"]] == [("slipway", "Apply")]


def test_people_and_tools_are_told_but_neither_we_nor_controllers() -> None:
    told = foreign_fields(
        live(
            entry("slipway", "Apply"),
            entry("slipway-scale", "Apply"),
            entry("kube-controller-manager"),
            entry("kubelet", subresource="status"),
            entry("kubectl-edit"),
            entry("kubectl", subresource="scale", fields={"f:spec": {"f:replicas": {}}}),
        )
    )
    assert [(each.manager, each.subresource) for each in told] == [("kubectl-edit", ""), ("kubectl", "scale")]
    assert told[1].fields == ("spec.replicas",)


def hpa(name: str = "web", namespace: str = "shop", **target: str) -> dict[str, Any]:
    return {"metadata": {"namespace": namespace}, "spec": {"scaleTargetRef": {"name": name, **target}}}


FULL = {"apiVersion": "apps/v1", "kind": "Deployment"}


@pytest.mark.parametrize(
    ("scaler", "holds"),
    [
        (hpa(**FULL), True),
        (hpa(), True),
        (hpa("api", **FULL), False),
        (hpa(namespace="other", **FULL), False),
        (hpa(apiVersion="apps/v1", kind="StatefulSet"), False),
        (hpa(apiVersion="argoproj.io/v1alpha1", kind="Deployment"), False),
        ({"metadata": {"namespace": "shop"}, "spec": {}}, False),
    ],
)
def test_an_autoscaler_holds_replicas_of_what_it_names(scaler: dict[str, Any], holds: bool) -> None:
    assert autoscaled([scaler], Ref("apps/v1", "Deployment", "shop", "web")) == holds
