"""Rights in the whole cluster, or all of them in a namespace."""

from collections.abc import Iterator

from environments.admission.base import AdmissionScope, Check
from environments.kube.objects import Manifest

ALL_RIGHTS = frozenset({"cluster-admin"})


def _find(manifest: Manifest, _place: AdmissionScope) -> Iterator[str]:
    if not str(manifest.get("apiVersion", "")).startswith("rbac.authorization.k8s.io/"):
        return
    role = str((manifest.get("roleRef") or {}).get("name", "?"))
    if manifest["kind"] == "ClusterRoleBinding":
        yield f"it gives {role} in the whole cluster"
    elif manifest["kind"] == "RoleBinding" and role in ALL_RIGHTS:
        yield f"it gives {role} in its namespace"


CHECK = Check("cluster-roles", "Gives rights in the whole cluster", _find)
