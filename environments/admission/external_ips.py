"""Services that take traffic for addresses of their choice, also of others (CVE-2020-8554)."""

from collections.abc import Iterator

from environments.admission.base import AdmissionScope, Check
from environments.kube.objects import Manifest


def _find(manifest: Manifest, _place: AdmissionScope) -> Iterator[str]:
    if manifest.get("kind") == "Service" and manifest.get("apiVersion") == "v1":
        addresses = (manifest.get("spec") or {}).get("externalIPs") or ()
        if addresses:
            yield f"externalIPs {', '.join(map(str, addresses))}"


CHECK = Check("external-ips", "Takes traffic of outer addresses", _find)
