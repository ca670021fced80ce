"""Images: how they are named, and those that the sandbox's registry holds."""

import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from sandbox.behaviour import KEY

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
_EMPTY_TAR = bytes(1024)
_CREATED = "2026-01-01T00:00:00Z"


class Pulled(NamedTuple):
    """`id` is "host/name@sha256:…", `label` the behaviour as JSON, or ""."""

    id: str
    label: str


class PullError(Exception):
    """Why an image cannot be pulled, as a container runtime words it."""


class ImageName(NamedTuple):
    """A reference taken apart. `reference` is a tag or a digest."""

    registry: str
    repository: str
    reference: str

    @property
    def is_local(self) -> bool:
        host = self.registry.rpartition(":")[0] or self.registry
        return host in ("localhost", "[::1]") or host.startswith("127.")


def parse_image(image: str) -> ImageName:
    """As a kubelet does: the first part is a registry where it looks like a host."""
    registry, rest = "docker.io", image
    first, slash, after = image.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        registry, rest = first, after
    rest, _, digest = rest.partition("@")
    name, colon, tag = rest.rpartition(":")
    if not colon:
        name, tag = rest, "latest"
    return ImageName(registry, name, digest or tag)


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _encoded(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


@dataclass(frozen=True)
class ImageBlob:
    """Content with its media type."""

    content: bytes
    media_type: str


class Images:
    """Manifests and blobs by digest, tags by repository; thread-safe.

    `push` makes a real image: manifest, configuration with labels, and one empty layer.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blobs: dict[str, bytes] = {}
        self._manifests: dict[tuple[str, str], ImageBlob] = {}
        self._tags: dict[str, dict[str, str]] = {}

    def push(
        self,
        name: str,
        tag: str,
        *,
        behaviour: Mapping[str, Any] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> str:
        """Stores an image, such as "shop/web" "1.0.0", and returns its digest."""
        named = {"org.opencontainers.image.title": name, "org.opencontainers.image.version": tag, **(labels or {})}
        if behaviour:
            named[KEY] = json.dumps(dict(behaviour))
        config = _encoded(
            {
                "architecture": "amd64",
                "os": "linux",
                "created": _CREATED,
                "config": {"Labels": named},
                "rootfs": {"type": "layers", "diff_ids": [digest_of(_EMPTY_TAR)]},
            }
        )
        described = (self._described(config, CONFIG), self._described(_EMPTY_TAR, LAYER))
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described[0], "layers": [described[1]]}
        return self.put_manifest(name, tag, ImageBlob(_encoded(manifest), MANIFEST))

    def _described(self, content: bytes, media_type: str) -> dict[str, Any]:
        return {"mediaType": media_type, "digest": self.put_blob(content), "size": len(content)}

    def put_blob(self, content: bytes) -> str:
        digest = digest_of(content)
        with self._lock:
            self._blobs[digest] = content
        return digest

    def blob(self, digest: str) -> bytes | None:
        return self._blobs.get(digest)

    def put_manifest(self, name: str, reference: str, manifest: ImageBlob) -> str:
        """Stores a manifest under its digest, and under a tag where the reference is one."""
        digest = digest_of(manifest.content)
        with self._lock:
            self._manifests[name, digest] = manifest
            tags = self._tags.setdefault(name, {})
            if not reference.startswith("sha256:"):
                tags[reference] = digest
        return digest

    def manifest(self, name: str, reference: str) -> tuple[str, ImageBlob] | None:
        """(digest, manifest) by tag or digest."""
        with self._lock:
            digest = self._tags.get(name, {}).get(reference, reference)
            found = self._manifests.get((name, digest))
        return (digest, found) if found else None

    def remove(self, name: str, reference: str) -> bool:
        """Takes a tag, or a manifest with all its tags, away; whether it was there."""
        with self._lock:
            tags = self._tags.get(name, {})
            if reference in tags:
                del tags[reference]
                return True
            self._tags[name] = {tag: digest for tag, digest in tags.items() if digest != reference}
            return self._manifests.pop((name, reference), None) is not None

    def tags(self, name: str) -> list[str] | None:
        """The tags of a repository, or None where there is none."""
        with self._lock:
            return sorted(self._tags[name]) if name in self._tags else None

    def repositories(self) -> list[str]:
        with self._lock:
            return sorted(self._tags)

    def referrers(self, name: str, digest: str) -> list[dict[str, Any]]:
        """Descriptors of the manifests whose subject is this one, such as signatures."""
        with self._lock:
            listed = [(key[1], blob) for key, blob in self._manifests.items() if key[0] == name]
        found = []
        for own, blob in listed:
            manifest = json.loads(blob.content)
            if (manifest.get("subject") or {}).get("digest") == digest:
                artifact = manifest.get("artifactType") or (manifest.get("config") or {}).get("mediaType", "")
                described = {"mediaType": blob.media_type, "digest": own, "size": len(blob.content)}
                found.append({**described, "artifactType": artifact})
        return found

    def labels(self, name: str, reference: str) -> dict[str, str] | None:
        """The labels of an image, or None where it is absent; of an index, those of its first image."""
        found = self.manifest(name, reference)
        if found is None:
            return None
        manifest = json.loads(found[1].content)
        if manifest.get("manifests"):
            return self.labels(name, manifest["manifests"][0]["digest"])
        config = self.blob((manifest.get("config") or {}).get("digest", "")) or b"{}"
        return dict((json.loads(config).get("config") or {}).get("Labels") or {})

    def dump(self) -> dict[str, Any]:
        """What `load` takes: JSON."""
        with self._lock:
            manifests = [
                {"name": name, "digest": digest, "content": blob.content.decode(), "type": blob.media_type}
                for (name, digest), blob in self._manifests.items()
            ]
            blobs = [content.decode("latin-1") for content in self._blobs.values()]
            return {"manifests": manifests, "tags": self._tags, "blobs": blobs}

    def load(self, dumped: Mapping[str, Any]) -> None:
        for content in dumped["blobs"]:
            self.put_blob(content.encode("latin-1"))
        with self._lock:
            for item in dumped["manifests"]:
                self._manifests[item["name"], item["digest"]] = ImageBlob(item["content"].encode(), item["type"])
            for name, tags in dumped["tags"].items():
                self._tags.setdefault(name, {}).update(tags)


class Puller:
    """Resolves images for the kubelets: those at `address` from the registry, all of other hosts exist."""

    def __init__(self, images: Images, address: str) -> None:
        self.images, self.address = images, address

    def pull(self, image: str) -> Pulled:
        """Raises PullError for what a loopback registry does not have."""
        name = parse_image(image)
        if not name.is_local:
            digest = name.reference if name.reference.startswith("sha256:") else digest_of(image.encode())
            return Pulled(f"{name.registry}/{name.repository}@{digest}", "")
        if not self._is_own(name.registry):
            raise PullError(self._words(image, f"dial tcp {name.registry}: connect: connection refused"))
        found = self.images.manifest(name.repository, name.reference)
        if found is None:
            raise PullError(
                f'rpc error: code = NotFound desc = failed to pull and unpack image "{image}": '
                f'failed to resolve reference "{image}": {image}: not found'
            )
        labels = self.images.labels(name.repository, name.reference) or {}
        return Pulled(f"{name.registry}/{name.repository}@{found[0]}", labels.get(KEY, ""))

    def _is_own(self, registry: str) -> bool:
        own_port = self.address.rpartition(":")[2]
        return not self.address or registry.rpartition(":")[2] == own_port

    def _words(self, image: str, why: str) -> str:
        name = parse_image(image)
        url = f"http://{name.registry}/v2/{name.repository}/manifests/{name.reference}"
        return (
            f'failed to pull and unpack image "{image}": failed to resolve reference "{image}": '
            f'failed to do request: Head "{url}": {why}'
        )
