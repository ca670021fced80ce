"""What the portal knows of kinds: which a bundle may have, which belong to no namespace, which run pods."""

from fnmatch import fnmatchcase

from .node import Place

# Left out on purpose: bare Pods and ReplicaSets (nothing rolls them), ResourceQuota and LimitRange (an environment's
# budget is not a release's to change), what reaches beyond a namespace. An environment may add them by name.
DEFAULT_KINDS = (
    "ConfigMap",
    "PersistentVolumeClaim",
    "Secret",
    "Service",
    "ServiceAccount",
    "DaemonSet.apps",
    "Deployment.apps",
    "StatefulSet.apps",
    "CronJob.batch",
    "Job.batch",
    "HorizontalPodAutoscaler.autoscaling",
    "PodDisruptionBudget.policy",
    "Ingress.networking.k8s.io",
    "NetworkPolicy.networking.k8s.io",
    "Role.rbac.authorization.k8s.io",
    "RoleBinding.rbac.authorization.k8s.io",
    "GRPCRoute.gateway.networking.k8s.io",
    "HTTPRoute.gateway.networking.k8s.io",
    "DestinationRule.networking.istio.io",
    "ServiceEntry.networking.istio.io",
    "Sidecar.networking.istio.io",
    "VirtualService.networking.istio.io",
    "AuthorizationPolicy.security.istio.io",
    "PeerAuthentication.security.istio.io",
    "RequestAuthentication.security.istio.io",
    "Telemetry.telemetry.istio.io",
    "VerticalPodAutoscaler.autoscaling.k8s.io",
    "ScaledObject.keda.sh",
    "TriggerAuthentication.keda.sh",
    "PodMonitor.monitoring.coreos.com",
    "PrometheusRule.monitoring.coreos.com",
    "ServiceMonitor.monitoring.coreos.com",
    "Certificate.cert-manager.io",
    "Issuer.cert-manager.io",
    "ExternalSecret.external-secrets.io",
    "SecretProviderClass.secrets-store.csi.x-k8s.io",
    "Canary.flagger.app",
)

CLUSTER_KINDS = frozenset(
    {
        "Namespace",
        "Node",
        "PersistentVolume",
        "APIService.apiregistration.k8s.io",
        "CustomResourceDefinition.apiextensions.k8s.io",
        "MutatingAdmissionPolicy.admissionregistration.k8s.io",
        "MutatingAdmissionPolicyBinding.admissionregistration.k8s.io",
        "MutatingWebhookConfiguration.admissionregistration.k8s.io",
        "ValidatingAdmissionPolicy.admissionregistration.k8s.io",
        "ValidatingAdmissionPolicyBinding.admissionregistration.k8s.io",
        "ValidatingWebhookConfiguration.admissionregistration.k8s.io",
        "ClusterRole.rbac.authorization.k8s.io",
        "ClusterRoleBinding.rbac.authorization.k8s.io",
        "FlowSchema.flowcontrol.apiserver.k8s.io",
        "PriorityLevelConfiguration.flowcontrol.apiserver.k8s.io",
        "IngressClass.networking.k8s.io",
        "RuntimeClass.node.k8s.io",
        "PriorityClass.scheduling.k8s.io",
        "CSIDriver.storage.k8s.io",
        "StorageClass.storage.k8s.io",
        "VolumeSnapshotClass.snapshot.storage.k8s.io",
        "GatewayClass.gateway.networking.k8s.io",
        "ClusterIssuer.cert-manager.io",
        "ClusterSecretStore.external-secrets.io",
        "ClusterTriggerAuthentication.keda.sh",
    }
)

# Custom resources that the portal reads itself: a null in them is a field that is left out.
GROUPS_READ = frozenset(
    {
        "networking.istio.io",
        "security.istio.io",
        "telemetry.istio.io",
        "gateway.networking.k8s.io",
        "autoscaling.k8s.io",
        "keda.sh",
        "flagger.app",
    }
)

# Never a bundle's own kind, whatever definition it brings: these reach beyond a namespace though they are in one.
FAR_REACHING = frozenset(
    {
        "EnvoyFilter.networking.istio.io",
        "Gateway.networking.istio.io",
        "Gateway.gateway.networking.k8s.io",
    }
)

WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"})

# A Job runs once and cannot change its template; a CronJob's next pod reads the new configuration anyway.
RESTARTED = frozenset({"Deployment", "StatefulSet", "DaemonSet"})

_TEMPLATE: Place = ("spec", "template")
TEMPLATES: dict[str, Place] = {
    "Deployment.apps": _TEMPLATE,
    "StatefulSet.apps": _TEMPLATE,
    "DaemonSet.apps": _TEMPLATE,
    "ReplicaSet.apps": _TEMPLATE,
    "Job.batch": _TEMPLATE,
    "CronJob.batch": ("spec", "jobTemplate", *("spec", "template")),
    "Pod": (),
}


def kind_id(api_version: str, kind: str) -> str:
    """A kind as kubectl writes it: "Deployment.apps", "ConfigMap"."""
    group = api_version.rpartition("/")[0]
    return f"{kind}.{group}" if group else kind


def allowed(kind: str, kinds: tuple[str, ...] | None) -> bool:
    """Whether "Deployment.apps" is among `kinds` (None: the usual).

    These name kinds with or without their group, * stands for any characters: "Certificate.cert-manager.io",
    "Namespace", "*.monitoring.coreos.com".
    """
    if kinds is None:
        return kind in DEFAULT_KINDS
    short = kind.partition(".")[0]
    return any(short == pattern or fnmatchcase(kind, pattern) for pattern in kinds)
