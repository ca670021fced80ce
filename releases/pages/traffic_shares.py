"""Which share of the requests a rollout's release gets, as it was last read back from the cluster."""

from collections.abc import Mapping
from typing import Any

from releases.models import Rollout
from releases.states import Phase
from releases.strategies.blue_green.colours import KIND as COLOURED
from releases.strategies.blue_green.workloads import Coloured

GONE_BACK = frozenset({Phase.ROLLED_BACK, Phase.ABORTED})
WEIGHT_STEPS = frozenset({"canary-pods", "canary-testers", "canary-weight"})


def shares_of(rollout: Rollout, plan: Mapping[str, Any] | None) -> dict[str, int]:
    """{workload: percent} of a rollout whose requests may be divided; {} before it moves any and after its end."""
    if rollout.phase == Phase.SUCCEEDED or rollout.phase in GONE_BACK:
        return {}
    weights = kept_weights(rollout)
    promoted = _promoted(rollout, plan or {})
    return {name: 100 if name in promoted else weight for name, weight in weights.items()}


def kept_weights(rollout: Rollout) -> dict[str, int]:
    """What was read back last, by workload."""
    return dict((rollout.cursor.get("memory") or {}).get("keep", {}).get("weights", {}))


def _promoted(rollout: Rollout, plan: Mapping[str, Any]) -> frozenset[str]:
    """Workloads whose own Deployment has the release by now: requests that leave the canary go to the same version."""
    cursor = rollout.cursor
    if cursor.get("track", "forward") != "forward":
        return frozenset()
    done = plan.get("steps", ())[: cursor.get("index", 0)]
    last = {name: step["settings"] for step in done if step["kind"] == "canary-weight" for name in _about(step)}
    return frozenset(name for name, settings in last.items() if settings.get("last"))


def _about(step: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(step.get("settings", {}).get("workloads", ()))


def share_words(rollout: Rollout) -> str:
    """ "25 %", or "5 to 25 %" where workloads differ; "" where nothing is divided."""
    if rollout.ended:
        return ""
    weights = sorted(kept_weights(rollout).values())
    if not weights:
        return ""
    low, high = weights[0], weights[-1]
    return f"{high} %" if low == high else f"{low} to {high} %"


def shares_by_deployment(rollout: Rollout, plan: Mapping[str, Any] | None) -> dict[str, int]:
    """{Ref.key of a Deployment: percent of its workload's requests}, both sides, while they may be divided."""
    if rollout.ended and rollout.phase != Phase.FAILED:
        return {}
    found: dict[str, int] = {}
    weights = kept_weights(rollout)
    for entry in (plan or {}).get("traffic", ()):
        weight = weights.get(entry["workload"])
        sides = _sides(entry)
        if weight is not None and sides:
            new, old = sides
            found |= {new: weight, old: 100 - weight}
    return found


def _sides(entry: Mapping[str, Any]) -> tuple[str, str] | None:
    """The Deployments of the new and of the old version."""
    if entry.get("kind") == COLOURED:
        coloured = Coloured.of(entry)
        return coloured.idle.key, coloured.live.key
    return (entry["canary"], entry["key"]) if entry.get("kind") == "canary" else None
