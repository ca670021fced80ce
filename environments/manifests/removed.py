"""Which versions of kinds Kubernetes and well-known projects have removed, and where the kinds are now. Pure.

Of the deprecated API migration guide of Kubernetes; what no table knows the cluster itself is asked for.
"""

from typing import NamedTuple


class Removal(NamedTuple):
    """`now` is the version that has the kind, "" for none; `since` is the release that removed it; `advice` what is
    otherwise there."""

    now: str
    since: str = ""
    advice: str = ""


INGRESS = "serviceName and servicePort are service.name and service.port there, and each path needs a pathType"
DEFINITION = "each version has its own schema.openAPIV3Schema there"
WEBHOOK = "sideEffects and admissionReviewVersions are needed there"
METRICS = (
    "targets of metrics are written otherwise there, see kubectl explain hpa.spec.metrics --api-version autoscaling/v2"
)
POD_SECURITY = "label namespaces for Pod Security admission instead (pod-security.kubernetes.io/enforce)"

# Old versions, their kinds, and what became of these.
_TABLE: tuple[tuple[tuple[str, ...], tuple[str, ...], Removal], ...] = (
    (
        ("extensions/v1beta1", "apps/v1beta1", "apps/v1beta2"),
        ("Deployment", "DaemonSet", "ReplicaSet", "StatefulSet"),
        Removal("apps/v1", "1.16", "a selector is needed there"),
    ),
    (("apps/v1beta1", "apps/v1beta2"), ("ControllerRevision",), Removal("apps/v1", "1.16")),
    (("extensions/v1beta1",), ("NetworkPolicy",), Removal("networking.k8s.io/v1", "1.16")),
    (
        ("extensions/v1beta1", "networking.k8s.io/v1beta1"),
        ("Ingress",),
        Removal("networking.k8s.io/v1", "1.22", INGRESS),
    ),
    (("networking.k8s.io/v1beta1",), ("IngressClass",), Removal("networking.k8s.io/v1", "1.22")),
    (
        ("extensions/v1beta1", "policy/v1beta1"),
        ("PodSecurityPolicy",),
        Removal("", "1.25", POD_SECURITY),
    ),
    (("policy/v1beta1",), ("PodDisruptionBudget",), Removal("policy/v1", "1.25")),
    (("batch/v1beta1", "batch/v2alpha1"), ("CronJob",), Removal("batch/v1", "1.25")),
    (
        ("autoscaling/v2beta1", "autoscaling/v2beta2"),
        ("HorizontalPodAutoscaler",),
        Removal("autoscaling/v2", "1.26", METRICS),
    ),
    (
        ("rbac.authorization.k8s.io/v1alpha1", "rbac.authorization.k8s.io/v1beta1"),
        ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"),
        Removal("rbac.authorization.k8s.io/v1", "1.22"),
    ),
    (
        ("apiextensions.k8s.io/v1beta1",),
        ("CustomResourceDefinition",),
        Removal("apiextensions.k8s.io/v1", "1.22", DEFINITION),
    ),
    (
        ("admissionregistration.k8s.io/v1beta1",),
        ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"),
        Removal("admissionregistration.k8s.io/v1", "1.22", WEBHOOK),
    ),
    (
        ("admissionregistration.k8s.io/v1alpha1", "admissionregistration.k8s.io/v1beta1"),
        ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"),
        Removal("admissionregistration.k8s.io/v1", "1.30"),
    ),
    (("apiregistration.k8s.io/v1beta1",), ("APIService",), Removal("apiregistration.k8s.io/v1", "1.22")),
    (
        ("certificates.k8s.io/v1beta1",),
        ("CertificateSigningRequest",),
        Removal("certificates.k8s.io/v1", "1.22"),
    ),
    (("coordination.k8s.io/v1beta1",), ("Lease",), Removal("coordination.k8s.io/v1", "1.22")),
    (
        ("scheduling.k8s.io/v1alpha1", "scheduling.k8s.io/v1beta1"),
        ("PriorityClass",),
        Removal("scheduling.k8s.io/v1", "1.22"),
    ),
    (
        ("storage.k8s.io/v1beta1", "storage.k8s.io/v1alpha1"),
        ("StorageClass", "CSIDriver", "CSINode", "VolumeAttachment", "CSIStorageCapacity"),
        Removal("storage.k8s.io/v1", "1.27"),
    ),
    (("discovery.k8s.io/v1beta1",), ("EndpointSlice",), Removal("discovery.k8s.io/v1", "1.25")),
    (("events.k8s.io/v1beta1",), ("Event",), Removal("events.k8s.io/v1", "1.25")),
    (("node.k8s.io/v1alpha1", "node.k8s.io/v1beta1"), ("RuntimeClass",), Removal("node.k8s.io/v1", "1.25")),
    (
        tuple(f"flowcontrol.apiserver.k8s.io/v1{stage}" for stage in ("alpha1", "beta1", "beta2", "beta3")),
        ("FlowSchema", "PriorityLevelConfiguration"),
        Removal("flowcontrol.apiserver.k8s.io/v1", "1.32"),
    ),
    (("certmanager.k8s.io/v1alpha1",), ("Certificate", "Issuer", "ClusterIssuer"), Removal("cert-manager.io/v1")),
    (
        tuple(f"cert-manager.io/{version}" for version in ("v1alpha2", "v1alpha3", "v1beta1")),
        ("Certificate", "CertificateRequest", "Issuer", "ClusterIssuer"),
        Removal("cert-manager.io/v1"),
    ),
    (
        ("traefik.containo.us/v1alpha1",),
        ("IngressRoute", "IngressRouteTCP", "IngressRouteUDP", "Middleware", "MiddlewareTCP", "TLSOption", "TLSStore"),
        Removal("traefik.io/v1alpha1"),
    ),
    (("keda.k8s.io/v1alpha1",), ("ScaledObject", "ScaledJob", "TriggerAuthentication"), Removal("keda.sh/v1alpha1")),
    (
        ("rbac.istio.io/v1alpha1",),
        ("ServiceRole", "ServiceRoleBinding", "ClusterRbacConfig", "RbacConfig"),
        Removal("", "", "write an AuthorizationPolicy of security.istio.io/v1 instead"),
    ),
    (
        ("authentication.istio.io/v1alpha1",),
        ("Policy", "MeshPolicy"),
        Removal("", "", "write a PeerAuthentication or RequestAuthentication of security.istio.io/v1 instead"),
    ),
)
REMOVED = {(version, kind): removal for versions, kinds, removal in _TABLE for version in versions for kind in kinds}


def removed_words(api_version: str, kind: str) -> str:
    """What became of a kind in a version that is gone, as a person reads it; "" where no table has it."""
    removal = REMOVED.get((api_version, kind))
    if removal is None:
        return ""
    since = f" since Kubernetes {removal.since}" if removal.since else ""
    if not removal.now:
        return f"{api_version} has no {kind}{since}, and nothing else has: {removal.advice}"
    advice = f"; {removal.advice}" if removal.advice else ""
    words = f"{api_version} has no {kind}; it is in {removal.now}"
    return f"{words}{since and f' (Kubernetes {removal.since} removed the old one)'}{advice}"
