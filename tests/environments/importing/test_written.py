"""What of a live object goes into a file: what people wrote, and nothing that the server or a controller made up."""

import copy
from typing import Any

import pytest
import yaml

from environments.importing.files import as_files, as_yaml
from environments.importing.left_out import claim_prefixes, why_left_out
from environments.importing.written import as_written
from environments.manifests.yaml import parse

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
  uid: 1-2
  generation: 3
  resourceVersion: "7"
  creationTimestamp: "2026-01-01T00:00:00Z"
  labels: {app: web, app.kubernetes.io/managed-by: Helm}
  annotations:
    deployment.kubernetes.io/revision: "3"
    kubectl.kubernetes.io/last-applied-configuration: "{}"
    meta.helm.sh/release-name: shop
spec:
  progressDeadlineSeconds: 600
  replicas: 3
  revisionHistoryLimit: 10
  selector: {matchLabels: {app: web}}
  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 25%, maxUnavailable: 25%}}
  template:
    metadata:
      creationTimestamp: null
      labels: {app: web}
      annotations: {kubectl.kubernetes.io/restartedAt: "2026-01-02"}
    spec:
      containers:
      - name: web
        image: registry.example/shop/web:1.0
        imagePullPolicy: IfNotPresent
        ports: [{containerPort: 80, protocol: TCP}]
        resources: {}
        terminationMessagePath: /dev/termination-log
        terminationMessagePolicy: File
        readinessProbe: {httpGet: {path: /, port: 80, scheme: HTTP}, failureThreshold: 3, periodSeconds: 5,
          successThreshold: 1, timeoutSeconds: 1}
      - {name: newest, image: registry.example/shop/web, imagePullPolicy: Always}
      dnsPolicy: ClusterFirst
      restartPolicy: Always
      schedulerName: default-scheduler
      securityContext: {}
      serviceAccount: runner
      serviceAccountName: runner
      terminationGracePeriodSeconds: 30
      volumes: [{name: c, configMap: {name: c, defaultMode: 420}}, {name: e, emptyDir: {}}]
status: {replicas: 3}
"""
WRITTEN = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {app: web, app.kubernetes.io/managed-by: Helm}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
      - name: web
        image: registry.example/shop/web:1.0
        ports: [{containerPort: 80}]
        readinessProbe: {httpGet: {path: /, port: 80}, periodSeconds: 5}
      - {name: newest, image: registry.example/shop/web, imagePullPolicy: Always}
      serviceAccountName: runner
      volumes: [{name: c, configMap: {name: c}}, {name: e, emptyDir: {}}]
"""


def obj(text: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def test_a_deployment_as_somebody_wrote_it() -> None:
    live = obj(DEPLOYMENT)
    before = copy.deepcopy(live)
    assert as_written(live) == obj(WRITTEN)
    assert live == before


def test_replicas_that_an_autoscaler_holds_are_not_written() -> None:
    assert "replicas" not in as_written(obj(DEPLOYMENT), scaled=True)["spec"]


def service(manager: str, **spec: Any) -> dict[str, Any]:
    port = {"port": 80, "protocol": "TCP", "targetPort": 8080, "nodePort": 31000}
    key = 'k:{"port":80,"protocol":"TCP"}'
    owned = {"f:spec": {"f:ports": {key: {".": {}, "f:nodePort": {}}}}} if manager else {}
    entry = {"manager": manager, "operation": "Update", "apiVersion": "v1", "fieldsV1": owned}
    addresses = {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "ipFamilies": ["IPv4"]}
    filled = {"ipFamilyPolicy": "SingleStack", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "managedFields": [entry]},
        "spec": {**addresses, **filled, "type": "NodePort", "ports": [port], **spec},
        "status": {"loadBalancer": {}},
    }


def test_addresses_and_ports_that_the_server_chose_are_not_written() -> None:
    spec = as_written(service(""))["spec"]
    assert spec == {"type": "NodePort", "ports": [{"port": 80, "targetPort": 8080}]}


