"""Each recorded answer of a real API server: its class, whose fault it is, and what a person reads."""

import json
from pathlib import Path

import pytest
import urllib3.exceptions as urllib3
from kubernetes.client.exceptions import ApiException

from environments.kube.api import errors
from environments.kube.api.classify import classify, classify_exception

SHAPES = Path(__file__).parent / "shapes"

TABLE = {
    "400-create-strict": (errors.Rejected, "user", 'unknown field "spec.replica"'),
    "401-unauthorized": (errors.Unauthorized, "cluster", "renew it"),
    "403-anonymous": (errors.Denied, "cluster", 'anonymous user cannot list resource "deployments"'),
    "403-forbidden": (
        errors.Denied,
        "cluster",
        'system:serviceaccount:f8:slipway cannot list resource "deployments"',
    ),
    "403-limitrange-pod": (errors.Forbidden, "user", "maximum memory usage per Container is 1Gi, but limit is 2Gi"),
    "403-namespace-terminating": (errors.Terminating, "cluster", "its namespace is being deleted"),
    "403-pod-security": (errors.Forbidden, "user", 'violates PodSecurity "restricted:latest"'),
    "403-quota-exceeded-dryrun": (errors.Forbidden, "user", "exceeded quota: q, requested: count/configmaps=1"),
    "403-quota-pod-dryrun": (errors.Forbidden, "user", "exceeded quota: q, requested: requests.cpu=2"),
    "403-vap-sequence-fence": (errors.Forbidden, "user", "a newer rollout has written here"),
    "404-deployment-not-found": (errors.NotFound, "cluster", "deployments zz is not there."),
    "404-namespace-not-found": (errors.NamespaceMissing, "cluster", "The namespace nosuchns is not there."),
    "409-already-exists": (errors.AlreadyExists, "user", "deployments a is already there."),
    "409-apply-conflict": (
        errors.FieldConflict,
        "user",
        "kubectl-edit has spec.replicas; kubectl-set has spec.template",
    ),
    "409-apply-stale-resourceversion": (errors.Stale, "transient", "deployments a has changed since it was read"),
    "409-delete-precondition": (errors.Stale, "transient", "it was deleted or replaced"),
    "409-put-stale-resourceversion": (errors.Stale, "transient", "leases rollout-a has changed since it was read"),
    "409-service-selector-conflict": (errors.FieldConflict, "user", "slipway-traffic has spec.selector"),
    "413-too-large": (errors.Rejected, "user", "limit is 3145728"),
    "415-unsupported-media-type": (errors.Rejected, "user", "does not take this form of patch"),
    "422-configmap-immutable": (errors.Rejected, "user", "data: Forbidden: field is immutable"),
    "422-crd-invalid": (errors.Rejected, "user", "spec.size in body should be greater than or equal to 1"),
    "422-deployment-selector-immutable": (errors.Rejected, "user", "field is immutable"),
    "422-deployment-selector-mismatch": (errors.Rejected, "user", "`selector` does not match template `labels`"),
    "422-invalid-name": (errors.Rejected, "user", "a lowercase RFC 1123 subdomain"),
    "422-job-template-immutable": (errors.Rejected, "user", "Job j is not valid: spec.template: "),
    "422-json-patch-test-failed": (errors.Rejected, "user", "a path in it is not there, or a test in it failed"),
    "422-secret-type-immutable": (errors.Rejected, "user", "data[username]: Required value"),
    "422-statefulset-immutable": (errors.Rejected, "user", "updates to statefulset spec for fields other than"),
    "422-vap-denied-dryrun": (errors.Forbidden, "user", "image tag latest is not allowed in l"),
    "429-eviction-pdb": (errors.Throttled, "transient", "The disruption budget e needs 1 healthy pods"),
    "429-priority-and-fairness": (errors.Throttled, "transient", "too many requests"),
    "500-apply-duplicate-env": (
        errors.Rejected,
        "user",
        'containers[name="web"].env: duplicate entries for key [name="A"]',
    ),
    "500-apply-unknown-field": (errors.Rejected, "user", "spec.replica: field not declared in schema"),
    "500-apply-wrong-type": (errors.Rejected, "user", "spec.replicas: expected numeric (int or float), got string"),
    "500-webhook-unreachable": (errors.WebhookDown, "transient", 'failed calling webhook "wh.facts.example.com"'),
    "503-service-proxy-no-endpoints": (errors.ServerError, "transient", 'no endpoints available for service "none"'),
    "watch-410-expired": (errors.Expired, "transient", "read everything again"),
}


def recorded(name: str) -> errors.KubeError:
    data = json.loads((SHAPES / f"{name}.json").read_text())
    if "body_text" in data:
        return classify(data["status"], data["headers"], data["body_text"].encode())
    body = data.get("object", data)
    return classify(body["code"], {"Content-Type": "application/json"}, json.dumps(body).encode())


def test_every_recorded_error_is_in_the_table() -> None:
    assert {path.stem for path in SHAPES.glob("[45]*.json")} | {"watch-410-expired"} == set(TABLE)


@pytest.mark.parametrize("name", TABLE)
def test_a_recorded_answer(name: str) -> None:
    kind, fault, words = TABLE[name]
    error = recorded(name)
    assert (type(error), error.fault) == (kind, fault)
    assert words in error.words
    assert error.words == str(error)
    assert error.words.endswith((".", "…"))
    assert len(error.words) <= 600


def test_conflicts_name_fields_and_managers() -> None:
    causes = recorded("409-apply-conflict").causes
    assert [(cause.field, cause.manager) for cause in causes] == [
        ("spec.replicas", "kubectl-edit"),
        ('spec.template.spec.containers[name="web"].image', "kubectl-set"),
    ]


