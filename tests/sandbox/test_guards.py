"""What the sandbox refuses, fills in and warns about."""

import pytest

from sandbox.admission.limits import _bounds
from sandbox.admission.podsecurity import violations
from sandbox.admission_chain import Review
from sandbox.client import Client
from tests.sandbox.world import World, pod, workload

ADMISSION = "admissionregistration.k8s.io/v1"
NO_LATEST = {
    "expression": "object.spec.template.spec.containers.all(c, !c.image.endsWith(':latest'))",
    "messageExpression": "'image tag latest is not allowed in ' + object.metadata.name",
}
ON_DEPLOYMENTS = {
    "resourceRules": [
        {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["deployments"]}
    ]
}


def world(**labels: str) -> World:
    made = World(guarded=True)
    key = made._key("Namespace", "d")
    made.client.change(key, lambda space: space["metadata"].setdefault("labels", {}).update(labels))
    return made


def quota(**hard: str) -> dict:
    named = {name.replace("__", "/").replace("_", "."): value for name, value in hard.items()}
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": named}}


def limit_range(**item) -> dict:
    spec = {"limits": [{"type": "Container", **item}]}
    return {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "l"}, "spec": spec}


def policy(validation: dict = NO_LATEST, actions: tuple[str, ...] = ("Deny",), **spec) -> list[dict]:
    """A policy and its binding."""
    whole = {"matchConstraints": ON_DEPLOYMENTS, "validations": [validation], "failurePolicy": "Fail", **spec}
    bound = {"policyName": "no-latest", "validationActions": list(actions)}
    return [
        {"apiVersion": ADMISSION, "kind": kind, "metadata": {"name": "no-latest"}, "spec": content}
        for kind, content in (("ValidatingAdmissionPolicy", whole), ("ValidatingAdmissionPolicyBinding", bound))
    ]


def latest() -> dict:
    return workload(container={"image": "shop/web:latest"})


def warned(made: World, manifest: dict) -> list[str]:
    """The warnings that a creation meets."""
    seen: list[str] = []

    def note(review: Review) -> None:
        seen.extend(review.warnings)

    made.api.admission.validating.append(note)
    made.create(manifest)
    return seen


# -- quotas ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hard", "container", "words"),
    [
        (
            {"requests_cpu": "1"},
            {"resources": {"requests": {"cpu": "2"}}},
            "exceeded quota: q, requested: requests.cpu=2, used: requests.cpu=0, limited: requests.cpu=1",
        ),
        (
            {"limits_memory": "1Gi", "pods": "5"},
            {"resources": {"limits": {"memory": "2Gi"}}},
            "exceeded quota: q, requested: limits.memory=2Gi, used: limits.memory=0, limited: limits.memory=1Gi",
        ),
        ({"limits_cpu": "1"}, {}, "failed quota: q: must specify limits.cpu for: web"),
        ({"pods": "0"}, {}, "exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0"),
    ],
)
def test_a_quota_refuses_a_pod_in_the_servers_words(hard, container, words):
    made = world()
    made.create(quota(**hard))
    refusal = made.refusal(pod(container=container))
    assert (refusal.code, refusal.message) == (403, f'pods "p" is forbidden: {words}')


