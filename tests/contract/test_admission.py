"""What admission says, and to whom: kubernetes-verified, section 9."""

import pytest

from environments.kube.api.errors import Forbidden, KubeError, WebhookDown
from environments.kube.apply.diff import preview, preview_pod_template
from environments.kube.objects import Ref
from tests.contract.objects import Manifest, config_map, deployment, quota, service
from tests.contract.space import MERGE, Space

ADMISSION = "admissionregistration.k8s.io/v1"


def in_force(space: Space, dry: Manifest) -> KubeError:
    """The refusal of a dry run, once the rule that was made a moment ago is in force."""

    def refusal() -> KubeError | None:
        try:
            space.apply(dry, dry_run=True)
        except KubeError as error:
            return error
        return None

    return space.until(refusal)


def asking(manifest: Manifest, **resources: dict[str, str]) -> Manifest:
    """The Deployment with resources for its container."""
    manifest["spec"]["template"]["spec"]["containers"][0]["resources"] = resources
    return manifest


def set_up_quota(space: Space, **hard: str) -> None:
    space.apply(quota(**hard))
    ref = space.ref("ResourceQuota", "q", "v1")
    space.until(lambda: space.found(ref).get("status", {}).get("hard"))


def limit_range(maximum: str) -> Manifest:
    limit = {"type": "Container", "max": {"memory": maximum}, "default": {"memory": "256Mi"}}
    spec = {"limits": [{**limit, "defaultRequest": {"memory": "128Mi"}}]}
    return {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "l"}, "spec": spec}


def pod_security(space: Space, mode: str) -> None:
    labels = {f"pod-security.kubernetes.io/{mode}": "restricted"}
    namespace = Ref("v1", "Namespace", "", space.name)
    space.done(space.patch(namespace, {"metadata": {"labels": labels}}, "admin", form=MERGE))


def test_a_quota_on_the_object_speaks_in_the_dry_run(space: Space) -> None:
    set_up_quota(space, **{"count/configmaps": "1"})
    refused = in_force(space, config_map())
    assert isinstance(refused, Forbidden)
    assert (refused.status, refused.reason) == (403, "Forbidden")
    assert "exceeded quota: q, requested: count/configmaps=1" in refused.words


def test_a_workload_over_the_quota_of_pods_passes_and_fails_later(space: Space) -> None:
    set_up_quota(space, pods="0")
    space.apply(deployment(replicas=1), dry_run=True)
    space.apply(deployment(replicas=1))

    def failure() -> Manifest | None:
        conditions = space.found().get("status", {}).get("conditions", [])
        return next((each for each in conditions if each["type"] == "ReplicaFailure"), None)

    condition = space.until(failure)
    assert (condition["status"], condition["reason"]) == ("True", "FailedCreate")
    assert "exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0" in condition["message"]


def test_a_workload_over_a_limit_passes_and_its_bare_pod_does_not(space: Space) -> None:
    space.apply(limit_range("1Gi"))
    manifest = space.here(asking(deployment(), limits={"memory": "2Gi"}))
    space.apply(manifest, dry_run=True)
    with pytest.raises(Forbidden) as raised:
        space.until(lambda: preview_pod_template(space.gateway, manifest))
    assert "maximum memory usage per Container is 1Gi, but limit is 2Gi" in raised.value.words


def test_a_bare_pod_tells_of_a_quota(space: Space) -> None:
    set_up_quota(space, **{"requests.cpu": "1"})
    manifest = space.here(asking(deployment(), requests={"cpu": "2"}))
    with pytest.raises(Forbidden) as raised:
        preview_pod_template(space.gateway, manifest)
    assert "exceeded quota: q, requested: requests.cpu=2, used: requests.cpu=0" in raised.value.words


def test_a_bare_pod_tells_of_pod_security(space: Space) -> None:
    pod_security(space, "enforce")
    with pytest.raises(Forbidden) as raised:
        space.until(lambda: preview_pod_template(space.gateway, space.here(deployment())))
    assert 'violates PodSecurity "restricted:latest"' in raised.value.words
    assert "allowPrivilegeEscalation != false" in raised.value.words


