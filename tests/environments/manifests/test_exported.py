"""What `kubectl get -o yaml` gives is read as it was meant: without what controllers and the server made."""

from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from environments.manifests.notes import CONTROLLED, NAMED, WRITTEN_BY_SERVER
from environments.manifests.render import Rendering, images_needed, render

from .making import DEPLOYMENT, IMAGES, bundle, dev

ALL = ("ConfigMap", "Secret", "Service", "ServiceAccount", "Job", "PersistentVolumeClaim", "Deployment")
SEEN = {"uid": "0b1", "resourceVersion": "17", "creationTimestamp": "2026-01-02T03:04:05Z", "generation": 2}
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
OWNER = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-5d4", "uid": "9", "controller": True}


def exported(kind: str, name: str = "x", version: str = "v1", metadata: object = None, **fields: object) -> str:
    obj = {"apiVersion": version, "kind": kind, "metadata": {"name": name, **SEEN, **(metadata or {})}, **fields}
    return yaml.safe_dump(obj)


def read(*texts: str) -> Rendering:
    return render(bundle(base="---\n".join(texts)), dev(allowed_kinds=ALL), IMAGES)


def one(*texts: str) -> Mapping[str, Any]:
    return read(*texts).objects[0].manifest


def notes(rendering: Rendering, title: str) -> list[tuple[str, tuple[str, ...]]]:
    return [(note.about, note.texts) for note in rendering.notes if note.title == title]


MADE = {
    "a pod of a ReplicaSet": (
        exported("Pod", metadata={"ownerReferences": [OWNER]}, spec={}),
        "made by ReplicaSet web-5d4",
    ),
    "a ReplicaSet": (
        exported("ReplicaSet", version="apps/v1", metadata={"ownerReferences": [{**OWNER, "kind": "Deployment"}]}),
        "made by Deployment web-5d4",
    ),
    "a Secret of an operator": (
        exported("Secret", metadata={"ownerReferences": [OWNER]}),
        "made by ReplicaSet web-5d4",
    ),
    "an EndpointSlice": (
        exported(
            "EndpointSlice",
            version="discovery.k8s.io/v1",
            metadata={"labels": {"endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"}},
        ),
        "made by a controller",
    ),
    "Endpoints": (
        exported("Endpoints", metadata={"annotations": {"endpoints.kubernetes.io/last-change-trigger-time": "x"}}),
        "made for its Service",
    ),
    "an Event": ("apiVersion: v1\nkind: Event\nmetadata: {name: x}\n", "made by a controller"),
    "a Lease": (exported("Lease", version="coordination.k8s.io/v1"), "held by a controller"),
    "the cluster's authority": (exported("ConfigMap", "kube-root-ca.crt"), "made in every namespace"),
    "the default account": (exported("ServiceAccount", "default"), "made in every namespace"),
    "a token": (
        exported(
            "Secret",
            metadata={"annotations": {"kubernetes.io/service-account.uid": "1"}},
            type="kubernetes.io/service-account-token",
        ),
        "the token of a ServiceAccount",
    ),
    "Helm's record": (
        exported("Secret", "sh.helm.release.v1.web.v1", type="helm.sh/release.v1"),
        "Helm's record of a release",
    ),
}


@pytest.mark.parametrize(("text", "why"), MADE.values(), ids=MADE.keys())
def test_what_controllers_make_is_left_out_and_told(text: str, why: str) -> None:
    found = read(text, DEPLOYMENT)
    assert [each.ref.kind for each in found.objects] == ["Deployment"]
    [(_, texts)] = notes(found, CONTROLLED)
    assert texts == (why,)


def test_images_of_what_is_left_out_are_not_needed() -> None:
    pod = exported(
        "Pod", metadata={"ownerReferences": [OWNER]}, spec={"containers": [{"name": "c", "image": "gone:1"}]}
    )
    assert images_needed(bundle(base=f"{pod}---\n{DEPLOYMENT}"), dev(), IMAGES) == ()


KEPT = {
    "an account with pull secrets": exported("ServiceAccount", "default", imagePullSecrets=[{"name": "hub"}]),
    "an account that a person wrote": "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: default}\n",
    "an object with an owner that does not control it": exported(
        "ConfigMap", metadata={"ownerReferences": [{**OWNER, "controller": False}]}
    ),
    "a token that a person asks for": (
        "apiVersion: v1\nkind: Secret\nmetadata: {name: t, annotations: {kubernetes.io/service-account.name: x}}\n"
        "type: kubernetes.io/service-account-token\n"
    ),
}


@pytest.mark.parametrize("text", KEPT.values(), ids=KEPT.keys())
def test_what_people_write_is_kept(text: str) -> None:
    found = read(text)
    assert len(found.objects) == 1
    assert "ownerReferences" not in found.objects[0].manifest["metadata"]


