"""The two platforms of the documents, packed and rendered as a release would."""

import io
import tarfile
from functools import cache
from pathlib import Path

from environments.manifests.bundle import ManifestBundle, read_bundle
from environments.manifests.render import Rendering, images_needed, render
from environments.manifests.target import RenderTarget

DEMO = Path(__file__).parents[2] / "demo"
APPLICATIONS = ("ai-workflow", "nova")
ENVIRONMENTS = ("dev", "staging", "prod", "dr")


@cache
def platform(application: str) -> ManifestBundle:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        archive.add(DEMO / application, arcname=".")
    return read_bundle(content.getvalue(), f"{application}.tar.gz")


def rendered(application: str, environment: str, version: str = "1.0.0") -> Rendering:
    """Every image is pinned to a digest of nothing."""
    place = RenderTarget(
        environment,
        f"{application}-{environment}",
        application,
        version,
        allowed_namespaces=(f"{application}-*-{environment}",),
    )
    bundle = platform(application)
    pinned = {name: f"{name.partition(':')[0]}@sha256:{'0' * 64}" for name in images_needed(bundle, place, {})}
    return render(bundle, place, pinned)
