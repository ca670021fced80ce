"""What admission says, and to whom: kubernetes-verified, section 9."""

import pytest

from environments.kube.api.errors import Forbidden, KubeError, Rejected, WebhookDown
from environments.kube.apply.diff import preview, preview_pod_template
from environments.kube.objects import Ref
from tests.contract.namespace import MERGE, ContractNamespace
from tests.contract.objects import Manifest, config_map, deployment, quota, service, statefulset

ADMISSION = "admissionregistration.k8s.io/v1"


def in_force(ns: ContractNamespace, dry: Manifest) -> KubeError:
    """The refusal of a dry run, once the rule that was made a moment ago is in force."""

    def refusal() -> KubeError | None:
        try:
            ns.apply(dry, dry_run=True)
        except KubeError as error:
            return error
        return None

    return ns.until(refusal)


def asking(manifest: Manifest, **resources: dict[str, str]) -> Manifest:
    """The Deployment with resources for its container."""
    manifest["spec"]["template"]["spec"]["containers"][0]["resources"] = resources
    return manifest


def set_up_quota(ns: ContractNamespace, **hard: str) -> None:
    ns.apply(quota(**hard))
    ref = ns.ref("ResourceQuota", "q", "v1")
    ns.until(lambda: ns.found(ref).get("status", {}).get("hard"))


def limit_range(maximum: str) -> Manifest:
    limit = {"type": "Container", "max": {"memory": maximum}, "default": {"memory": "256Mi"}}
    spec = {"limits": [{**limit, "defaultRequest": {"memory": "128Mi"}}]}
    return {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "l"}, "spec": spec}


def pod_security(ns: ContractNamespace, mode: str) -> None:
    labels = {f"pod-security.kubernetes.io/{mode}": "restricted"}
    namespace = Ref("v1", "Namespace", "", ns.name)
    ns.done(ns.patch(namespace, {"metadata": {"labels": labels}}, "admin", form=MERGE))


def test_a_quota_on_the_object_speaks_in_the_dry_run(ns: ContractNamespace) -> None:
    set_up_quota(ns, **{"count/configmaps": "1"})
    refused = in_force(ns, config_map())
    assert isinstance(refused, Forbidden)
    assert (refused.status, refused.reason) == (403, "Forbidden")
    assert "exceeded quota: q, requested: count/configmaps=1" in refused.words


def test_a_workload_over_the_quota_of_pods_passes_and_fails_later(ns: ContractNamespace) -> None:
    set_up_quota(ns, pods="0")
    ns.apply(deployment(replicas=1), dry_run=True)
    ns.apply(deployment(replicas=1))

    def failure() -> Manifest | None:
        conditions = ns.found().get("status", {}).get("conditions", [])
        return next((each for each in conditions if each["type"] == "ReplicaFailure"), None)

    condition = ns.until(failure)
    assert (condition["status"], condition["reason"]) == ("True", "FailedCreate")
    assert "exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0" in condition["message"]


def test_a_workload_over_a_limit_passes_and_its_bare_pod_does_not(ns: ContractNamespace) -> None:
    ns.apply(limit_range("1Gi"))
    manifest = ns.here(asking(deployment(), limits={"memory": "2Gi"}))
    ns.apply(manifest, dry_run=True)
    with pytest.raises(Forbidden) as raised:
        ns.until(lambda: preview_pod_template(ns.gateway, manifest))
    assert "maximum memory usage per Container is 1Gi, but limit is 2Gi" in raised.value.words


def test_a_bare_pod_tells_of_a_quota(ns: ContractNamespace) -> None:
    set_up_quota(ns, **{"requests.cpu": "1"})
    manifest = ns.here(asking(deployment(), requests={"cpu": "2"}))
    with pytest.raises(Forbidden) as raised:
        preview_pod_template(ns.gateway, manifest)
    assert "exceeded quota: q, requested: requests.cpu=2, used: requests.cpu=0" in raised.value.words


