"""Where well-known registries send those who ask them: hosts of others, which their operators run for them. Pure."""

from collections.abc import Mapping
from fnmatch import fnmatchcase

# Hosts of the registry's own owner (auth.docker.io, cdn01.quay.io) need no row.
REDIRECTS: Mapping[str, tuple[str, ...]] = {
    "registry.k8s.io": ("*.pkg.dev",),
    "registry-1.docker.io": ("*.docker.com", "*.cloudflarestorage.com"),
    "ghcr.io": ("*.githubusercontent.com",),
    "quay.io": ("*.cloudfront.net",),
    "public.ecr.aws": ("*.cloudfront.net",),
    "gcr.io": ("storage.googleapis.com",),
    "*.pkg.dev": ("storage.googleapis.com",),
    "*.azurecr.io": ("*.blob.core.windows.net",),
    "registry.gitlab.com": ("storage.googleapis.com", "cdn.registry.gitlab-static.net"),
}


def may_send_to(registry: str, host: str) -> bool:
    """Whether the registry is known to have its content at that host; both without port."""
    return any(
        fnmatchcase(registry, name) and any(fnmatchcase(host, target) for target in targets)
        for name, targets in REDIRECTS.items()
    )
