"""What a plan shows before anything is written: kubernetes-verified, section 1."""

import pytest

from environments.kube.api.errors import NamespaceMissing, Rejected
from environments.kube.apply.diff import FieldChange, changes_between, preview
from environments.kube.apply.server_side_apply import apply_object
from environments.kube.objects import ref_of
from tests.contract.namespace import ContractNamespace, encoded
from tests.contract.objects import Manifest, annotated, autoscaler, config_map, deployment, job, service, statefulset

CONTAINER = 'spec.template.spec.containers[name="web"]'


def secret(**data: str) -> Manifest:
    values = {key: encoded(value) for key, value in data.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": values}


def daemonset() -> Manifest:
    return {**deployment("agent"), "kind": "DaemonSet"}


def cron_job() -> Manifest:
    spec = {"schedule": "0 3 * * *", "jobTemplate": {"spec": job()["spec"]}}
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "nightly"}, "spec": spec}


def ingress() -> Manifest:
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    rule = {"host": "web.example.test", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
    spec = {"ingressClassName": "nginx", "rules": [rule]}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "web"}, "spec": spec}


def network_policy() -> Manifest:
    spec = {"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{"ports": [{"port": 80}]}]}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "web"}, "spec": spec}


def budget() -> Manifest:
    spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web"}, "spec": spec}


def claim() -> Manifest:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": spec}


def account() -> Manifest:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "web"}}


KINDS = [
    deployment(replicas=1, env={"A": "1"}),
    statefulset(),
    daemonset(),
    job(),
    cron_job(),
    service(selector={"app": "web"}),
    config_map(mode="fast"),
    secret(password="x"),
    autoscaler(2),
    ingress(),
    network_policy(),
    budget(),
    claim(),
    account(),
]


@pytest.mark.parametrize("manifest", KINDS, ids=lambda each: each["kind"])
def test_an_apply_that_changes_nothing_shows_no_difference(ns: ContractNamespace, manifest: Manifest) -> None:
    here = ns.here(manifest)
    apply_object(ns.gateway, here, sequence=3)
    shown = preview(ns.gateway, here)
    assert shown.changes == ()
    assert shown.conflicts == ()
    live = ns.found(ref_of(here))
    assert live["metadata"]["annotations"]["slipway.dev/sequence"] == "3"


def test_a_change_is_shown_by_the_name_of_its_container(ns: ContractNamespace) -> None:
    apply_object(ns.gateway, ns.here(deployment(env={"A": "1", "GONE": "x"})), sequence=1)
    shown = preview(ns.gateway, ns.here(deployment(env={"A": "2", "NEW": "y"}, image="example.test/web:2")))
    changes = {change.path: (change.before, change.after) for change in shown.changes}
    assert changes == {
        f"{CONTAINER}.image": ("example.test/shop/web:1", "example.test/web:2"),
        f'{CONTAINER}.env[name="A"].value': ("1", "2"),
        f'{CONTAINER}.env[name="GONE"]': ({"name": "GONE", "value": "x"}, None),
        f'{CONTAINER}.env[name="NEW"]': (None, {"name": "NEW", "value": "y"}),
    }


def test_replicas_are_shown_as_they_will_be_though_another_hand_writes_them(ns: ContractNamespace) -> None:
    apply_object(ns.gateway, ns.here(deployment(replicas=3)), sequence=1)
    assert preview(ns.gateway, ns.here(deployment())).changes == ()
    assert preview(ns.gateway, ns.here(deployment(replicas=3))).changes == ()
    assert preview(ns.gateway, ns.here(deployment(replicas=5)), scaler=True).changes == ()
    shown = preview(ns.gateway, ns.here(deployment(replicas=5)))
    assert (shown.changes, shown.conflicts) == ((FieldChange("spec.replicas", 3, 5),), ())


def test_who_would_be_overruled_is_named(ns: ContractNamespace) -> None:
    apply_object(ns.gateway, ns.here(deployment(replicas=3)), sequence=1)
    ns.scale(5)
    ns.set_in_container(image="example.test/web:hotfix", env=[{"name": "EXTRA", "value": "1"}])
    shown = preview(ns.gateway, ns.here(deployment(replicas=3)))
    conflicts = {(cause.manager, cause.field) for cause in shown.conflicts}
    assert conflicts == {("kubectl", "spec.replicas"), ("kubectl-set", f"{CONTAINER}.image")}
    foreign = {each.manager: each.fields for each in shown.foreign}
    assert f'{CONTAINER}.env[name="EXTRA"].value' in foreign["kubectl-set"]
    assert foreign["kubectl"] == ("spec.replicas",)


def test_values_of_secrets_never_show(ns: ContractNamespace) -> None:
    apply_object(ns.gateway, ns.here(secret(password="hunter2", same="x")), sequence=1)
    shown = preview(
        ns.gateway, ns.here(secret(password="hunter3", same="x")), mask=lambda _field, value: f"#{len(value)}"
    )
    assert shown.changes == (FieldChange("data.password", "#12", "#12"),)
    assert encoded("hunter2") not in str(shown)
    assert encoded("hunter3") not in str(shown)


def test_a_creation_shows_the_object_to_come(ns: ContractNamespace) -> None:
    shown = preview(ns.gateway, ns.here(annotated(deployment(replicas=2), note="x")))
    assert (shown.live, shown.changes) == (None, ())
    assert shown.after["spec"]["replicas"] == 2
    assert shown.after["spec"]["strategy"]["type"] == "RollingUpdate"


def test_a_namespace_to_come_needs_another_to_try_in(ns: ContractNamespace) -> None:
    manifest = deployment()
    manifest["metadata"]["namespace"] = f"{ns.name}-later"
    with pytest.raises(NamespaceMissing, match=f"{ns.name}-later"):
        preview(ns.gateway, manifest)
    assert preview(ns.gateway, manifest, scratch=ns.name).live is None


def test_what_the_cluster_would_refuse_it_refuses_now(ns: ContractNamespace) -> None:
    manifest = ns.here(deployment())
    manifest["spec"]["replica"] = 3
    with pytest.raises(Rejected, match=r"spec\.replica: field not declared in schema"):
        preview(ns.gateway, manifest)


def test_the_live_object_against_itself_is_no_change(ns: ContractNamespace) -> None:
    live = ns.apply(deployment()).object
    assert changes_between(live, {**live, "status": {"replicas": 9}}) == ()
