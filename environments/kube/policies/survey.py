"""Reads what lives around the policies of a release, as few requests as it takes: one list a kind and namespace."""

import time
from collections.abc import Iterable, Iterator, Sequence

from environments.kube.api.client import Gateway
from environments.kube.api.errors import Denied, KindMissing
from environments.kube.objects import Manifest, Ref, ref_of
from environments.kube.policies import judge, planned, pods_of
from environments.kube.policies.base import ROOT, Around, Policy

MESH = ".istio.io"


def verify(gateway: Gateway, manifests: Sequence[Manifest], workloads: Sequence[Manifest]) -> tuple[Policy, ...]:
    """What became of the policies of `manifests`; `workloads` are those of the same release. Raises KubeError."""
    mine = [manifest for manifest in manifests if planned(manifest)]
    objects, unread = _around(gateway, mine)
    here = {ref_of(each).key: each for each in objects}
    live = {ref.key: here.get(ref.key) or gateway.get(ref) for ref in map(ref_of, mine)}
    around = Around(
        objects=tuple(here.values()),
        ours=frozenset(live),
        pods=pods_of(workloads),
        secrets=_secrets(gateway, mine),
        warnings=_warnings(gateway, [each for each in live.values() if each and _silent(each)]),
        unread=unread,
        now=time.time(),
    )
    return judge(mine, live, around)


def _around(gateway: Gateway, manifests: Sequence[Manifest]) -> tuple[list[Manifest], str]:
    """The objects of the policies' kinds in their namespaces and in the mesh's own; and what could not be read."""
    found: list[Manifest] = []
    closed = []
    for api_version, kind, namespace in _places(manifests):
        try:
            found += gateway.list(api_version, kind, namespace)
        except KindMissing:
            continue
        except Denied:
            closed.append(f"{kind} in {namespace}")
    return found, f"Slipway may not list {', '.join(closed)}" if closed else ""


def _places(manifests: Iterable[Manifest]) -> Iterator[tuple[str, str, str]]:
    wanted = {(each["apiVersion"], each["kind"], each["metadata"].get("namespace", "")) for each in manifests}
    wanted |= {(api_version, kind, ROOT) for api_version, kind, _ in wanted if MESH in api_version}
    services = {namespace for _, kind, namespace in wanted if kind == "Service"}
    wanted |= {("networking.istio.io/v1", "DestinationRule", namespace) for namespace in services}
    yield from sorted(place for place in wanted if place[1] != "Service")


def _secrets(gateway: Gateway, manifests: Iterable[Manifest]) -> dict[tuple[str, str], Manifest | None]:
    """The Secrets of the Ingresses' certificates; those that may not be read are left out."""
    found: dict[tuple[str, str], Manifest | None] = {}
    for manifest in manifests:
        entries = (manifest.get("spec") or {}).get("tls") or () if manifest["kind"] == "Ingress" else ()
        for name in {entry.get("secretName") for entry in entries} - {None, ""}:
            namespace = manifest["metadata"].get("namespace", "")
            try:
                found[namespace, name] = gateway.get(Ref("v1", "Secret", namespace, name))
            except Denied:
                continue
    return found


def _warnings(gateway: Gateway, objects: Sequence[Manifest]) -> dict[str, str]:
    """The newest Warning of each object that came after its last change, by uid."""
    changed = {each["metadata"]["uid"]: _changed(each) for each in objects}
    found: dict[str, str] = {}
    for namespace in {each["metadata"].get("namespace", "") for each in objects}:
        try:
            events = gateway.list("v1", "Event", namespace, fields="type=Warning")
        except Denied:
            continue
        for event in sorted(events, key=_last):
            uid = (event.get("involvedObject") or {}).get("uid", "")
            if uid in changed and _last(event) >= changed[uid]:
                found[uid] = str(event.get("message") or event.get("reason") or "")
    return found


def _silent(manifest: Manifest) -> bool:
    """Whether only events can tell what its controller thinks of it."""
    return manifest["kind"] != "Service" and not (manifest.get("status") or {}).get("conditions")


def _changed(manifest: Manifest) -> str:
    """When somebody wrote to the object last, its status apart; times of one form sort as text."""
    entries = manifest["metadata"].get("managedFields") or ()
    times = [entry.get("time") or "" for entry in entries if entry.get("subresource") != "status"]
    return max(times, default="")


def _last(event: Manifest) -> str:
    times = [event.get(name) for name in ("lastTimestamp", "firstTimestamp", "eventTime")]
    times.append(event["metadata"].get("creationTimestamp"))
    return str(next(filter(None, times), ""))