def test_a_port_of_the_nodes_that_somebody_asked_for_is() -> None:
    assert as_written(service("kubectl-edit"))["spec"]["ports"][0]["nodePort"] == 31000


def test_a_headless_service_stays_one() -> None:
    assert as_written(service("", clusterIP="None", type="ClusterIP"))["spec"]["clusterIP"] == "None"


TRICKY = ["1e3", "yes", "012", "0x1F", "null", "~", "", "12345e7", "1_000", "a: b", "- x", "on", "1.5", " x ", "a\nb\n"]


@pytest.mark.parametrize("text", TRICKY)
def test_text_stays_text_for_a_bundles_reader(text: str) -> None:
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "c"},
        "data": {"k": text, text or "e": "x"},
    }
    [read] = parse(as_yaml(manifest), "c.yaml")
    assert read.data == manifest


def test_a_file_for_each_object() -> None:
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "system:a/b"}}
    files = as_files([obj(WRITTEN), role, {**role, "metadata": {"name": "system-a-b"}}])
    assert [file.path for file in files] == [
        "base/deployment/web.yaml",
        "base/role/system-a-b-more.yaml",
        "base/role/system-a-b.yaml",
    ]


def of(kind: str, name: str, version: str = "v1", **more: Any) -> dict[str, Any]:
    metadata = {"name": name, **more.pop("metadata", {})}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **more}


OWNER = {"ownerReferences": [{"kind": "Toy", "name": "t"}]}
OVER = {"conditions": [{"type": "Complete", "status": "True"}]}
LEFT = [
    (of("ConfigMap", "kube-root-ca.crt"), "every namespace"),
    (of("ServiceAccount", "default", metadata={"uid": "1"}), "every namespace"),
    (of("Secret", "sh.helm.release.v1.shop.v1", type="helm.sh/release.v1"), "Helm"),
    (of("Secret", "token", type="kubernetes.io/service-account-token"), "service account"),
    (of("Secret", "tls", metadata={"annotations": {"cert-manager.io/certificate-name": "x"}}), "cert-manager"),
    (of("ReplicaSet", "web-1", "apps/v1"), "controllers"),
    (of("EndpointSlice", "web-1", "discovery.k8s.io/v1"), "controllers"),
    (of("ConfigMap", "made", metadata=OWNER), "Toy/t makes it"),
    (of("PersistentVolumeClaim", "data-db-0"), "StatefulSet"),
    (of("Job", "migrate", "batch/v1", status=OVER), "has run"),
    (of("ConfigMap", "x", metadata={"annotations": {"slipway.dev/tracking": "books:/ConfigMap/a/x"}}), "books"),
    (of("ConfigMap", "x", metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}), "being deleted"),
]
TAKEN = [
    of("ConfigMap", "web"),
    of("Secret", "db", type="Opaque"),
    of("PersistentVolumeClaim", "data-db-extra"),
    of("PersistentVolumeClaim", "uploads-0"),
    of("Job", "now", "batch/v1", status={}),
]
DB = of("StatefulSet", "db", "apps/v1", spec={"volumeClaimTemplates": [{"metadata": {"name": "data"}}]})


@pytest.mark.parametrize(("found", "words"), LEFT, ids=lambda each: each["kind"] if isinstance(each, dict) else each)
def test_what_others_make_is_left_out_with_the_reason(found: dict[str, Any], words: str) -> None:
    assert words in why_left_out(found, claims=claim_prefixes([DB]))


@pytest.mark.parametrize("found", TAKEN, ids=lambda each: each["metadata"]["name"])
def test_what_people_made_is_not(found: dict[str, Any]) -> None:
    assert why_left_out(found, claims=claim_prefixes([DB])) == ""


def test_an_owners_objects_are_taken_where_they_are_asked_for() -> None:
    assert why_left_out(of("ConfigMap", "made", metadata=OWNER), owner="Toy/t") == ""
