"""What of a mesh's traffic policy Flagger can carry over to the Services that it makes. Pure."""

from collections.abc import Mapping
from typing import Any

Known = Mapping[str, Any]

CARRIED: Known = {
    "connectionPool": {
        "http": dict.fromkeys(
            (
                "h2UpgradePolicy",
                "http1MaxPendingRequests",
                "http2MaxRequests",
                "idleTimeout",
                "maxRequestsPerConnection",
                "maxRetries",
            )
        )
    },
    "loadBalancer": dict.fromkeys(("consistentHash", "localityLbSetting", "simple", "warmupDurationSecs")),
    "outlierDetection": dict.fromkeys(
        (
            "baseEjectionTime",
            "consecutive5xxErrors",
            "consecutiveErrors",
            "consecutiveGatewayErrors",
            "consecutiveLocalOriginFailures",
            "interval",
            "maxEjectionPercent",
            "minHealthPercent",
            "splitExternalLocalOriginErrors",
        )
    ),
    "tls": dict.fromkeys(
        ("caCertificates", "clientCertificate", "mode", "privateKey", "sni", "subjectAltNames"),
    ),
}
"""The fields of a Canary's spec.service.trafficPolicy in Flagger 1.44; None: whatever is below."""


def carried(policy: Mapping[str, Any], known: Known = CARRIED) -> dict[str, Any]:
    """The part of a DestinationRule's trafficPolicy that a Canary takes."""
    kept = {}
    for name, value in policy.items():
        if name not in known:
            continue
        below = carried(value, known[name]) if known[name] and isinstance(value, Mapping) else value
        if below != {}:
            kept[name] = below
    return kept


def left_behind(policy: Mapping[str, Any], known: Known = CARRIED, at: str = "") -> tuple[str, ...]:
    """The paths of what it does not take: "connectionPool.tcp"."""
    found: list[str] = []
    for name, value in policy.items():
        path = f"{at}{name}"
        if name not in known:
            found.append(path)
        elif known[name] and isinstance(value, Mapping):
            found += left_behind(value, known[name], f"{path}.")
    return tuple(found)
