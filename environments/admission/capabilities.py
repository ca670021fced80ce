"""Capabilities beyond those that a container has anyway: Pod Security's level "baseline" has the same list."""

from collections.abc import Iterator

from environments.admission.base import AdmissionScope, Check, containers, named, pod_spec, security
from environments.kube.objects import Manifest

USUAL = frozenset(
    {
        "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE",
        "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
    }
)  # fmt: skip


def _find(manifest: Manifest, _place: AdmissionScope) -> Iterator[str]:
    for container in containers(pod_spec(manifest)):
        added = (security(container).get("capabilities") or {}).get("add") or ()
        names = {str(name).upper().removeprefix("CAP_") for name in added}
        if more := sorted(names - USUAL):
            yield f"{named(container)} adds {', '.join(more)}"


CHECK = Check("capabilities", "Adds capabilities", _find)