def claiming() -> Manifest:
    """A StatefulSet whose container mounts its claim."""
    manifest = statefulset("db")
    manifest["spec"]["template"]["spec"]["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    claims = [{"metadata": {"name": "data"}, "spec": spec}]
    return {**manifest, "spec": {**manifest["spec"], "volumeClaimTemplates": claims}}


def test_a_bare_pod_of_a_stateful_set_has_a_volume_for_each_of_its_claims(ns: ContractNamespace) -> None:
    manifest = ns.here(claiming())
    ns.apply(manifest, dry_run=True)
    assert preview_pod_template(ns.gateway, manifest) == ()


def test_a_mount_without_a_volume_is_refused_of_a_pod(ns: ContractNamespace) -> None:
    manifest = ns.here(claiming())
    del manifest["spec"]["volumeClaimTemplates"]
    with pytest.raises(Rejected, match=r'volumeMounts\[0\]\.name: Not found: "?data'):
        preview_pod_template(ns.gateway, manifest)


def test_a_priority_class_that_is_not_there_refuses_the_pod(ns: ContractNamespace) -> None:
    manifest = ns.here(deployment())
    manifest["spec"]["template"]["spec"]["priorityClassName"] = "nowhere"
    with pytest.raises(Forbidden, match="no PriorityClass with name nowhere was found"):
        preview_pod_template(ns.gateway, manifest)


@pytest.mark.parametrize(
    ("api_version", "field"),
    [("scheduling.k8s.io/v1", "priorityClassName"), ("node.k8s.io/v1", "runtimeClassName")],
)
def test_a_class_that_the_release_brings_counts_as_there(ns: ContractNamespace, api_version: str, field: str) -> None:
    manifest = ns.here(deployment())
    manifest["spec"]["template"]["spec"][field] = "of-the-bundle"
    kind = {"priorityClassName": "PriorityClass", "runtimeClassName": "RuntimeClass"}[field]
    brought = [Ref(api_version, kind, "", "of-the-bundle")]
    assert preview_pod_template(ns.gateway, manifest, brought=brought) == ()


def test_a_bare_pod_tells_of_pod_security(ns: ContractNamespace) -> None:
    pod_security(ns, "enforce")
    with pytest.raises(Forbidden) as raised:
        ns.until(lambda: preview_pod_template(ns.gateway, ns.here(deployment())))
    assert 'violates PodSecurity "restricted:latest"' in raised.value.words
    assert "allowPrivilegeEscalation != false" in raised.value.words


def test_a_bare_pod_shows_the_requests_and_limits_that_it_would_get(ns: ContractNamespace) -> None:
    ns.apply(limit_range("1Gi"))
    template = deployment()["spec"]["template"]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": template["spec"]}

    def resources() -> Manifest:
        applied = ns.gateway.create(ns.here(pod), dry_run=True)
        return applied.object["spec"]["containers"][0].get("resources")

    assert ns.until(resources) == {"limits": {"memory": "256Mi"}, "requests": {"memory": "128Mi"}}


def test_pod_security_warns_in_the_header_only(ns: ContractNamespace) -> None:
    pod_security(ns, "warn")
    warnings = ns.until(lambda: ns.apply(deployment(), dry_run=True).warnings)
    assert warnings[0].startswith('would violate PodSecurity "restricted:latest": allowPrivilegeEscalation != false')
    assert preview(ns.gateway, ns.here(deployment())).warnings == warnings


def policy(ns: ContractNamespace, action: str) -> None:
    """No image tag latest in this namespace."""
    name = f"no-latest-{ns.name}"
    rule = {"apiGroups": ["apps"], "apiVersions": ["v1"], "resources": ["deployments"]}
    image = "object.spec.template.spec.containers.all(c, !c.image.endsWith(':latest'))"
    spec = {
        "matchConstraints": {"resourceRules": [{**rule, "operations": ["CREATE", "UPDATE"]}]},
        "validations": [{"expression": image, "message": "image tag latest is not allowed"}],
    }
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": ns.name}}}
    binding = {"policyName": name, "validationActions": [action], "matchResources": here}
    install(ns, "ValidatingAdmissionPolicy", name, {"spec": spec})
    install(ns, "ValidatingAdmissionPolicyBinding", name, {"spec": binding})


def install(ns: ContractNamespace, kind: str, name: str, content: Manifest) -> None:
    manifest = {"apiVersion": ADMISSION, "kind": kind, "metadata": {"name": name}, **content}
    ns.gateway.apply(manifest, manager="admin")
    ns.afterwards_delete(Ref(ADMISSION, kind, "", name))


def test_a_policy_denies_the_dry_run(ns: ContractNamespace) -> None:
    policy(ns, "Deny")
    refused = in_force(ns, deployment(image="example.test/web:latest"))
    name = f"no-latest-{ns.name}"
    words = f"ValidatingAdmissionPolicy '{name}' with binding '{name}' denied request: image tag latest is not allowed"
    assert isinstance(refused, Forbidden)
    assert (refused.status, refused.reason) == (422, "Invalid")
    assert words in refused.words
    assert words in refused.causes[0].message
    ns.apply(deployment(), dry_run=True)


def test_a_policy_that_warns_does_so_in_the_header(ns: ContractNamespace) -> None:
    policy(ns, "Warn")
    latest = deployment(image="example.test/web:latest")
    warnings = ns.until(lambda: ns.apply(latest, dry_run=True).warnings)
    name = f"no-latest-{ns.name}"
    said = f"Validation failed for ValidatingAdmissionPolicy '{name}' with binding '{name}'"
    assert warnings == (f"{said}: image tag latest is not allowed",)


def webhooks(ns: ContractNamespace, **policies: str) -> None:
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
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": ns.name}},
        }
        for resource, policy in policies.items()
    ]
    install(ns, "ValidatingWebhookConfiguration", f"down-{ns.name}", {"webhooks": hooks})


def test_a_webhook_that_is_down_is_told_apart_from_a_server_that_is(ns: ContractNamespace) -> None:
    webhooks(ns, services="Fail", configmaps="Ignore")
    refused = in_force(ns, service())
    assert isinstance(refused, WebhookDown)
    assert (refused.status, refused.reason) == (500, "InternalError")
    assert 'failed calling webhook "services.example.test"' in refused.words
    assert ns.gateway.breaker.state == "closed"
    assert ns.apply(config_map()).created
