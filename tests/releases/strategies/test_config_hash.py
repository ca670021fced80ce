"""Which ConfigMaps and Secrets are named by their content, and who reads them by that name."""

from copy import deepcopy
from typing import Any

import pytest

from environments.kube.names import TRACKING
from environments.kube.objects import Ref, ref_of
from portal.blobs import canonical
from portal.encryption import keyed_hash
from releases.plan.objects import Wanted
from releases.strategies.shared.config_hash import CONTENT, hash_names, hashed_name, uses

DEV, PROD = 1, 2  # environments, by their primary keys
MOVED = Ref("apps/v1", "Deployment", "shop", "web")
READS = {
    "env": {"containers": [{"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "conf", "key": "a"}}}]}]},
    "envFrom": {"containers": [{"envFrom": [{"configMapRef": {"name": "conf"}}]}]},
    "init": {"initContainers": [{"envFrom": [{"configMapRef": {"name": "conf"}}]}]},
    "volume": {"volumes": [{"name": "v", "configMap": {"name": "conf"}}]},
    "projected": {"volumes": [{"name": "v", "projected": {"sources": [{"configMap": {"name": "conf"}}]}}]},
}
READS_SECRET = {
    "env": {"containers": [{"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "conf", "key": "a"}}}]}]},
    "envFrom": {"containers": [{"envFrom": [{"secretRef": {"name": "conf"}}]}]},
    "volume": {"volumes": [{"name": "v", "secret": {"secretName": "conf"}}]},
    "projected": {"volumes": [{"name": "v", "projected": {"sources": [{"secret": {"name": "conf"}}]}}]},
}


def wanted(api_version: str, kind: str, name: str, **rest: Any) -> Wanted:
    annotations = {TRACKING: f"shop:{Ref(api_version, kind, 'shop', name).key}", **rest.pop("annotations", {})}
    metadata = {"name": name, "namespace": "shop", "annotations": annotations}
    manifest = {"apiVersion": api_version, "kind": kind, "metadata": metadata, **rest}
    return Wanted(manifest, ref_of(manifest), "configuration", 0)


def configuration(kind: str = "ConfigMap", name: str = "conf", **data: str) -> Wanted:
    return wanted("v1", kind, name, data=data or {"a": "1"})


def workload(pod: Any, name: str = "web", kind: str = "Deployment") -> Wanted:
    return wanted("apps/v1" if kind != "Job" else "batch/v1", kind, name, spec={"template": {"spec": deepcopy(pod)}})


def names(objects: tuple[Wanted, ...], kind: str = "ConfigMap") -> list[str]:
    return [each.ref.name for each in objects if each.ref.kind == kind]


def read_names(wanted: Wanted) -> list[str]:
    return [use.holder[use.field] for use in uses(wanted.manifest["spec"]["template"]["spec"])]


@pytest.mark.parametrize(
    ("kind", "pod"),
    [*(("ConfigMap", pod) for pod in READS.values()), *(("Secret", pod) for pod in READS_SECRET.values())],
    ids=[*READS, *(f"secret-{name}" for name in READS_SECRET)],
)
def test_what_a_moved_workload_reads_is_named_by_its_content(kind: str, pod: Any) -> None:
    found = hash_names((configuration(kind), workload(pod)), [MOVED], DEV)
    (name,) = names(found, kind)
    assert name.startswith("conf-")
    assert len(name) == len("conf-") + 8
    assert read_names(found[1]) == [name]
    assert found[0].manifest["metadata"]["name"] == name
    assert found[0].manifest["metadata"]["annotations"][TRACKING] == f"shop:/{kind}/shop/{name}"


def test_the_given_objects_stay_as_they_are() -> None:
    objects = (configuration(), workload(READS["envFrom"]))
    before = deepcopy([each.manifest for each in objects])
    hash_names(objects, [MOVED], DEV)
    assert [each.manifest for each in objects] == before


def test_another_content_is_another_name_and_the_same_is_the_same() -> None:
    one, other, again = configuration(a="1"), configuration(a="2"), configuration(a="1")
    assert hashed_name(one.manifest, DEV) == hashed_name(again.manifest, DEV) != hashed_name(other.manifest, DEV)


def test_the_name_of_a_secret_hangs_on_a_key(settings: Any) -> None:
    name = hashed_name(configuration("Secret").manifest, DEV)
    settings.SECRET_KEY = "another key of another installation, long enough"
    assert hashed_name(configuration("Secret").manifest, DEV) != name


def test_the_name_of_a_secret_confirms_no_guess_elsewhere() -> None:
    manifest = configuration("Secret").manifest
    elsewhere = {**manifest, "metadata": {**manifest["metadata"], "namespace": "other"}}
    guessed = configuration("Secret", "guess").manifest
    named = [hashed_name(each, environment) for each in (manifest, elsewhere, guessed) for environment in (DEV, PROD)]
    assert len({name.rpartition("-")[2] for name in named}) == len(named)


def test_a_name_of_before_that_a_stored_plan_brings_back_stays() -> None:
    manifest = configuration("Secret").manifest
    content = canonical({key: manifest.get(key) for key in CONTENT})
    before = f"conf-{keyed_hash(content, 'name of a secret').rpartition(':')[2][:8]}"
    assert hashed_name({**manifest, "metadata": {**manifest["metadata"], "name": before}}, DEV) == before


def test_names_that_are_by_content_already_stay() -> None:
    once = hash_names((configuration(), configuration("Secret", "key"), workload(READS["env"])), [MOVED], DEV)
    assert hash_names(once, [MOVED], DEV) == once


def test_what_nobody_moved_reads_stays() -> None:
    objects = (configuration(), configuration(name="other"), workload({}), workload(READS["env"], "api"))
    assert hash_names(objects, [MOVED], DEV) == objects


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet", "Job"])
def test_what_others_read_as_well_gets_a_copy_so_that_none_of_them_restarts(kind: str) -> None:
    objects = (configuration(), workload(READS["env"]), workload(READS["env"], "api", kind))
    found = hash_names(objects, [MOVED], DEV)
    plain, copy = names(found)
    assert plain == "conf"
    assert copy.startswith("conf-")
    assert [read_names(each) for each in found[2:]] == [[copy], ["conf"]]
    assert hash_names(found, [MOVED], DEV) == found


@pytest.mark.parametrize(
    "other",
    [
        wanted("networking.k8s.io/v1", "Ingress", "web", spec={"tls": [{"secretName": "conf"}]}),
        wanted("networking.k8s.io/v1", "Ingress", "web", annotations={"x/auth-secret": "shop/conf"}),
        wanted("v1", "ServiceAccount", "web", imagePullSecrets=[{"name": "conf"}]),
        wanted("v1", "ServiceAccount", "web", secrets=[{"name": "conf"}]),
        wanted("cert-manager.io/v1", "Certificate", "web", spec={"secretName": "conf"}),
        wanted("keda.sh/v1alpha1", "TriggerAuthentication", "web", spec={"secretTargetRef": [{"name": "conf"}]}),
        wanted("monitoring.coreos.com/v1", "ServiceMonitor", "w", spec={"u": {"name": "conf", "key": "u"}}),
        wanted("gateway.networking.k8s.io/v1", "X", "w", spec={"refs": [{"kind": "Secret", "name": "conf"}]}),
        wanted("rbac.authorization.k8s.io/v1", "Role", "web", rules=[{"resourceNames": ["conf"]}]),
        workload({"imagePullSecrets": [{"name": "conf"}]}, "api"),
    ],
    ids=lambda each: each.ref.kind,
)
def test_what_something_else_refers_to_keeps_its_name(other: Wanted) -> None:
    objects = (configuration("Secret"), workload(READS_SECRET["envFrom"]), other)
    assert hash_names(objects, [MOVED], DEV) == objects


def test_a_service_or_a_label_of_the_same_name_refers_to_nothing() -> None:
    service = wanted("v1", "Service", "conf", spec={"selector": {"app": "conf"}})
    found = hash_names((configuration(), service, workload(READS["envFrom"])), [MOVED], DEV)
    assert names(found) != ["conf"]


def test_an_object_of_another_namespace_is_not_meant() -> None:
    elsewhere = configuration()
    elsewhere = Wanted(elsewhere.manifest, elsewhere.ref._replace(namespace="other"), "configuration", 0)
    objects = (elsewhere, workload(READS["env"]))
    assert hash_names(objects, [MOVED], DEV)[0].ref.name == "conf"


def test_a_name_has_room_for_its_hash() -> None:
    assert len(hashed_name(configuration(name="c" * 253).manifest, DEV)) == 253
