"""Which kinds the API serves, built in and registered by CustomResourceDefinitions."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kube_schema import SchemaNode

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True)
class ApiResource:
    """One kind. `version` is the one that is stored, `served` has all, the preferred one first.

    `scale` are the paths of replicas, ready replicas and selector where the kind has a scale subresource;
    `generation` tells whether metadata.generation counts changes of the specification; `definition` is the version
    of the CustomResourceDefinition that the kind comes from, None where it is built in.
    """

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool = True
    short: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    status: bool = False
    scale: tuple[str, str, str] | None = None
    served: tuple[str, ...] = ()
    generation: bool = False
    verbs: tuple[str, ...] = VERBS
    singular: str = ""
    list_kind: str = ""
    definition: Mapping[str, Any] | None = field(default=None, compare=False, hash=False)
    schema: SchemaNode | None = field(default=None, compare=False, hash=False)

    @property
    def api_version(self) -> str:
        return api_version(self.group, self.version)

    @property
    def versions(self) -> tuple[str, ...]:
        return self.served or (self.version,)

    def at(self, version: str) -> "ApiResource":
        """The same kind as another of its versions names it."""
        return self if version == self.version else replace(self, version=version, served=self.versions)


def api_version(group: str, version: str) -> str:
    return f"{group}/{version}" if group else version


_SCALE = ("spec.replicas", "status.replicas", "spec.selector")
_ALL = ("all",)
_REVIEW: dict[str, Any] = {"verbs": ("create",)}

_BUILT_IN = [
    ApiResource("", "v1", "Namespace", "namespaces", False, ("ns",), status=True),
    ApiResource("", "v1", "Node", "nodes", False, ("no",), status=True),
    ApiResource("", "v1", "PersistentVolume", "persistentvolumes", False, ("pv",), status=True),
    ApiResource("", "v1", "ConfigMap", "configmaps", True, ("cm",)),
    ApiResource("", "v1", "Secret", "secrets"),
    ApiResource("", "v1", "Service", "services", True, ("svc",), _ALL, status=True),
    ApiResource("", "v1", "Endpoints", "endpoints", True, ("ep",)),
    ApiResource("", "v1", "Pod", "pods", True, ("po",), _ALL, status=True, generation=True),
    ApiResource("", "v1", "PodTemplate", "podtemplates"),
    ApiResource("", "v1", "ReplicationController", "replicationcontrollers", True, ("rc",), _ALL, True, _SCALE),
    ApiResource("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", True, ("pvc",), status=True),
    ApiResource("", "v1", "ServiceAccount", "serviceaccounts", True, ("sa",)),
    ApiResource("", "v1", "ResourceQuota", "resourcequotas", True, ("quota",), status=True),
    ApiResource("", "v1", "LimitRange", "limitranges", True, ("limits",)),
    ApiResource("", "v1", "Event", "events", True, ("ev",)),
    ApiResource("apps", "v1", "Deployment", "deployments", True, ("deploy",), _ALL, True, _SCALE, generation=True),
    ApiResource("apps", "v1", "ReplicaSet", "replicasets", True, ("rs",), _ALL, True, _SCALE, generation=True),
    ApiResource("apps", "v1", "StatefulSet", "statefulsets", True, ("sts",), _ALL, True, _SCALE, generation=True),
    ApiResource("apps", "v1", "DaemonSet", "daemonsets", True, ("ds",), _ALL, True, generation=True),
    ApiResource("apps", "v1", "ControllerRevision", "controllerrevisions"),
    ApiResource("batch", "v1", "Job", "jobs", True, (), _ALL, True, generation=True),
    ApiResource("batch", "v1", "CronJob", "cronjobs", True, ("cj",), _ALL, True, generation=True),
    ApiResource(
        "autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", True, ("hpa",), _ALL, True,
        served=("v2", "v1"),
    ),
    ApiResource("networking.k8s.io", "v1", "Ingress", "ingresses", True, ("ing",), status=True, generation=True),
    ApiResource("networking.k8s.io", "v1", "IngressClass", "ingressclasses", False, generation=True),
    ApiResource("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", True, ("netpol",), generation=True),
    ApiResource(
        "policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", True, ("pdb",), status=True, generation=True
    ),
    ApiResource("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", generation=True),
    ApiResource("rbac.authorization.k8s.io", "v1", "Role", "roles"),
    ApiResource("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings"),
    ApiResource("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", False),
    ApiResource("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", False),
    ApiResource("coordination.k8s.io", "v1", "Lease", "leases"),
    ApiResource("storage.k8s.io", "v1", "StorageClass", "storageclasses", False, ("sc",)),
    ApiResource("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", False, ("pc",), generation=True),
    ApiResource(
        "apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", False, ("crd", "crds"),
        ("api-extensions",), status=True, generation=True,
    ),
    ApiResource(
        "admissionregistration.k8s.io", "v1", "ValidatingAdmissionPolicy", "validatingadmissionpolicies", False, (),
        ("api-extensions",), status=True, generation=True,
    ),
    ApiResource(
        "admissionregistration.k8s.io", "v1", "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings",
        False, (), ("api-extensions",), generation=True,
    ),
    ApiResource(
        "admissionregistration.k8s.io", "v1", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations",
        False, (), ("api-extensions",), generation=True,
    ),
    ApiResource(
        "admissionregistration.k8s.io", "v1", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", False,
        (), ("api-extensions",), generation=True,
    ),
    ApiResource("events.k8s.io", "v1", "Event", "events", True, ("ev",)),
    ApiResource("authorization.k8s.io", "v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", False, **_REVIEW),
    ApiResource("authorization.k8s.io", "v1", "SelfSubjectRulesReview", "selfsubjectrulesreviews", False, **_REVIEW),
    ApiResource("authorization.k8s.io", "v1", "SubjectAccessReview", "subjectaccessreviews", False, **_REVIEW),
    ApiResource("authentication.k8s.io", "v1", "SelfSubjectReview", "selfsubjectreviews", False, **_REVIEW),
    ApiResource("authentication.k8s.io", "v1", "TokenReview", "tokenreviews", False, **_REVIEW),
]  # fmt: skip


class Kinds:
    """The kinds that are served now. Reading needs no lock: a change replaces the tables."""

    def __init__(self, kinds: Iterable[ApiResource] = _BUILT_IN) -> None:
        self._by_plural = {(kind.group, kind.plural): self._versions(kind) for kind in kinds}
        self._by_kind = {(kind.group, kind.kind): kind for kind in kinds}
        self.revision = 0

    @staticmethod
    def _versions(kind: ApiResource) -> dict[str, ApiResource]:
        return {version: kind.at(version) for version in kind.versions}

    def __iter__(self) -> Iterator[ApiResource]:
        """Every kind at its preferred version."""
        return iter(tuple(self._by_kind.values()))

    def resource(self, group: str, version: str, plural: str) -> ApiResource | None:
        """The kind behind a path such as /apis/GROUP/VERSION/PLURAL, at that version."""
        return self._by_plural.get((group, plural), {}).get(version)

    def find(self, group: str, kind: str) -> ApiResource | None:
        """The kind as it is stored."""
        return self._by_kind.get((group, kind))

    def register(self, *versions: ApiResource) -> None:
        """Adds a kind by its versions, the stored one first."""
        stored = versions[0]
        self.remove(stored.group, stored.kind)
        named = {kind.version: kind for kind in versions}
        self._by_plural = {**self._by_plural, (stored.group, stored.plural): named}
        self._by_kind = {**self._by_kind, (stored.group, stored.kind): stored}
        self.revision += 1

    def remove(self, group: str, kind: str) -> None:
        """Takes a kind out; nothing happens where there is none."""
        gone = self._by_kind.get((group, kind))
        if gone is None:
            return
        self._by_kind = {key: value for key, value in self._by_kind.items() if value is not gone}
        self._by_plural = {key: value for key, value in self._by_plural.items() if key != (group, gone.plural)}
        self.revision += 1
