"""Which digests a cluster's nodes and pods have for an image's tag."""

from collections.abc import Iterable, Iterator

from environments.kube.api.client import Gateway
from environments.kube.api.errors import Denied, NotFound
from environments.kube.objects import Manifest

SCHEMES = ("docker-pullable://", "docker://")


def image_names(gateway: Gateway, namespaces: Iterable[str]) -> list[tuple[str, ...]]:
    """The names of each image that a node, or a pod of the namespaces, has: tags and digests of one image together.

    What the credential may not read is left out. Raises KubeError for all else.
    """
    nodes = [tuple(image.get("names") or ()) for node in _listed(gateway, "Node") for image in _images(node)]
    pods = [pod for namespace in namespaces for pod in _listed(gateway, "Pod", namespace)]
    return [*nodes, *(names for pod in pods for names in _of_pod(pod))]


def _listed(gateway: Gateway, kind: str, namespace: str = "") -> Iterable[Manifest]:
    try:
        return gateway.list("v1", kind, namespace)
    except (Denied, NotFound):
        return ()


def _images(node: Manifest) -> Iterable[Manifest]:
    return (node.get("status") or {}).get("images") or ()


def _of_pod(pod: Manifest) -> Iterator[tuple[str, ...]]:
    """Of each container: the image as its runtime names it and as the pod asks for it, and its digest."""
    status, spec = pod.get("status") or {}, pod.get("spec") or {}
    asked = {
        each["name"]: each.get("image", "")
        for name in ("initContainers", "containers")
        for each in spec.get(name) or ()
    }
    for name in ("initContainerStatuses", "containerStatuses"):
        for each in status.get(name) or ():
            yield each.get("image", ""), asked.get(each.get("name", ""), ""), _without_scheme(each.get("imageID", ""))


def _without_scheme(image_id: str) -> str:
    return next((image_id.removeprefix(scheme) for scheme in SCHEMES if image_id.startswith(scheme)), image_id)
