"""Why two versions of a workload cannot stand side by side, though its requests could be moved.

Whatever strategy wants two versions at once asks here: what is told is rolled in its wave instead. Pure but for what
`given` may ask the cluster.
"""

from collections.abc import Sequence

from environments.kube.api.errors import Denied, KindMissing
from environments.kube.names import TRACK
from environments.kube.objects import Manifest, Ref, ref_of
from environments.kube.traffic import Route
from environments.kube.traffic.pods import WORKLOADS, behind, pod_labels, services_of
from releases.plan.objects import Wanted, ref_in
from releases.strategies.base import Arranging

SEVERAL = frozenset({"ReadWriteMany", "ReadOnlyMany"})
UNTIL_THE_END = "all on stable until the end, then all at once"
"""What requests get that no weight moves, where the Service leads to stable alone."""
RULES = ("networking.istio.io/v1", "DestinationRule")


def one_at_a_time(given: Arranging, wanted: Wanted) -> str:
    """What of a workload takes one version at a time; "" where two may stand side by side."""
    if wanted.ref.kind != "Deployment":
        return f"a {wanted.ref.kind} has one version at a time"
    if (wanted.manifest["spec"].get("strategy") or {}).get("type") == "Recreate":
        return "its strategy is Recreate: the old version goes before the new one comes"
    if claim := _claimed(given, wanted):
        return f"its pods write to the volume {claim}, which one version at a time can have"
    if port := _host_port(wanted):
        return f"its pods take port {port} of their node, which one version at a time can have"
    return ""


def shared_service(objects: Sequence[Manifest], workload: Ref) -> str:
    """The Service that leads to other workloads as well, which requests moved would cut off; "" for none.

    `objects` are those of `surroundings`.
    """
    for service in services_of(objects, workload.namespace, workload.name):
        if others := _behind(objects, workload, service):
            names = " and ".join(each["metadata"]["name"] for each in others)
            return f"Service {service} leads to {names} as well"
    return ""


def untold_apart(given: Arranging, objects: Sequence[Manifest], workload: Ref) -> list[str]:
    """The workloads behind the same Services whose pods carry no track: what leads by it would cut them off."""
    services = services_of(objects, workload.namespace, workload.name)
    others = [each for service in services for each in _behind(objects, workload, service)]
    brought = {each.ref for each in given.objects}
    found = (given.live(ref) if (ref := ref_of(each, workload.namespace)) in brought else each for each in others)
    names = [each["metadata"]["name"] for each in found if each and TRACK not in pod_labels(each)]
    return list(dict.fromkeys(names))


def surroundings(given: Arranging, namespace: str) -> list[Manifest]:
    """The release's objects, and what else is there that tells where requests lead: workloads, and Istio's rules.

    Without what the release removes, and as far as one may look.
    """
    mine = [each.manifest for each in given.objects]
    known = {each.ref.key for each in given.objects}
    known |= {ref_in(row).key for row in (given.previous or {}).get("objects", ())}
    kinds = [*(("apps/v1", kind) for kind in sorted(WORKLOADS)), RULES]
    found = [each for api_version, kind in kinds for each in seen(given, api_version, kind, namespace)]
    return [*mine, *(each for each in found if ref_of(each, namespace).key not in known)]


def seen(given: Arranging, api_version: str, kind: str, namespace: str) -> list[Manifest]:
    """The objects of a kind; none where it is not known, or may not be looked at."""
    try:
        found = given.listed(api_version, kind, namespace)
    except (Denied, KindMissing):
        return []
    return [{**each, "apiVersion": api_version, "kind": kind} for each in found]


def _behind(objects: Sequence[Manifest], workload: Ref, service: str) -> list[Manifest]:
    return behind(objects, Route("service", workload.namespace, workload.name, service))


def _claimed(given: Arranging, wanted: Wanted) -> str:
    """A claim of the pods that only one node may have, "" for none."""
    volumes = wanted.manifest["spec"]["template"]["spec"].get("volumes") or ()
    names = [each["persistentVolumeClaim"]["claimName"] for each in volumes if each.get("persistentVolumeClaim")]
    refs = [Ref("v1", "PersistentVolumeClaim", wanted.ref.namespace, name) for name in names]
    bundle = {each.ref: each.manifest for each in given.objects}
    found = ((ref.name, bundle.get(ref) or given.live(ref) or {}) for ref in refs)
    return next(
        (name for name, claim in found if not SEVERAL & set(claim.get("spec", {}).get("accessModes") or ())), ""
    )


def _host_port(wanted: Wanted) -> int:
    """A port of the node that the pods take, 0 for none."""
    spec = wanted.manifest["spec"]["template"]["spec"]
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    ports = [port for each in containers for port in each.get("ports") or ()]
    field = "containerPort" if spec.get("hostNetwork") else "hostPort"
    return next((int(port[field]) for port in ports if port.get(field)), 0)
