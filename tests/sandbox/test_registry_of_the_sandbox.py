"""The sandbox's OCI registry over HTTP, and the subresources that its pods answer."""

import base64
import hashlib
import json
import time

import pytest
import urllib3

from sandbox import Sandbox
from tests.sandbox.world import workload

PATIENCE = 15


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(speed=20) as running:
        yield running


@pytest.fixture(scope="module")
def http(sandbox):
    with urllib3.PoolManager(ca_cert_data=sandbox.certificates.authority, timeout=5, retries=False) as pool:
        yield pool


def at(sandbox: Sandbox, path: str) -> str:
    return f"http://{sandbox.registry}/v2/{path}"


def test_a_pushed_image_is_found_by_tag_and_by_digest(sandbox, http):
    digest = sandbox.images.push("shop/web", "1.0.0", behaviour={"crash": True})
    head = http.request("HEAD", at(sandbox, "shop/web/manifests/1.0.0"))
    assert (head.status, head.headers["docker-content-digest"], head.data) == (200, digest, b"")
    manifest = http.request("GET", at(sandbox, f"shop/web/manifests/{digest}"))
    assert f"sha256:{hashlib.sha256(manifest.data).hexdigest()}" == digest
    config = http.request("GET", at(sandbox, f"shop/web/blobs/{manifest.json()['config']['digest']}")).json()
    assert json.loads(config["config"]["Labels"]["test.slipway/behaviour"]) == {"crash": True}
    assert http.request("GET", at(sandbox, "shop/web/tags/list")).json() == {"name": "shop/web", "tags": ["1.0.0"]}


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("shop/web/manifests/none", "MANIFEST_UNKNOWN"),
        ("shop/none/tags/list", "NAME_UNKNOWN"),
        (f"shop/web/blobs/sha256:{'0' * 64}", "BLOB_UNKNOWN"),
    ],
)
def test_what_is_absent_is_404_with_its_code(sandbox, http, path, code):
    answer = http.request("GET", at(sandbox, path))
    assert (answer.status, answer.json()["errors"][0]["code"]) == (404, code)


def upload(sandbox: Sandbox, http: urllib3.PoolManager, content: bytes) -> str:
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    begun = http.request("POST", at(sandbox, "made/here/blobs/uploads/"))
    place = f"http://{sandbox.registry}{begun.headers['location']}?digest={digest}"
    assert http.request("PUT", place, body=content).status == 201
    return digest


def test_an_image_can_be_pushed_over_http(sandbox, http):
    config = upload(sandbox, http, b'{"config": {"Labels": {"a": "b"}}}')
    described = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 34}
    manifest = json.dumps({"schemaVersion": 2, "config": described, "layers": []}).encode()
    kind = {"Content-Type": "application/vnd.oci.image.manifest.v1+json"}
    assert http.request("PUT", at(sandbox, "made/here/manifests/1"), body=manifest, headers=kind).status == 201
    assert sandbox.images.labels("made/here", "1") == {"a": "b"}


def test_a_manifest_without_its_blobs_is_refused(sandbox, http):
    manifest = json.dumps({"config": {"digest": f"sha256:{'1' * 64}"}}).encode()
    answer = http.request("PUT", at(sandbox, "made/here/manifests/2"), body=manifest)
    assert (answer.status, answer.json()["errors"][0]["code"]) == (400, "MANIFEST_INVALID")


def test_with_credentials_a_client_is_asked_for_a_token(sandbox, http):
    sandbox.images.push("private/web", "1")
    sandbox._live.require_credentials("robot:secret")
    try:
        refused = http.request("HEAD", at(sandbox, "private/web/manifests/1"))
        assert refused.status == 401
        challenge = refused.headers["www-authenticate"]
        assert challenge == (
            f'Bearer realm="http://{sandbox.registry}/token",service="sandbox",scope="repository:private/web:pull,push"'
        )
        assert http.request("GET", f"http://{sandbox.registry}/token").status == 401
        basic = {"Authorization": "Basic " + base64.b64encode(b"robot:secret").decode()}
        token = http.request("GET", f"http://{sandbox.registry}/token", headers=basic).json()["token"]
        bearer = {"Authorization": f"Bearer {token}"}
        assert http.request("HEAD", at(sandbox, "private/web/manifests/1"), headers=bearer).status == 200
    finally:
        sandbox._live.require_credentials("")


@pytest.mark.parametrize(("kind", "options", "status"), [("error", {"status": 502}, 502), ("throttle", {}, 429)])
def test_faults_strike_the_registry(sandbox, http, kind, options, status):
    sandbox.registry_faults.add(kind, count=1, **options)
    assert http.request("GET", at(sandbox, "")).status == status
    assert http.request("GET", at(sandbox, "")).status == 200