def test_a_conflict_with_a_subresource_names_its_manager() -> None:
    message = 'conflict with "kubectl" with subresource "scale" using apps/v1'
    cause = {"reason": "FieldManagerConflict", "message": message, "field": ".spec.replicas"}
    body = {"kind": "Status", "reason": "Conflict", "message": "Apply failed", "details": {"causes": [cause]}}
    assert classify(409, {}, json.dumps(body)).causes[0].manager == "kubectl"


def test_the_time_to_wait_is_kept() -> None:
    assert recorded("429-priority-and-fairness").retry_after == 1.0
    assert recorded("429-eviction-pdb").retry_after is None


STATUS = {"kind": "Status", "message": "x", "reason": "InternalError"}
# In the words of a real API server, for an object of 1.9 MB and for one of 2.3.
TOO_LARGE = [
    {"kind": "Status", "message": "etcdserver: request is too large"},
    {
        "kind": "Status",
        "message": "rpc error: code = ResourceExhausted desc = trying to send message larger than max "
        "(2300508 vs. 2097152)",
    },
]


@pytest.mark.parametrize(
    ("status", "headers", "body", "kind", "counts", "ambiguous"),
    [
        (302, {"Location": "https://login.example"}, b"", errors.NotKubernetes, False, False),
        (200, {"Content-Type": "text/html"}, b"<html>", errors.NotKubernetes, False, False),
        (404, {"Content-Type": "text/html"}, b"<!DOCTYPE html>", errors.NotKubernetes, False, False),
        (404, {"Content-Type": "text/plain"}, b"404 page not found\n", errors.KindMissing, False, False),
        (502, {"Content-Type": "text/html"}, b"<html>Bad Gateway</html>", errors.ServerError, True, True),
        (500, {}, json.dumps(STATUS).encode(), errors.ServerError, True, True),
        (504, {}, json.dumps({**STATUS, "reason": "Timeout"}).encode(), errors.ServerError, True, True),
        (429, {"retry-after": "5"}, b"Too many requests", errors.Throttled, False, False),
        (418, {}, b"short and stout", errors.Rejected, False, False),
        *((500, {}, json.dumps(each).encode(), errors.Rejected, False, False) for each in TOO_LARGE),
    ],
)
def test_other_answers(status, headers, body, kind, counts, ambiguous) -> None:
    error = classify(status, headers, body)
    assert (type(error), error.counts, error.ambiguous) == (kind, counts, ambiguous)


def test_a_policys_word_is_admission_whatever_its_status() -> None:
    body = {"kind": "Status", "message": 'admission webhook "p.example.test" denied the request: no', "code": 400}
    assert type(classify(403, {}, json.dumps(body))) is errors.Forbidden


SECRET_SAYS = "failed to create typed patch object (ns/s; /v1, Kind=Secret): .data"


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (
            f"{SECRET_SAYS}.p: expected string, got &value.valueUnstructured{{Value:hunter2}}",
            "Secret ns/s does not fit its schema: data.p: expected string.",
        ),
        (
            (
                f"{SECRET_SAYS}.p: expected string, got &value.valueUnstructured{{Value:map[string]interface {{}}"
                '{"x":"hunter2"}}'
            ),
            "Secret ns/s does not fit its schema: data.p: expected string.",
        ),
        (f"{SECRET_SAYS}: expected map, got &{{one\n  .hunter2: x}}", "data: expected map."),
        (
            (
                "failed to convert new object (ns/s; /v1, Kind=Secret) to proper version: unable to convert "
                "unstructured object to /v1, Kind=Secret: error decoding from json: illegal base64 data at input byte 7"
            ),
            "Secret ns/s does not fit its schema: illegal base64 data at input byte 7.",
        ),
    ],
    ids=["scalar", "map", "lines", "not base64"],
)
def test_values_that_do_not_fit_are_not_repeated(message: str, words: str) -> None:
    error = classify(500, {}, json.dumps({"kind": "Status", "message": message, "code": 500}))
    assert type(error) is errors.Rejected
    assert error.words.endswith(words)
    assert "hunter2" not in error.words


POOL = None


@pytest.mark.parametrize(
    ("raised", "kind", "ambiguous"),
    [
        (urllib3.ReadTimeoutError(POOL, "/", "slow"), errors.Unreachable, True),
        (urllib3.ConnectTimeoutError(None, "slow"), errors.Unreachable, False),
        (urllib3.NewConnectionError(None, "refused"), errors.Unreachable, False),
        (urllib3.NameResolutionError("h", None, OSError("no")), errors.Unreachable, False),
        (urllib3.ProtocolError("reset"), errors.Unreachable, True),
        (urllib3.IncompleteRead(1, 2), errors.Unreachable, True),
        (urllib3.SSLError("CERTIFICATE_VERIFY_FAILED: unable to get issuer"), errors.UntrustedCertificate, False),
        (urllib3.SSLError("UNEXPECTED_EOF_WHILE_READING"), errors.Unreachable, False),
        (
            ApiException(status=0, reason="SSLError\n[SSL: CERTIFICATE_VERIFY_FAILED]"),
            errors.UntrustedCertificate,
            False,
        ),
        (urllib3.MaxRetryError(POOL, "/", urllib3.NewConnectionError(None, "refused")), errors.Unreachable, False),
        (ConnectionResetError(), errors.Unreachable, True),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_no_answer_at_all(raised: Exception, kind: type[errors.KubeError], ambiguous: bool) -> None:
    error = classify_exception(raised)
    assert (type(error), error.ambiguous, error.counts, error.status) == (kind, ambiguous, True, 0)
