"""Every error that the product relies on: body and status are those that a real API server once gave.

Names of objects are those of the recordings (tests/environments/kube/shapes); namespaces and uids are made equal.
"""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from environments.kube.api import errors
from environments.kube.api.access import Access
from environments.kube.api.client import ApiAnswer, Gateway
from environments.kube.objects import Ref
from tests.contract.conftest import REAL
from tests.contract.namespace import APPLY, JSON_PATCH, MERGE, STRATEGIC, ContractNamespace, encoded
from tests.contract.objects import Manifest, config_map, deployment, job, quota, service, statefulset

SHAPES = Path(__file__).parents[1] / "environments" / "kube" / "shapes"
NAMESPACE = re.compile(r"\b(?:f\d+|contract-[0-9a-f]{8})\b")
UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
STRICT = ("fieldValidation", "Strict")
DRY = ("dryRun", "All")


def same(text: str) -> str:
    # A part of a uid can look like a namespace of the recordings (f123).
    return NAMESPACE.sub("NS", UID.sub("UID", text))


def recorded(name: str) -> Manifest:
    return in_order(json.loads(same((SHAPES / f"{name}.json").read_text())))


def in_order(status: Manifest) -> Manifest:
    """The server tells several problems in any order."""
    message = sorted(re.split(r"\n|: (?=conflicts with)", status["message"]))
    details = dict(status.get("details") or {})
    if details.get("causes"):
        details["causes"] = sorted(details["causes"], key=lambda cause: cause.get("field", ""))
    return {**status, "message": message, "details": details}


def collection(ns: ContractNamespace, plural: str, api: str = "/api/v1") -> str:
    return f"{api}/namespaces/{ns.name}/{plural}"


DEPLOYMENTS = "/apis/apps/v1"


def post(
    ns: ContractNamespace, plural: str, body: Manifest, *query: tuple[str, str], api: str = "/api/v1"
) -> ApiAnswer:
    return ns.gateway.raw("POST", collection(ns, plural, api), query=query, body=body)


def raw_apply(
    ns: ContractNamespace, plural: str, body: Manifest, *query: tuple[str, str], api: str = "/api/v1"
) -> ApiAnswer:
    """An apply whose body names no namespace."""
    path = f"{collection(ns, plural, api)}/{body['metadata']['name']}"
    given = [("fieldManager", "slipway"), *query]
    return ns.gateway.raw("PATCH", path, query=given, body=json.dumps(body), content_type=APPLY)


def pod(name: str, **resources: dict[str, str]) -> Manifest:
    container = {"name": "web", "image": "example.test/web:1", "resources": resources}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [container]}}


def until_refused(ns: ContractNamespace, ask: Callable[[], ApiAnswer]) -> ApiAnswer:
    """Rules are in force a moment after they are made."""
    return ns.until(lambda: (answer := ask()).status >= 300 and answer)


def create_with_an_unknown_field(ns: ContractNamespace) -> ApiAnswer:
    manifest = deployment("a")
    manifest["spec"]["replica"] = 3
    return post(ns, "deployments", manifest, STRICT, api=DEPLOYMENTS)


def call_with_a_wrong_token(ns: ContractNamespace) -> ApiAnswer:
    gateway = Gateway(replace(ns.gateway.access, token="wrong", certificate_pem="", key_pem=""))
    return gateway.raw("GET", collection(ns, "configmaps"))


def call_without_a_token(ns: ContractNamespace) -> ApiAnswer:
    gateway = Gateway(replace(ns.gateway.access, token="", certificate_pem="", key_pem=""))
    return gateway.raw("GET", collection(ns, "deployments", DEPLOYMENTS))


def exceed_a_limit(ns: ContractNamespace) -> ApiAnswer:
    spec = {"limits": [{"type": "Container", "max": {"memory": "1Gi"}}]}
    ns.apply({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "l"}, "spec": spec})
    return until_refused(ns, lambda: post(ns, "pods", pod("p", limits={"memory": "2Gi"}), DRY))


def write_into_a_namespace_that_goes(ns: ContractNamespace) -> ApiAnswer:
    held = config_map("held")
    held["metadata"]["finalizers"] = ["example.test/hold"]
    ns.apply(held)
    ns.gateway.delete(Ref("v1", "Namespace", "", ns.name))
    answer = until_refused(ns, lambda: raw_apply(ns, "configmaps", config_map("late")))
    ref = ns.ref("ConfigMap", "held", "v1")
    ns.done(ns.patch(ref, {"metadata": {"finalizers": None}}, "slipway", form=MERGE))
    return answer


def violate_pod_security(ns: ContractNamespace) -> ApiAnswer:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    namespace = Ref("v1", "Namespace", "", ns.name)
    ns.done(ns.patch(namespace, {"metadata": {"labels": labels}}, "admin", form=MERGE))
    return until_refused(ns, lambda: post(ns, "pods", pod("psa"), DRY))


