"""Which images an object runs, and what each is replaced by.

A release names its images by repository ("registry.example/shop/web"), by a part of it ("shop/web", "web"), or by the
whole reference that the bundle writes ("postgres:16"). For a container's image the first of these keys counts:

1. the reference as the bundle writes it: "registry.example/shop/web:1.0"
2. its repository, without tag and digest: "registry.example/shop/web"
3. the repository without the registry's host: "shop/web"
4. the last part of it: "web"

A key of the fourth sort may stand for one repository of a bundle only: where "web" would match both a/web and b/web,
neither is replaced by it. An image that the bundle itself pins by digest needs no key.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from .errors import Findings
from .kinds import TEMPLATES
from .node import IMAGE, Place, Unresolved, YamlNode, field_of, find, put

LISTS = ("initContainers", "containers")


class ImageUse(NamedTuple):
    """An image that an object names, and where."""

    place: Place
    node: YamlNode


def repository_of(reference: str) -> str:
    """The repository of an image reference: "host:5000/shop/web" of "host:5000/shop/web:1.0@sha256:..."."""
    name = reference.partition("@")[0]
    head, colon, tail = name.rpartition(":")
    return head if colon and "/" not in tail else name


def keys_of(reference: str) -> tuple[str, ...]:
    """The keys that may stand for a reference, the first that a mapping has counts."""
    repository = repository_of(reference)
    host, slash, path = repository.partition("/")
    is_host = bool(slash) and ("." in host or ":" in host or host == "localhost")
    local = path if is_host else repository
    return tuple(dict.fromkeys((reference, repository, local, local.rpartition("/")[2])))


def uses(obj: YamlNode, kind: str) -> Iterator[ImageUse]:
    """The images in the pod template of an object; `kind` as in "Deployment.apps"."""
    template = TEMPLATES.get(kind)
    if template is None:
        return
    for name in LISTS:
        yield from _named(obj, (*template, "spec", name), ("image",))
    yield from _named(obj, (*template, "spec", "volumes"), ("image", "reference"))


def _named(obj: YamlNode, lists: Place, below: Place) -> Iterator[ImageUse]:
    items = find(obj, *lists)
    count = len(items.value) if items is not None and isinstance(items.value, list) else 0
    for index in range(count):
        place = (*lists, index, *below)
        node = find(obj, *place)
        if node is not None and isinstance(node.value, str) and not isinstance(node.value, Unresolved):
            yield ImageUse(place, node)


@dataclass(frozen=True)
class ImageMap:
    """The images of a release, and the repositories that the bundle names."""

    images: Mapping[str, str]
    repositories: frozenset[str]

    def key_for(self, reference: str) -> str:
        """The key that stands for a reference, "" where none does. ValueError where a short one is ambiguous."""
        found = next((key for key in keys_of(reference) if key in self.images), "")
        if not found or found in {reference, repository_of(reference)}:
            return found
        alike = sorted(self._decided.get(found, ()))
        if len(alike) > 1:
            raise ValueError(f"{found} could be {' or '.join(alike)}: name the release's image by its repository")
        return found

    def covers(self, reference: str) -> bool:
        """Whether a key is meant for a reference, even one that is ambiguous."""
        return any(key in self.images for key in keys_of(reference))

    @cached_property
    def _decided(self) -> Mapping[str, Sequence[str]]:
        """The repositories that a key would decide over, by the key."""
        found: dict[str, list[str]] = {}
        for repository in self.repositories:
            key = next((each for each in keys_of(repository) if each in self.images), "")
            found.setdefault(key, []).append(repository)
        return found


def replace_images(obj: YamlNode, kind: str, mapping: ImageMap, findings: Findings) -> tuple[YamlNode, set[str]]:
    """The object with pinned images, and the keys that were used."""
    used = set()
    for place, node in uses(obj, kind):
        try:
            key = mapping.key_for(node.value)
        except ValueError as error:
            findings.add(node.origin, field_of(place), str(error))
            continue
        if key:
            used.add(key)
            obj = put(obj, place, YamlNode(mapping.images[key], node.origin._replace(layer=IMAGE)))
        elif "@sha256:" not in node.value:
            findings.add(node.origin, field_of(place), f"the release has no image for {node.value}")
    return obj, used