def test_a_service_keeps_what_a_person_would_write() -> None:
    text = exported(
        "Service",
        metadata={
            "annotations": {LAST_APPLIED: "{}", "team": "shop"},
            "finalizers": ["service.kubernetes.io/load-balancer-cleanup", "own.example/x"],
        },
        spec={
            "clusterIP": "10.0.0.7",
            "clusterIPs": ["10.0.0.7"],
            "type": "LoadBalancer",
            "healthCheckNodePort": 31000,
            "ports": [{"port": 80, "nodePort": 30080}],
        },
        status={"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}},
    )
    manifest = one(text)
    assert manifest["spec"] == {"type": "LoadBalancer", "ports": [{"port": 80}]}
    assert "status" not in manifest
    assert not manifest["metadata"].keys() & SEEN.keys()
    assert manifest["metadata"]["finalizers"] == ["own.example/x"]
    assert LAST_APPLIED not in manifest["metadata"]["annotations"]
    assert manifest["metadata"]["annotations"]["team"] == "shop"
    [(about, texts)] = notes(read(text), WRITTEN_BY_SERVER)
    assert about == "Service x"
    assert texts == (
        "status",
        f'metadata.annotations["{LAST_APPLIED}"]',
        "spec.clusterIP",
        "spec.clusterIPs",
        "spec.healthCheckNodePort",
        "spec.ports[0].nodePort",
    )


def test_what_is_written_on_purpose_stays() -> None:
    spec = {"clusterIP": "10.0.0.7", "ports": [{"port": 80, "nodePort": 30080}]}
    text = yaml.safe_dump({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x"}, "spec": spec})
    assert one(text)["spec"] == spec
    headless = {"clusterIP": "None", "clusterIPs": ["None"], "ports": [{"port": 80}]}
    assert one(exported("Service", spec=headless))["spec"] == headless


def test_what_generators_leave_behind_is_no_note() -> None:
    text = DEPLOYMENT.replace("  name: web\n", "  name: web\n  creationTimestamp: null\n", 1) + "status: {}\n"
    assert read(text).notes == ()


def test_a_claim_is_not_bound_to_the_volume_of_another() -> None:
    bound = {"pv.kubernetes.io/bind-completed": "yes", "volume.kubernetes.io/storage-provisioner": "x"}
    spec = {"accessModes": ["ReadWriteOnce"], "volumeName": "pvc-1", "resources": {"requests": {"storage": "1Gi"}}}
    manifest = one(exported("PersistentVolumeClaim", metadata={"annotations": bound}, spec=spec))
    assert "volumeName" not in manifest["spec"]
    assert not manifest["metadata"]["annotations"].keys() & bound.keys()


def test_a_job_gets_a_selector_of_its_own_again() -> None:
    labels = {"controller-uid": "1", "batch.kubernetes.io/job-name": "x", "app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [], "restartPolicy": "Never"}}
    spec = {"selector": {"matchLabels": {"controller-uid": "1"}}, "template": template}
    manifest = one(exported("Job", version="batch/v1", spec=spec))
    assert "selector" not in manifest["spec"]
    assert manifest["spec"]["template"]["metadata"]["labels"] == {"app": "web"}


def test_a_list_of_a_cluster_is_its_items() -> None:
    items = [yaml.safe_load(exported("ConfigMap", "a")), yaml.safe_load(exported("ConfigMap", "kube-root-ca.crt"))]
    text = yaml.safe_dump({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": items})
    assert [each.ref.name for each in read(text).objects] == ["a"]


JOB = """\
apiVersion: batch/v1
kind: Job
metadata: {generateName: migrate-}
spec:
  template:
    spec: {restartPolicy: Never, containers: [{name: c, image: registry.example/web}]}
"""


def names(text: str, version: str = "1", **more: str) -> list[str]:
    found = render(bundle(base=text, **more), dev(version=version), IMAGES)
    return [each.ref.name for each in found.objects]


def test_a_job_has_a_name_of_its_own_for_each_release() -> None:
    [first], [again], [later] = names(JOB), names(JOB), names(JOB, "2")
    assert first == again != later
    assert first.startswith("migrate-")
    assert len(first) == len("migrate-") + 8
    [(about, _)] = notes(render(bundle(base=JOB), dev(version="1"), IMAGES), NAMED)
    assert about == f"Job {first}"


def test_what_does_not_run_is_named_by_its_content() -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: web-}\ndata: {a: b}\n"
    assert names(text) == names(text, "2") != names(text.replace("b}", "c}"))
    manifest = one(text)
    assert "generateName" not in manifest["metadata"]


def test_two_of_one_generate_name_are_two() -> None:
    first, second = names(f"{JOB}---\n{JOB}")
    assert first != second


def test_an_overlay_finds_what_has_no_name_yet() -> None:
    patch = "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: migrate-}\nspec: {backoffLimit: 1}\n"
    found = render(bundle(base=JOB, dev=patch), dev(), IMAGES).objects[0]
    assert found.manifest["spec"]["backoffLimit"] == 1
