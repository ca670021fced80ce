"""Autoscalers in words. The shapes are those of a real API server, KEDA and the recommender."""

from copy import deepcopy
from typing import Any

import pytest

from environments.kube.autoscaling import autoscalers, slim, target_of
from environments.kube.objects import Manifest, Ref
from environments.kube.quantity import amount, plain, quantity

TEMPLATE = {"spec": {"containers": [{"name": "web", "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}}}]}}
WORKING = [
    {"type": "AbleToScale", "status": "True", "reason": "ReadyForNewScale"},
    {"type": "ScalingActive", "status": "True", "reason": "ValidMetricFound"},
    {"type": "ScalingLimited", "status": "False", "reason": "DesiredWithinRange"},
]
METRICS = [
    {"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 70, "type": "Utilization"}}},
    {"type": "Resource", "resource": {"name": "memory", "target": {"averageValue": "1Gi", "type": "AverageValue"}}},
    {"type": "Pods", "pods": {"metric": {"name": "rps"}, "target": {"averageValue": "1k", "type": "AverageValue"}}},
]
CURRENT = [
    {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 50, "averageValue": "50m"}}},
    {"type": "Resource", "resource": {"name": "memory", "current": {"averageValue": "67108864"}}},
    {"type": ""},
]


def made(kind: str, version: str, name: str, spec: Any, status: Any) -> Manifest:
    metadata = {"name": name, "namespace": "shop", "uid": "1"}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec, "status": status}


def hpa(name="web", *, changed=None, **status) -> Manifest:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    spec = {"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 10, "metrics": METRICS}
    conditions = [changed if changed and each["type"] == changed["type"] else each for each in WORKING]
    counts = {"currentReplicas": 4, "desiredReplicas": 5, "currentMetrics": CURRENT, "conditions": conditions}
    return made("HorizontalPodAutoscaler", "autoscaling/v2", name, spec, {**counts, **status})


def says(kind: str, status: str, reason: str = "", message: str = "") -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": message}


def scaled(*conditions: dict[str, str], **status) -> Manifest:
    triggers = [{"type": "rabbitmq", "metadata": {"queueName": "q", "value": "10"}}]
    spec = {"scaleTargetRef": {"name": "web"}, "minReplicaCount": 2, "maxReplicaCount": 50, "triggers": triggers}
    standing = [
        each
        for each in (says("Ready", "True"), says("Active", "False"))
        if each["type"] not in {given["type"] for given in conditions}
    ]
    more = {"triggersActivity": {"s0-rabbitmq-q": {"isActive": False}}, "hpaName": "keda-hpa-web", **status}
    spec["fallback"] = {"replicas": 6, "failureThreshold": 3}
    return made("ScaledObject", "keda.sh/v1alpha1", "web", spec, {"conditions": [*standing, *conditions], **more})


def vpa(mode="Off", conditions=(), **recommended: Any) -> Manifest:
    spec = {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}
    spec["updatePolicy"] = {"updateMode": mode}
    rows = [{"containerName": "web", **recommended}] if recommended else []
    status = {"conditions": list(conditions), "recommendation": {"containerRecommendations": rows}}
    return made("VerticalPodAutoscaler", "autoscaling.k8s.io/v1", "web-vpa", spec, status)


def bounds(resource: str, low: str, target: str, high: str) -> dict[str, Any]:
    return {"lowerBound": {resource: low}, "target": {resource: target}, "upperBound": {resource: high}}


def told(*objects: Manifest):
    return autoscalers([slim(each) for each in objects], TEMPLATE)


@pytest.mark.parametrize(
    ("obj", "state", "line"),
    [
        (hpa(), "good", "4 of 5 wanted pods (2 to 10)"),
        (hpa(desiredReplicas=4), "good", "4 pods, as wanted (2 to 10)"),
        (hpa(conditions=[]), "wait", "4 of 5 wanted pods (2 to 10); it has not looked at its target yet"),
        (
            hpa(changed=says("ScalingLimited", "True", "TooManyReplicas")),
            "hold",
            "4 of 5 wanted pods (2 to 10); held at its maximum",
        ),
        (
            hpa(changed=says("ScalingActive", "False", "FailedGetResourceMetric", "unable to get metrics: no pods.")),
            "fail",
            "4 of 5 wanted pods (2 to 10); it cannot scale: unable to get metrics: no pods",
        ),
        (
            hpa(changed=says("ScalingActive", "False", "ScalingDisabled")),
            "hold",
            "4 of 5 wanted pods (2 to 10); it rests while its target has 0 replicas",
        ),
        (scaled(), "good", "2 to 50 pods; no trigger is active"),
        (scaled(says("Active", "True")), "good", "2 to 50 pods; its triggers are active"),
        (scaled(says("Paused", "True"), pausedReplicaCount=3), "hold", "2 to 50 pods; paused at 3 pods"),
        (scaled(says("Ready", "False", "X", "no such target.")), "fail", "2 to 50 pods; not ready: no such target"),
        (
            scaled(says("Fallback", "True")),
            "fail",
            "2 to 50 pods; a trigger cannot be read, so it falls back to 6 pods",
        ),
        (scaled(conditions=[]), "wait", "2 to 50 pods; KEDA has not looked at it yet"),
        (vpa(**bounds("cpu", "46m", "57m", "92m")), "hold", "only recommends: web cpu 777 % above"),
        (vpa(**bounds("cpu", "400m", "480m", "900m")), "good", "only recommends: the requests are about right"),
        (
            vpa("Auto", **bounds("cpu", "1", "1500m", "4")),
            "hold",
            "sets requests and evicts pods for that: web cpu 67 % below",
        ),
        (vpa(), "wait", "only recommends: no recommendation yet"),
        (vpa(conditions=[says("NoPodsMatched", "True")]), "wait", "only recommends: no pod matches it yet"),
        (
            vpa(conditions=[says("ConfigUnsupported", "True", "", "Cannot read targetRef.")]),
            "fail",
            "only recommends: Cannot read targetRef",
        ),
    ],
)  # fmt: skip
def test_an_autoscaler_in_a_line(obj, state, line):
    (found,) = told(obj)
    assert (found.state, found.line) == (state, line)


def test_each_metric_beside_its_target():
    details = [(each.label, each.value, each.state) for each in told(hpa())[0].details]
    assert details == [
        ("cpu", "50 % of 70 % of the request", "good"),
        ("memory", "64Mi of 1Gi a pod", "good"),
        ("rps", "no value; wanted 1000 a pod", "fail"),
    ]


def test_the_documented_behaviour_in_words():
    obj = hpa()
    up = [{"type": "Percent", "value": 50, "periodSeconds": 60}, {"type": "Pods", "value": 2, "periodSeconds": 60}]
    down = [{"type": "Percent", "value": 10, "periodSeconds": 60}, {"type": "Pods", "value": 1, "periodSeconds": 60}]
    obj["spec"]["behavior"] = {
        "scaleUp": {"stabilizationWindowSeconds": 60, "policies": up, "selectPolicy": "Max"},
        "scaleDown": {"stabilizationWindowSeconds": 300, "policies": down, "selectPolicy": "Min"},
    }
    assert [each.value for each in told(obj)[0].details[-2:]] == [
        "50 % in 60 s or 2 pods in 60 s, after 60 s",
        "the least of 10 % in 60 s or 1 pod in 60 s, after 300 s",
    ]


def test_kedas_own_hpa_is_told_of_by_its_scaled_object():
    (found,) = told(hpa("keda-hpa-web"), scaled())
    assert (found.kind, found.line) == ("KEDA", "4 of 5 wanted pods (2 to 10); no trigger is active")
    assert [each.label for each in found.details] == ["trigger rabbitmq", "cpu", "memory", "rps"]
    assert found.details[0].value == "10 a pod, not active"


def test_a_trigger_that_cannot_be_read_says_how_often():
    health = {"s0-rabbitmq-q": {"numberOfFailures": 4, "status": "Failing"}}
    detail = told(scaled(health=health))[0].details[-1]
    assert (detail.label, detail.value, detail.state) == ("s0-rabbitmq-q", "failed 4 times in a row", "fail")


@pytest.mark.parametrize(
    ("row", "words", "state"),
    [
        (bounds("cpu", "46m", "57m", "92m"), "requests 500m, 777 % above the recommended 57m (46m to 92m)", "hold"),
        (bounds("cpu", "400m", "480m", "900m"), "requests 500m, about the recommended 480m (400m to 900m)", "good"),
        (bounds("cpu", "1", "1500m", "4"), "requests 500m, 67 % below the recommended 1.5 (1 to 4)", "fail"),
        (
            bounds("memory", "1073741824", "2147483648", "4Gi"),
            "requests 1Gi, 50 % below the recommended 2Gi (1Gi to 4Gi)",
            "good",
        ),
        (
            {**bounds("cpu", "1", "1500m", "4"), "containerName": "sidecar"},
            "requests nothing beside the recommended 1.5 (1 to 4)",
            "hold",
        ),
    ],
)
def test_a_recommendation_beside_the_request(row, words, state):
    (found,) = told(vpa(**row))
    assert [(each.value, each.state) for each in found.details] == [(words, state)]


@pytest.mark.parametrize("obj", [hpa(), scaled(), vpa()], ids=lambda obj: obj["kind"])
def test_each_names_its_workload(obj):
    assert target_of(obj) == Ref("apps/v1", "Deployment", "shop", "web")


def test_what_is_kept_has_no_field_ownership():
    obj = deepcopy(hpa())
    obj["metadata"]["managedFields"] = [{"manager": "x"}]
    assert "managedFields" not in slim(obj)["metadata"]


@pytest.mark.parametrize(
    ("text", "number"),
    [("500m", 0.5), ("2Gi", 2 * 2**30), ("262144k", 262_144_000), ("1", 1), (3, 3), ("x", None), (None, None)],
)
def test_quantities_are_numbers(text, number):
    assert quantity(text) == number


def test_quantities_are_read_aloud():
    assert [amount("57m", "cpu"), amount("4", "cpu"), amount("262144k", "memory"), plain("1k")] == [
        "57m", "4", "250Mi", "1000",
    ]  # fmt: skip