def test_a_bare_pod_shows_the_requests_and_limits_that_it_would_get(space: Space) -> None:
    space.apply(limit_range("1Gi"))
    template = deployment()["spec"]["template"]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": template["spec"]}

    def resources() -> Manifest:
        applied = space.gateway.create(space.here(pod), dry_run=True)
        return applied.object["spec"]["containers"][0].get("resources")

    assert space.until(resources) == {"limits": {"memory": "256Mi"}, "requests": {"memory": "128Mi"}}


def test_pod_security_warns_in_the_header_only(space: Space) -> None:
    pod_security(space, "warn")
    warnings = space.until(lambda: space.apply(deployment(), dry_run=True).warnings)
    assert warnings[0].startswith('would violate PodSecurity "restricted:latest": allowPrivilegeEscalation != false')
    assert preview(space.gateway, space.here(deployment())).warnings == warnings


def policy(space: Space, action: str) -> None:
    """No image tag latest in this namespace."""
    name = f"no-latest-{space.name}"
    rule = {"apiGroups": ["apps"], "apiVersions": ["v1"], "resources": ["deployments"]}
    image = "object.spec.template.spec.containers.all(c, !c.image.endsWith(':latest'))"
    spec = {
        "matchConstraints": {"resourceRules": [{**rule, "operations": ["CREATE", "UPDATE"]}]},
        "validations": [{"expression": image, "message": "image tag latest is not allowed"}],
    }
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": space.name}}}
    binding = {"policyName": name, "validationActions": [action], "matchResources": here}
    install(space, "ValidatingAdmissionPolicy", name, {"spec": spec})
    install(space, "ValidatingAdmissionPolicyBinding", name, {"spec": binding})


def install(space: Space, kind: str, name: str, content: Manifest) -> None:
    manifest = {"apiVersion": ADMISSION, "kind": kind, "metadata": {"name": name}, **content}
    space.gateway.apply(manifest, manager="admin")
    space.afterwards_delete(Ref(ADMISSION, kind, "", name))


def test_a_policy_denies_the_dry_run(space: Space) -> None:
    policy(space, "Deny")
    refused = in_force(space, deployment(image="example.test/web:latest"))
    name = f"no-latest-{space.name}"
    words = f"ValidatingAdmissionPolicy '{name}' with binding '{name}' denied request: image tag latest is not allowed"
    assert isinstance(refused, Forbidden)
    assert (refused.status, refused.reason) == (422, "Invalid")
    assert words in refused.words
    assert words in refused.causes[0].message
    space.apply(deployment(), dry_run=True)


def test_a_policy_that_warns_does_so_in_the_header(space: Space) -> None:
    policy(space, "Warn")
    latest = deployment(image="example.test/web:latest")
    warnings = space.until(lambda: space.apply(latest, dry_run=True).warnings)
    name = f"no-latest-{space.name}"
    said = f"Validation failed for ValidatingAdmissionPolicy '{name}' with binding '{name}'"
    assert warnings == (f"{said}: image tag latest is not allowed",)


def webhooks(space: Space, **policies: str) -> None:
    """Ones that nobody answers, for kinds of this namespace."""
    hooks = [
        {
            "name": f"{resource}.example.test",
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "clientConfig": {"url": "https://127.0.0.1:1/x"},
            "failurePolicy": policy,
            "timeoutSeconds": 2,
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": [resource]}],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": space.name}},
        }
        for resource, policy in policies.items()
    ]
    install(space, "ValidatingWebhookConfiguration", f"down-{space.name}", {"webhooks": hooks})


def test_a_webhook_that_is_down_is_told_apart_from_a_server_that_is(space: Space) -> None:
    webhooks(space, services="Fail", configmaps="Ignore")
    refused = in_force(space, service())
    assert isinstance(refused, WebhookDown)
    assert (refused.status, refused.reason) == (500, "InternalError")
    assert 'failed calling webhook "services.example.test"' in refused.words
    assert space.gateway.breaker.state == "closed"
    assert space.apply(config_map()).created