def in_quota(ns: ContractNamespace, **hard: str) -> None:
    ns.apply(quota(**hard))
    ref = ns.ref("ResourceQuota", "q", "v1")
    ns.until(lambda: ns.found(ref).get("status", {}).get("used"))


def exceed_a_quota_of_objects(ns: ContractNamespace) -> ApiAnswer:
    ns.until(lambda: ns.live(ns.ref("ConfigMap", "kube-root-ca.crt", "v1")))
    ns.apply(config_map("c1"))
    in_quota(ns, **{"count/configmaps": "2"})
    ref = ns.ref("ResourceQuota", "q", "v1")
    ns.until(lambda: ns.found(ref)["status"]["used"]["count/configmaps"] == "2")
    return until_refused(ns, lambda: raw_apply(ns, "configmaps", config_map("c2"), DRY))


def exceed_a_quota_of_pods(ns: ContractNamespace) -> ApiAnswer:
    in_quota(ns, **{"requests.cpu": "1"})
    return until_refused(ns, lambda: post(ns, "pods", pod("p", requests={"cpu": "2"}), DRY))


def get_what_is_not_there(ns: ContractNamespace) -> ApiAnswer:
    return ns.gateway.raw("GET", f"{collection(ns, 'deployments', DEPLOYMENTS)}/zz")


def apply_without_a_namespace(ns: ContractNamespace) -> ApiAnswer:
    path = "/api/v1/namespaces/nosuchns/configmaps/c"
    query = [("fieldManager", "slipway"), DRY]
    return ns.gateway.raw("PATCH", path, query=query, body=json.dumps(config_map("c")), content_type=APPLY)


def create_twice(ns: ContractNamespace) -> ApiAnswer:
    ns.apply(deployment("a"))
    return post(ns, "deployments", deployment("a"), api=DEPLOYMENTS)


def apply_over_two_people(ns: ContractNamespace) -> ApiAnswer:
    ours = deployment("a", replicas=2)
    ns.apply(ours)
    ref = ns.ref(name="a")
    ns.done(ns.patch(ref, {"spec": {"replicas": 5}}, "kubectl-edit", form=MERGE))
    containers = {"containers": [{"name": "web", "image": "example.test/web:hotfix"}]}
    ns.done(ns.patch(ref, {"spec": {"template": {"spec": containers}}}, "kubectl-set", form=STRATEGIC))
    return raw_apply(ns, "deployments", ours, api=DEPLOYMENTS)


def apply_an_old_version(ns: ContractNamespace) -> ApiAnswer:
    old = ns.apply(deployment("a", replicas=1)).object["metadata"]["resourceVersion"]
    ns.apply(deployment("a", replicas=0))
    stale = deployment("a", replicas=1)
    stale["metadata"]["resourceVersion"] = old
    return raw_apply(ns, "deployments", stale, api=DEPLOYMENTS)


def delete_another_one(ns: ContractNamespace) -> ApiAnswer:
    ns.apply(config_map("y"))
    body = {"kind": "DeleteOptions", "apiVersion": "v1"}
    body["preconditions"] = {"uid": "11111111-1111-1111-1111-111111111111"}
    return ns.gateway.raw("DELETE", f"{collection(ns, 'configmaps')}/y", body=body)


def put_an_old_version(ns: ContractNamespace) -> ApiAnswer:
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "rollout-a"}}
    old = ns.apply({**lease, "spec": {"holderIdentity": "one"}}).object
    ns.apply({**lease, "spec": {"holderIdentity": "two"}})
    path = f"{collection(ns, 'leases', '/apis/coordination.k8s.io/v1')}/rollout-a"
    return ns.gateway.raw("PUT", path, body=old)


def apply_over_a_switched_selector(ns: ContractNamespace) -> ApiAnswer:
    blue = service(selector={"app": "web", "colour": "blue"})
    ns.apply(blue)
    green = [{"op": "replace", "path": "/spec/selector", "value": {"app": "web", "colour": "green"}}]
    ref = ns.ref("Service", "web", "v1")
    ns.done(ns.patch(ref, green, "slipway-traffic", form=JSON_PATCH))
    return raw_apply(ns, "services", blue)


def send_too_much(ns: ContractNamespace) -> ApiAnswer:
    return raw_apply(ns, "configmaps", config_map("big", blob="x" * (3 * 1024 * 1024 + 1)))


def change_an_immutable_config_map(ns: ContractNamespace) -> ApiAnswer:
    ns.apply({**config_map("imm", a="1"), "immutable": True})
    return raw_apply(ns, "configmaps", {**config_map("imm", a="2"), "immutable": True})


