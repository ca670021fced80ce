"""What the families of DestinationRule share: whose traffic policy is in effect for a host. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from environments.kube.objects import Manifest
from environments.kube.policies.base import Around, Remark, age, listed, namespace_of, spec_of, text_of

KIND = "DestinationRule.networking.istio.io"
LOCAL = ".svc.cluster.local"


def traffic_policy(manifest: Manifest) -> Mapping[str, Any]:
    """What holds for every subset that has nothing of its own."""
    return spec_of(manifest).get("trafficPolicy") or {}


def host_of(manifest: Manifest) -> str:
    """The host in full: Istio completes a name without a dot, and no other."""
    host = str(spec_of(manifest).get("host") or "")
    return host if "." in host or host.startswith("*") else f"{host}.{namespace_of(manifest)}{LOCAL}"


def remarks(manifest: Manifest, around: Around, part: str) -> Iterable[Remark]:
    """Whether another rule's traffic policy is in effect instead; `part` is the field of it that matters."""
    here = [each for each in around.others(manifest) if namespace_of(each) == namespace_of(manifest)]
    same = [each for each in here if host_of(each) == host_of(manifest) and traffic_policy(each)]
    if older := [each for each in same if age(each) < age(manifest)]:
        yield Remark(f"{text_of(older[0])} is older and for the same host: its traffic policy is in effect")
    for each in [each for each in same if age(each) > age(manifest)]:
        yield Remark(f"it is in effect before {text_of(each)}, which is for the same host", counts=False)
    for each in [each for each in here if _narrower(host_of(each), host_of(manifest)) and traffic_policy(each)]:
        words = f"{text_of(each)} is in effect for its host {spec_of(each)['host']}"
        yield Remark(words, counts=not around.is_ours(each))
    yield from _of_subsets(manifest, part)


def _narrower(host: str, wildcard: str) -> bool:
    return host != wildcard and wildcard.startswith("*") and host.endswith(wildcard[1:])


def _of_subsets(manifest: Manifest, part: str) -> Iterable[Remark]:
    subsets = spec_of(manifest).get("subsets") or ()
    own = [subset["name"] for subset in subsets if (subset.get("trafficPolicy") or {}).get(part)]
    ports = traffic_policy(manifest).get("portLevelSettings") or ()
    numbers = [str((port.get("port") or {}).get("number", "")) for port in ports if port.get(part)]
    for noun, names in (("subset", own), ("port", numbers)):
        if names:
            plural = "s" if len(names) > 1 else ""
            yield Remark(f"the {noun}{plural} {listed(names)} {'have' if plural else 'has'} its own", counts=False)
