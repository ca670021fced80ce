"""Policies as the tests need them, in the namespace shop."""

from datetime import UTC, datetime, timedelta
from typing import Any

from environments.kube.objects import Manifest, ref_of
from environments.kube.policies import Around, Pods, Policy, judge

VERSIONS = {
    "PeerAuthentication": "security.istio.io/v1beta1",
    "AuthorizationPolicy": "security.istio.io/v1beta1",
    "Telemetry": "telemetry.istio.io/v1alpha1",
    "DestinationRule": "networking.istio.io/v1beta1",
    "Ingress": "networking.k8s.io/v1",
    "Service": "v1",
}
OK = {"observedGeneration": "1", "conditions": [{"type": "Reconciled", "status": "True", "observedGeneration": "1"}]}
REACHED = {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}}
BORN = datetime(2026, 11, 1, tzinfo=UTC)
WEB = Pods("shop", "web", {"app": "web", "tier": "front"})
DB = Pods("shop", "db", {"app": "db"})


def made(kind: str, name: str = "mine", *, at: int = 5, namespace: str = "shop", **more: Any) -> Manifest:
    """An object that came into being `at` seconds after all began, and that its controller has taken."""
    labels, annotations = more.pop("selector", None), more.pop("annotations", {})
    status = more.pop("status", REACHED if kind == "Ingress" else OK)
    spec = {**({"selector": {"matchLabels": labels}} if labels else {}), **more}
    metadata = {
        "name": name,
        "namespace": namespace,
        "uid": f"uid-{namespace}-{name}",
        "generation": 1,
        "creationTimestamp": (BORN + timedelta(seconds=at)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "annotations": annotations,
    }
    return {"apiVersion": VERSIONS[kind], "kind": kind, "metadata": metadata, "spec": spec, "status": status}


def peers(name: str = "mine", mode: str = "STRICT", **more: Any) -> Manifest:
    return made("PeerAuthentication", name, mtls={"mode": mode}, **more)


def authorizing(name: str = "mine", action: str = "ALLOW", rules: Any = ({},), **more: Any) -> Manifest:
    return made("AuthorizationPolicy", name, action=action, rules=list(rules), **more)


def rule(name: str = "mine", host: str = "web", **more: Any) -> Manifest:
    policy = more.pop("policy", {"outlierDetection": {"consecutive5xxErrors": 5}})
    return made("DestinationRule", name, host=host, trafficPolicy=policy, **more)


def rules_by(principal: str = "", **operation: Any) -> dict[str, Any]:
    """A rule of an AuthorizationPolicy."""
    who = {"from": [{"source": {"principals": [principal]}}]} if principal else {}
    return {**who, **({"to": [{"operation": operation}]} if operation else {})}


def judged(mine: Manifest, *others: Manifest, ours: tuple[Manifest, ...] = (), **around: Any) -> Policy:
    """What came of `mine` beside others that live there and others of the same release."""
    every = (mine, *others, *ours)
    known = frozenset(ref_of(each).key for each in (mine, *ours))
    pods = around.pop("pods", (WEB, DB))
    found = judge([mine], {ref_of(mine).key: mine}, Around(objects=every, ours=known, pods=pods, **around))
    return found[0]