def change_a_selector(ns: ContractNamespace) -> ApiAnswer:
    ns.apply(deployment("a"))
    other = deployment("a")
    other["spec"]["selector"]["matchLabels"] = {"app": "other"}
    other["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    return raw_apply(ns, "deployments", other, ("force", "true"), api=DEPLOYMENTS)


def mistake_a_label(ns: ContractNamespace) -> ApiAnswer:
    other = deployment("a")
    other["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    return raw_apply(ns, "deployments", other, api=DEPLOYMENTS)


def use_a_bad_name(ns: ContractNamespace) -> ApiAnswer:
    return raw_apply(ns, "configmaps", config_map("Bad_Name"))


def fail_a_test(ns: ContractNamespace) -> ApiAnswer:
    ns.apply(config_map("c"))
    operations = [{"op": "test", "path": "/data/a", "value": "2"}]
    return ns.patch(ns.ref("ConfigMap", "c", "v1"), operations, "slipway", form=JSON_PATCH)


def change_a_secrets_type(ns: ContractNamespace) -> ApiAnswer:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "sec2"}, "data": {"p": encoded("1")}}
    ns.apply({**secret, "type": "Opaque"})
    return raw_apply(ns, "secrets", {**secret, "type": "kubernetes.io/basic-auth"}, ("force", "true"))


def change_what_a_statefulset_keeps(ns: ContractNamespace) -> ApiAnswer:
    ns.apply(statefulset("ss"))
    other = statefulset("ss")
    other["spec"]["serviceName"] = "other"
    return raw_apply(ns, "statefulsets", other, ("force", "true"), api=DEPLOYMENTS)


def duplicate_a_variable(ns: ContractNamespace) -> ApiAnswer:
    manifest = deployment("a")
    twice = [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]
    manifest["spec"]["template"]["spec"]["containers"][0]["env"] = twice
    return raw_apply(ns, "deployments", manifest, api=DEPLOYMENTS)


def misspell_two_fields(ns: ContractNamespace) -> ApiAnswer:
    manifest = deployment("a")
    manifest["spec"]["replica"] = 3
    manifest["spec"]["template"]["spec"]["containers"][0]["imagePullpolicy"] = "Always"
    return ns.until(lambda: tells_both(raw_apply(ns, "deployments", manifest, api=DEPLOYMENTS)))


def tells_both(answer: ApiAnswer) -> ApiAnswer | None:
    """The real server stops at the first it meets, whichever that is, or tells all."""
    return answer if b"errors:" in answer.body else None


def mistake_a_type(ns: ContractNamespace) -> ApiAnswer:
    manifest: dict[str, Any] = deployment("a")
    manifest["spec"]["replicas"] = "three"
    return raw_apply(ns, "deployments", manifest, api=DEPLOYMENTS)


def ask_a_service_without_pods(ns: ContractNamespace) -> ApiAnswer:
    ns.apply(service("none", selector={"app": "none"}))
    path = f"{collection(ns, 'services')}/http:none:80/proxy/"
    return ns.until(lambda: (answer := ns.gateway.raw("GET", path)).status != 404 and answer)


def evict_the_only_pod(ns: ContractNamespace) -> ApiAnswer:
    spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}
    budget = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "e"}, "spec": spec}
    ns.apply(budget)
    ns.apply(deployment(replicas=1))
    ref = ns.ref("PodDisruptionBudget", "e", "policy/v1")
    ns.until(lambda: ns.found(ref).get("status", {}).get("currentHealthy") == 1)
    name = ns.gateway.list("v1", "Pod", ns.name)[0]["metadata"]["name"]
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": ns.name}}
    return post(ns, f"pods/{name}/eviction", eviction)


