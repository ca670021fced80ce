"""Which share of the requests a rollout's release gets, as it was last read back from the cluster."""

from collections.abc import Mapping
from typing import Any

from releases import strategies
from releases.engine.steps import read_step
from releases.models import Rollout
from releases.states import Phase

GONE_BACK = frozenset({Phase.ROLLED_BACK, Phase.ABORTED})


def shares_of(rollout: Rollout, plan: Mapping[str, Any] | None) -> dict[str, int]:
    """{workload: percent} of a rollout whose requests may be divided; {} before it moves any and after its end."""
    if rollout.phase == Phase.SUCCEEDED or rollout.phase in GONE_BACK:
        return {}
    promoted = _promoted(rollout, plan or {})
    return {name: 100 if name in promoted else weight for name, weight in rollout.shares.items()}


def _promoted(rollout: Rollout, plan: Mapping[str, Any]) -> frozenset[str]:
    """Workloads whose own Deployment has the release by now."""
    state = rollout.state
    if state.track != "forward":
        return frozenset()
    done = plan.get("steps", ())[: state.index]
    return strategies.find(rollout.strategy).promoted(map(read_step, done))


def share_words(rollout: Rollout) -> str:
    """ "25 %", or "5 to 25 %" where workloads differ; "" where nothing is divided."""
    if rollout.ended:
        return ""
    weights = sorted(rollout.shares.values())
    if not weights:
        return ""
    low, high = weights[0], weights[-1]
    return f"{high} %" if low == high else f"{low} to {high} %"


def shares_by_deployment(rollout: Rollout, plan: Mapping[str, Any] | None) -> dict[str, int]:
    """{Ref.key of a Deployment: percent of its workload's requests}, both sides, while they may be divided."""
    if rollout.ended and rollout.phase != Phase.FAILED:
        return {}
    found: dict[str, int] = {}
    for entry in strategies.entries((plan or {}).get("traffic", ())):
        weight = rollout.shares.get(entry.workload)
        if weight is not None and entry.sides:
            new, old = entry.sides
            found |= {new: weight, old: 100 - weight}
    return found
