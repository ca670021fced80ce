"""Images from elsewhere than the registries that the environment names."""

from collections.abc import Iterator
from fnmatch import fnmatchcase

from environments.admission.base import AdmissionScope, Check, containers, named, pod_spec
from environments.kube.objects import Manifest
from environments.registry.errors import BadReference
from environments.registry.reference import parse


def _find(manifest: Manifest, place: AdmissionScope) -> Iterator[str]:
    if not place.registries:
        return
    spec = pod_spec(manifest)
    images = [(named(each), each.get("image")) for each in containers(spec)]
    volumes = [each for each in spec.get("volumes") or () if each.get("image")]
    images += [(f"volume {each.get('name', '?')}", each["image"].get("reference")) for each in volumes]
    for whose, image in images:
        if image and not _is_allowed(str(image), place.registries):
            yield f"{whose} takes {image} from elsewhere than {', '.join(place.registries)}"


def _is_allowed(image: str, patterns: tuple[str, ...]) -> bool:
    """A pattern is a registry, or a registry and the beginning of a repository: ghcr.io/example, *.example:5000."""
    try:
        reference = parse(image)
    except BadReference:
        return False
    return any(_fits(f"{reference.registry}/{reference.repository}", pattern) for pattern in patterns)


def _fits(name: str, pattern: str) -> bool:
    wanted, parts = pattern.strip("/").split("/"), name.split("/")
    return len(wanted) <= len(parts) and all(map(fnmatchcase, parts, wanted))


CHECK = Check("registries", "Takes images from other registries", _find)