TABLE: list[tuple[str, Callable[[ContractNamespace], ApiAnswer], type[errors.KubeError]]] = [
    ("400-create-strict", create_with_an_unknown_field, errors.Rejected),
    ("401-unauthorized", call_with_a_wrong_token, errors.Unauthorized),
    ("403-anonymous", call_without_a_token, errors.Denied),
    ("403-limitrange-pod", exceed_a_limit, errors.Forbidden),
    ("403-namespace-terminating", write_into_a_namespace_that_goes, errors.Terminating),
    ("403-pod-security", violate_pod_security, errors.Forbidden),
    ("403-quota-exceeded-dryrun", exceed_a_quota_of_objects, errors.Forbidden),
    ("403-quota-pod-dryrun", exceed_a_quota_of_pods, errors.Forbidden),
    ("404-deployment-not-found", get_what_is_not_there, errors.NotFound),
    ("404-namespace-not-found", apply_without_a_namespace, errors.NamespaceMissing),
    ("409-already-exists", create_twice, errors.AlreadyExists),
    ("409-apply-conflict", apply_over_two_people, errors.FieldConflict),
    ("409-apply-stale-resourceversion", apply_an_old_version, errors.Stale),
    ("409-delete-precondition", delete_another_one, errors.Stale),
    ("409-put-stale-resourceversion", put_an_old_version, errors.Stale),
    ("409-service-selector-conflict", apply_over_a_switched_selector, errors.FieldConflict),
    ("413-too-large", send_too_much, errors.Rejected),
    ("422-configmap-immutable", change_an_immutable_config_map, errors.Rejected),
    ("422-deployment-selector-immutable", change_a_selector, errors.Rejected),
    ("422-deployment-selector-mismatch", mistake_a_label, errors.Rejected),
    ("422-invalid-name", use_a_bad_name, errors.Rejected),
    ("422-json-patch-test-failed", fail_a_test, errors.Rejected),
    ("422-secret-type-immutable", change_a_secrets_type, errors.Rejected),
    ("422-statefulset-immutable", change_what_a_statefulset_keeps, errors.Rejected),
    ("429-eviction-pdb", evict_the_only_pod, errors.Throttled),
    ("500-apply-duplicate-env", duplicate_a_variable, errors.Rejected),
    ("500-apply-unknown-field", misspell_two_fields, errors.Rejected),
    ("500-apply-wrong-type", mistake_a_type, errors.Rejected),
    ("503-service-proxy-no-endpoints", ask_a_service_without_pods, errors.ServerError),
]


@pytest.mark.parametrize(("shape", "provoke", "kind"), TABLE, ids=[row[0] for row in TABLE])
def test_the_error_is_the_recorded_one(
    ns: ContractNamespace, shape: str, provoke, kind: type[errors.KubeError]
) -> None:
    answer = provoke(ns)
    assert in_order(json.loads(same(answer.body.decode()))) == recorded(shape)
    assert answer.status == int(shape[:3])
    assert type(answer.error()) is kind


def test_a_job_template_cannot_change(ns: ContractNamespace) -> None:
    ns.apply(job("j"))
    answer = raw_apply(ns, "jobs", job("j", image="example.test/other:1"), api="/apis/batch/v1")
    body, shape = answer.json(), recorded("422-job-template-immutable")
    assert (answer.status, body["reason"], set(body["details"])) == (422, "Invalid", set(shape["details"]))
    assert body["message"].startswith('Job.batch "j" is invalid: spec.template: Invalid value: ')
    assert body["message"].endswith("field is immutable")
    error = answer.error()
    assert error
    assert error.causes[0].field == "spec.template"
    assert len(error.words) <= 600


def test_a_kind_that_is_not_there_is_plain_text(ns: ContractNamespace) -> None:
    answer = ns.gateway.raw("GET", "/apis/nothing.example/v1/things")
    assert (answer.status, answer.body.strip()) == (404, b"404 page not found")
    assert type(answer.error()) is errors.KindMissing
    with pytest.raises(errors.KindMissing, match=r"Thing of nothing\.example/v1"):
        ns.gateway.resource("nothing.example/v1", "Thing")


def test_managed_fields_may_not_be_sent(ns: ContractNamespace) -> None:
    manifest = config_map("c")
    manifest["metadata"]["managedFields"] = [{"manager": "x", "operation": "Apply"}]
    answer = raw_apply(ns, "configmaps", manifest)
    assert (answer.status, answer.json()["message"]) == (400, "metadata.managedFields must be nil")


def test_an_apply_needs_a_manager(ns: ContractNamespace) -> None:
    path = f"{collection(ns, 'configmaps')}/c"
    answer = ns.gateway.raw("PATCH", path, body=json.dumps(config_map("c")), content_type=APPLY)
    assert answer.status == 422
    assert [cause["field"] for cause in answer.json()["details"]["causes"]] == ["fieldManager"]


def test_a_patch_in_an_unknown_form_is_refused(ns: ContractNamespace) -> None:
    ns.apply(config_map("c"))
    path = f"{collection(ns, 'configmaps')}/c"
    answer = ns.gateway.raw("PATCH", path, body="{}", content_type="application/nothing")
    assert answer.status == 415
    assert answer.json()["reason"] == "UnsupportedMediaType"
    assert type(answer.error()) is errors.Rejected


@pytest.mark.parametrize("access", [REAL], indirect=True)
def test_rights_are_told_apart_from_admission(ns: ContractNamespace, access: Access) -> None:
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token = post(ns, "serviceaccounts/default/token", request)
    limited = replace(access, token=ns.done(token)["status"]["token"], certificate_pem="", key_pem="")
    with pytest.raises(errors.Denied) as raised:
        Gateway(limited).list("apps/v1", "Deployment", ns.name)
    assert raised.value.status == 403
    assert f"system:serviceaccount:{ns.name}:default cannot list" in raised.value.words
