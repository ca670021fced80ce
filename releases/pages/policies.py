"""The traffic policies of a rollout as rows of its page."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from environments.kube.policies import Policy
from releases.models import Rollout
from releases.related_objects import policies_of

STATES = {
    "planned": ("idle", "not applied yet"),
    "waiting": ("run", "not accepted yet"),
    "accepted": ("good", "in effect"),
    "stored": ("good", "stored; nobody has said more"),
    "overridden": ("ask", "to be looked at"),
    "refused": ("bad", "not accepted"),
    "missing": ("bad", "not in the cluster"),
}


@dataclass(frozen=True)
class PolicyRow:
    """One policy. `kind` is its icon."""

    policy: Policy
    kind: str
    word: str


def policies_beside(rollout: Rollout, plan: Mapping[str, Any] | None) -> dict[str, Any]:
    """What parts/policies.html shows."""
    rows = [PolicyRow(policy, *STATES[policy.state]) for policy in policies_of(rollout, plan)]
    good = sum(row.kind == "good" for row in rows)
    looked = any(row.policy.state != "planned" for row in rows)
    said = f"{good} of {len(rows)} in effect as written" if looked else "read back once all is applied"
    return {"policies": rows, "policies_said": said}
