"""Routes for a host that belongs to another environment."""

from collections.abc import Iterator
from fnmatch import fnmatchcase

from environments.admission.base import AdmissionScope, Check
from environments.admission.hosts import hosts_of, overlap, plain
from environments.kube.objects import Manifest


def _find(manifest: Manifest, place: AdmissionScope) -> Iterator[str]:
    for host in hosts_of(manifest):
        whose = _owner(host, place)
        if whose:
            yield f"it takes requests for {host}, which belongs to {whose}"


def _owner(host: str, place: AdmissionScope) -> str:
    """The other environment whose host it is; "" for none. A host for everything takes nobody's in particular."""
    if host == "*" or any(fnmatchcase(host, plain(pattern)) for pattern in place.hosts):
        return ""
    return next((whose for pattern, whose in place.foreign.items() if overlap(host, plain(pattern))), "")


CHECK = Check("foreign-hosts", "Takes requests of another environment", _find)