def test_a_quota_counts_objects_and_tells_its_usage():
    made = world()
    made.create(quota(count__configmaps="1"))
    made.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}})
    assert made.after(1).status("ResourceQuota", "q")["used"] == {"count/configmaps": "1"}
    refusal = made.refusal({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b"}})
    assert "used: count/configmaps=1, limited: count/configmaps=1" in refusal.message


def test_finished_pods_use_nothing():
    made = world()
    made.create(quota(pods="1"))
    made.create(pod("done", restartPolicy="Never"))
    made.after(5).create(pod("next"))


# -- limits ------------------------------------------------------------------------------------------------------------


def test_a_limit_range_fills_in_what_containers_leave_out():
    made = world()
    made.create(limit_range(default={"memory": "256Mi"}, defaultRequest={"cpu": "100m"}))
    found = made.create(pod())
    requests = {"cpu": "100m", "memory": "256Mi"}
    assert found["spec"]["containers"][0]["resources"] == {"requests": requests, "limits": {"memory": "256Mi"}}
    assert found["metadata"]["annotations"]["kubernetes.io/limit-ranger"].startswith("LimitRanger plugin set: ")


def test_a_limit_range_refuses_in_the_servers_words():
    made = world()
    made.create(limit_range(max={"memory": "1Gi"}))
    refusal = made.refusal(pod(container={"resources": {"limits": {"memory": "2Gi"}}}))
    words = "maximum memory usage per Container is 1Gi, but limit is 2Gi"
    assert refusal.message == f'pods "p" is forbidden: {words}'


@pytest.mark.parametrize(
    ("resources", "item", "words"),
    [
        (
            {"requests": {"cpu": "50m"}},
            {"min": {"cpu": "100m"}},
            "minimum cpu usage per Container is 100m, but request is 50m",
        ),
        ({}, {"min": {"cpu": "1"}}, "minimum cpu usage per Container is 1.  No request is specified"),
        ({}, {"max": {"cpu": "1"}}, "maximum cpu usage per Container is 1.  No limit is specified"),
        (
            {"requests": {"cpu": "1"}, "limits": {"cpu": "3"}},
            {"maxLimitRequestRatio": {"cpu": "2"}},
            "cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000",
        ),
    ],
)
def test_bounds_are_worded_as_on_the_server(resources, item, words):
    assert _bounds(resources, {"type": "Container", **item}) == [words]


# -- pod security ------------------------------------------------------------------------------------------------------

SAFE = {
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [
        {"name": "web", "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}}
    ],
}


def unsafe(**security) -> dict:
    return {"containers": [{"name": "web", "securityContext": security}]}


@pytest.mark.parametrize(
    ("level", "spec", "words"),
    [
        ("restricted", SAFE, []),
        ("baseline", unsafe(), []),
        ("privileged", unsafe(privileged=True), []),
        (
            "baseline",
            unsafe(privileged=True),
            ['privileged (container "web" must not set securityContext.privileged=true)'],
        ),
        ("baseline", {**unsafe(), "hostNetwork": True}, ["host namespaces (hostNetwork=true)"]),
        (
            "baseline",
            {**unsafe(), "volumes": [{"name": "v", "hostPath": {"path": "/"}}]},
            ['hostPath volumes (volume "v")'],
        ),
        (
            "restricted",
            {**SAFE, "securityContext": {**SAFE["securityContext"], "runAsUser": 0}},
            ["runAsUser=0 (pod must not set runAsUser=0)"],
        ),
    ],
)
def test_levels_forbid_what_they_forbid(level, spec, words):
    assert [violation.text for violation in violations(level, spec)] == words


RESTRICTED = (
    '"restricted:latest": allowPrivilegeEscalation != false (container "web" must set '
    'securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "web" must set '
    'securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or container "web" must set '
    'securityContext.runAsNonRoot=true), seccompProfile (pod or container "web" must set '
    'securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")'
)


def test_enforcement_refuses_pods_and_only_warns_about_templates():
    made = world(**{"pod-security.kubernetes.io/enforce": "restricted"})
    assert made.refusal(pod()).message == f'pods "p" is forbidden: violates PodSecurity {RESTRICTED}'
    assert warned(made, workload()) == [f"would violate PodSecurity {RESTRICTED}"]


def test_a_warning_lets_the_pod_pass():
    made = world(**{"pod-security.kubernetes.io/warn": "restricted"})
    assert warned(made, pod()) == [f"would violate PodSecurity {RESTRICTED}"]


# -- policies ----------------------------------------------------------------------------------------------------------

DENIED = "ValidatingAdmissionPolicy 'no-latest' with binding 'no-latest' denied request: "


def test_a_policy_denies_with_its_message_as_recorded():
    made = world()
    for manifest in policy():
        made.client.create(manifest)
    refusal = made.refusal(latest())
    words = f"{DENIED}image tag latest is not allowed in web"
    assert refusal.body == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": f'deployments.apps "web" is forbidden: {words}',
        "reason": "Invalid",
        "details": {"name": "web", "group": "apps", "kind": "deployments", "causes": [{"message": words}]},
        "code": 422,
    }
    made.create(workload())


@pytest.mark.parametrize(
    ("reason", "code"), [("Invalid", 422), ("Forbidden", 403), ("Unauthorized", 401), ("RequestEntityTooLarge", 413)]
)
def test_a_policys_reason_gives_the_status(reason, code):
    made = world()
    for manifest in policy({**NO_LATEST, "reason": reason}):
        made.client.create(manifest)
    refusal = made.refusal(latest())
    assert (refusal.code, refusal.reason) == (code, reason)


def test_a_policy_that_warns_lets_pass():
    made = world()
    for manifest in policy(actions=("Warn",)):
        made.client.create(manifest)
    head = "Validation failed for ValidatingAdmissionPolicy 'no-latest' with binding 'no-latest'"
    assert warned(made, latest()) == [f"{head}: image tag latest is not allowed in web"]


@pytest.mark.parametrize(("failure_policy", "refused"), [("Fail", True), ("Ignore", False)])
def test_an_expression_in_error_follows_the_failure_policy(failure_policy, refused):
    made = world()
    for manifest in policy({"expression": "object.spec.nothing.there"}, failurePolicy=failure_policy):
        made.client.create(manifest)
    if refused:
        assert "resulted in error: no such member in mapping: 'nothing'" in made.refusal(latest()).message
    else:
        made.create(latest())


def test_match_conditions_and_variables_narrow_a_policy():
    made = world()
    conditions = [{"name": "named", "expression": "object.metadata.name == 'other'"}]
    variables = [{"name": "images", "expression": "object.spec.template.spec.containers.map(c, c.image)"}]
    validation = {"expression": "variables.images.join(',') != 'shop/web:latest'", "message": "no"}
    for manifest in policy(validation, variables=variables, matchConditions=conditions):
        made.client.create(manifest)
    made.create(latest())
    refusal = made.refusal({**latest(), "metadata": {"name": "other"}})
    assert refusal.message.endswith(f"{DENIED}no")


def test_a_policy_fences_a_stale_writer_with_old_and_new_object():
    made = world()
    key = "'slipway.dev/sequence'"
    number = f"int({{}}.metadata.annotations[{key}])"
    fence = {
        "expression": f"{number.format('object')} >= {number.format('oldObject')}",
        "message": "a newer rollout has written here",
        "reason": "Forbidden",
    }
    conditions = [{"name": "sequenced", "expression": f"oldObject != null && {key} in oldObject.metadata.annotations"}]
    for manifest in policy(fence, matchConditions=conditions):
        made.client.create(manifest)
    sequenced = workload()
    sequenced["metadata"] = {"name": "web", "annotations": {"slipway.dev/sequence": "5"}}
    found = made.create(sequenced)
    stale = {**found, "metadata": {**found["metadata"], "annotations": {"slipway.dev/sequence": "4"}}}
    with pytest.raises(Exception, match="a newer rollout has written here"):
        made.client.update(stale)


# -- webhooks ----------------------------------------------------------------------------------------------------------


def webhook(failure_policy: str, kind: str = "ValidatingWebhookConfiguration") -> dict:
    rules = [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}]
    one = {
        "name": "wh.facts.example.com",
        "clientConfig": {"url": "https://127.0.0.1:1/x"},
        "timeoutSeconds": 2,
        "rules": rules,
        "failurePolicy": failure_policy,
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    return {"apiVersion": ADMISSION, "kind": kind, "metadata": {"name": "w"}, "webhooks": [one]}


@pytest.mark.parametrize("kind", ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"])
def test_a_webhook_that_cannot_be_reached_fails_the_write_or_is_ignored(kind):
    made = world()
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}
    made.client.create(webhook("Fail", kind))
    refusal = made.refusal(settings)
    words = (
        'failed calling webhook "wh.facts.example.com": failed to call webhook: Post '
        '"https://127.0.0.1:1/x?timeout=2s": dial tcp 127.0.0.1:1: connect: connection refused'
    )
    assert (refusal.code, refusal.reason) == (500, "InternalError")
    assert refusal.message == f"Internal error occurred: {words}"
    assert refusal.details == {"causes": [{"message": words}]}
    Client(made.api).change(
        made._key(kind, "w")._replace(group="admissionregistration.k8s.io", namespace=""),
        lambda found: found["webhooks"][0].update(failurePolicy="Ignore"),
    )
    made.create(settings)


# -- namespaces --------------------------------------------------------------------------------------------------------


def test_nothing_new_comes_into_a_terminating_namespace():
    made = world()
    held = {"name": "held", "finalizers": ["facts.example.com/hold"]}
    made.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": held})
    made.delete("Namespace", "d")
    refusal = made.after(1).refusal({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "late"}})
    assert (refusal.code, refusal.details["causes"][0]["reason"]) == (403, "NamespaceTerminating")
    conditions = {item["type"]: item["message"] for item in made.after(6).status("Namespace", "d")["conditions"]}
    assert conditions["NamespaceContentRemaining"] == (
        "Some resources are remaining: configmaps. has 1 resource instances"
    )
    assert conditions["NamespaceFinalizersRemaining"] == (
        "Some content in the namespace has finalizers remaining: facts.example.com/hold in 1 resource instances"
    )
    held_key = made._key("ConfigMap", "held")
    made.client.change(held_key, lambda found: found["metadata"].pop("finalizers"))
    made.after(1)
    assert made.find("Namespace", "d") is None
