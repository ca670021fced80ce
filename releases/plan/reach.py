"""What an object does beyond the namespace of its application, for those who approve a plan. Pure."""

from collections.abc import Iterable, Sequence

from environments.kube.objects import Ref
from environments.manifests.kinds import kind_id
from releases.plan.objects import Row, ref_in

ADMISSION = "Decides on every request to the cluster: one that fails or refuses stops others' work"
REQUESTS = "Takes requests for hosts from outside"
WHOLE_CLUSTER = "Counts in the whole cluster"
REACHES = {
    "Namespace": "Makes or labels a namespace: its labels decide about pod security and meshes",
    "APIService.apiregistration.k8s.io": "Answers a part of the cluster's API: while it does not, deletions wait",
    "CustomResourceDefinition.apiextensions.k8s.io": "Defines a kind for all: what it no longer allows breaks others",
    **dict.fromkeys(
        (
            f"{kind}.admissionregistration.k8s.io"
            for kind in (
                *("MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding", "MutatingWebhookConfiguration"),
                *("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "ValidatingWebhookConfiguration"),
            )
        ),
        ADMISSION,
    ),
    "ClusterRole.rbac.authorization.k8s.io": "Says what rights may be given in the whole cluster",
    "ClusterRoleBinding.rbac.authorization.k8s.io": "Gives rights in the whole cluster, Secrets included",
    "StorageClass.storage.k8s.io": "Says where volumes come from; a default one also those of others",
    "CSIDriver.storage.k8s.io": "Says how nodes mount volumes of a driver",
    "IngressClass.networking.k8s.io": "Says which controller serves Ingresses; a default one also those of others",
    "GatewayClass.gateway.networking.k8s.io": "Says which controller serves Gateways",
    "PriorityClass.scheduling.k8s.io": "Says whose pods go first; higher ones push others' off their nodes",
    "RuntimeClass.node.k8s.io": "Says how nodes run containers",
    "Gateway.gateway.networking.k8s.io": REQUESTS,
    "Gateway.networking.istio.io": REQUESTS,
    "EnvoyFilter.networking.istio.io": "Changes the proxies themselves; in the mesh's own namespace, all of them",
}


def reach_of(ref: Ref) -> str:
    """What the object does beyond its application's namespace; "" for one that keeps to it."""
    known = REACHES.get(kind_id(ref.api_version, ref.kind), "")
    return known or ("" if ref.namespace else WHOLE_CLUSTER)


def reaching(rows: Sequence[Row]) -> Iterable[tuple[str, str]]:
    """(what it does, the object) of each that a plan creates or changes, by what it does."""
    changed = (ref_in(row) for row in rows if row["action"] != "unchanged")
    found = [(reach_of(ref), ref.text) for ref in changed]
    order = [*dict.fromkeys(REACHES.values()), WHOLE_CLUSTER]
    return sorted((each for each in found if each[0]), key=lambda each: order.index(each[0]))