# -- what pods answer --------------------------------------------------------------------------------------------------


def ask(sandbox: Sandbox, http: urllib3.PoolManager, path: str, method: str = "GET", body: bytes | None = None):
    headers = {"Authorization": f"Bearer {sandbox.token}", "Content-Type": "application/json"}
    return http.request(method, f"{sandbox.url}/api/v1/namespaces/default/{path}", headers=headers, body=body)


@pytest.fixture(scope="module")
def serving(sandbox, http) -> str:
    """A Deployment "web" of two pods behind a Service, with an error in every fourth answer of a pod."""
    sandbox.images.push("shop/errs", "1.3.0", behaviour={"error_rate": 0.25, "logs": ["hello"]})
    image = f"{sandbox.registry}/shop/errs:1.3.0"
    sandbox.client.create(_in_default(workload(replicas=2, container={"image": image})))
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}
    sandbox.client.create(_in_default({**service, "spec": {"selector": {"app": "web"}, "ports": ports}}))
    end = time.monotonic() + PATIENCE
    while (sandbox.client.get("apps", "Deployment", "default", "web").get("status") or {}).get("readyReplicas") != 2:
        assert time.monotonic() < end, "the pods did not come up"
        time.sleep(0.05)
    return image


def _in_default(manifest: dict) -> dict:
    return {**manifest, "metadata": {**manifest["metadata"], "namespace": "default"}}


def test_a_service_is_answered_by_its_pods_in_turns_with_exact_errors(sandbox, http, serving):
    answers = [ask(sandbox, http, "services/http:web:80/proxy/shop") for _ in range(8)]
    assert sorted(answer.status for answer in answers) == [200] * 6 + [500] * 2
    assert len({answer.json()["pod"] for answer in answers}) == 2
    told = answers[0].json()
    assert (told["image"], told["version"], told["path"]) == (serving, "1.3.0", "/shop")


@pytest.mark.parametrize("port", ["80", "http", ""])
def test_a_services_port_goes_by_number_and_name(sandbox, http, serving, port):
    name = f"web:{port}" if port else "web"
    assert ask(sandbox, http, f"services/{name}/proxy/healthz").status == 200


def test_a_service_without_pods_is_the_recorded_503(sandbox, http):
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "none"}}
    sandbox.client.create(_in_default({**service, "spec": {"selector": {"app": "none"}, "ports": [{"port": 80}]}}))
    answer = ask(sandbox, http, "services/http:none:80/proxy/")
    assert answer.status == 503
    assert answer.json() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'no endpoints available for service "none"',
        "reason": "ServiceUnavailable",
        "code": 503,
    }


def pod_of(sandbox: Sandbox) -> str:
    return sandbox.client.list("", "Pod", "default", {"app": "web"})[0]["metadata"]["name"]


def test_logs_are_what_the_behaviour_says_and_the_requests(sandbox, http, serving):
    pod = pod_of(sandbox)
    ask(sandbox, http, f"pods/{pod}/proxy/x")
    lines = ask(sandbox, http, f"pods/{pod}/log").data.decode().splitlines()
    assert lines[0] == "hello"
    assert lines[-1].startswith("GET /x ")
    assert len(ask(sandbox, http, f"pods/{pod}/log?tailLines=1").data.decode().splitlines()) == 1


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("previous=true", 'previous terminated container "web" in pod'),
        ("container=none", "container none is not valid for pod"),
        ("tailLines=x", "tailLines: 'x' is no whole number"),
    ],
)
def test_logs_that_are_not_there_are_refused(sandbox, http, serving, query, words):
    answer = ask(sandbox, http, f"pods/{pod_of(sandbox)}/log?{query}")
    assert answer.status == 400
    assert words in answer.json()["message"]


def test_a_budget_stops_an_eviction_as_recorded(sandbox, http, serving):
    budget = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "e"}}
    spec = {"minAvailable": 2, "selector": {"matchLabels": {"app": "web"}}}
    sandbox.client.create(_in_default({**budget, "spec": spec}))
    end = time.monotonic() + PATIENCE
    while not sandbox.client.get("policy", "PodDisruptionBudget", "default", "e").get("status"):
        assert time.monotonic() < end, "the budget got no status"
        time.sleep(0.05)
    answer = ask(sandbox, http, f"pods/{pod_of(sandbox)}/eviction", "POST", b"{}")
    assert answer.status == 429
    cause = {
        "reason": "DisruptionBudget",
        "message": "The disruption budget e needs 2 healthy pods and has 2 currently",
    }
    assert answer.json()["details"]["causes"] == [cause]
