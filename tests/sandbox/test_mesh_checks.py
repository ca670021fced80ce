"""What is wrong with the mesh's objects, in its analyzers' words."""

from typing import Any

import pytest

from sandbox.mesh_checks import check, known

SERVICES = [{"kind": "Service", "metadata": {"name": name, "namespace": "shop"}} for name in ("web", "api")]


def made(kind: str, **spec: Any) -> dict[str, Any]:
    group = "security" if kind == "PeerAuthentication" else "networking"
    metadata = {"name": "mine", "namespace": "shop"}
    return {"apiVersion": f"{group}.istio.io/v1", "kind": kind, "metadata": metadata, "spec": spec}


SUBSETS = made("DestinationRule", host="web", subsets=[{"name": "stable"}, {"name": "canary"}])
ENTRY = made("ServiceEntry", hosts=["*.example.com"])


def routes(*destinations: tuple[str, str, int], **more: Any) -> dict[str, Any]:
    to = [
        {"destination": {"host": host, **({"subset": subset} if subset else {})}, "weight": weight}
        for host, subset, weight in destinations
    ]
    return made("VirtualService", hosts=["web"], http=[{"route": to, **more}])


@pytest.mark.parametrize(
    ("obj", "said"),
    [
        (SUBSETS, []),
        (made("DestinationRule", host="web.shop.svc.cluster.local"), []),
        (made("DestinationRule", host="web.other"), ['ERROR [IST0101] Referenced host not found: "web.other"']),
        (made("DestinationRule", host="api.example.com"), []),
        (made("DestinationRule", host="*.shop.svc.cluster.local"), []),
        (
            made("DestinationRule", host="web", subsets=[{"name": "v1"}, {"name": "v1"}]),
            ['ERROR [IST0106] subset "v1" is defined twice'],
        ),
        (routes(("web", "stable", 95), ("web", "canary", 5)), []),
        (
            routes(("web", "stable", 90), ("web", "canary", 5)),
            ["WARNING [IST0106] total destination weight of http[0] is 95, not 100"],
        ),
        (
            routes(("web", "", 0), ("api", "", 0)),
            ["ERROR [IST0106] total destination weight of http[0] is 0, not 100"],
        ),
        (
            routes(("web", "blue", 100)),
            ['ERROR [IST0101] Referenced host+subset in destinationrule not found: "web+blue"'],
        ),
        (routes(("gone", "", 100)), ['ERROR [IST0101] Referenced host not found: "gone"']),
        (routes(), ["ERROR [IST0106] http[0]: HTTP route, redirect or direct_response is required"]),
        (routes(redirect={"uri": "/"}), []),
        (
            made("PeerAuthentication", portLevelMtls={"80": {"mode": "DISABLE"}}),
            ["ERROR [IST0106] mesh/namespace peer authentication cannot have port level mTLS"],
        ),
        (made("PeerAuthentication", selector={}), ["ERROR [IST0106] workload selector must have matchLabels"]),
    ],
)
def test_what_makes_no_sense_is_said(obj, said):
    assert [each.text for each in check(obj, known(SERVICES, [ENTRY], [SUBSETS]))] == said
