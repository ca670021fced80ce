"""The way back of a plan, itself a plan: the previous one's objects, and away with what this one added."""

from typing import Any

from environments.kube.apply.managers import SPARED
from releases.plan.objects import Plan, Row, lasting, lasting_by_key, objects_by_key, ref_in
from releases.plan.pruning import NEVER_PRUNED


def back_plan(plan: Row, previous: Row | None) -> Plan:
    """The plan that takes `plan` back, without its steps. Pure.

    Its objects are the previous plan's, bit for bit, and every one is adopted first, so that nothing that people
    added meanwhile survives. `prune` has uid "": what this release added got its uid after the plan was made.
    Without a previous plan it only removes.
    """
    objects = lasting(previous["objects"]) if previous else []
    stored = previous or plan
    return {
        **{name: stored[name] for name in ("format", "masks") if name in stored},
        "application": plan["application"],
        "environment": plan["environment"],
        "namespace": plan["namespace"],
        "version": previous["version"] if previous else "",
        "kind": "back",
        "strategy": previous["strategy"] if previous else plan["strategy"],
        "images": previous["images"] if previous else {},
        "references": previous["references"] if previous else {},
        "smoke_tests": previous["smoke_tests"] if previous else [],
        "traffic": plan.get("traffic", []),
        "objects": objects,
        "changes": [],
        "prune": _added(plan, previous),
        "adopt": [row["ref"] for row in objects],
        "spare": plan.get("spare", list(SPARED)),
        "added": [],
        "namespaces": [],
        "replicas": previous["replicas"] if previous else {},
        "risks": [],
        "back": {"rollout": None, "version": "", "plan": ""},
    }


def label(plan: Row) -> str:
    """What going back leads to, as a person reads it."""
    version = plan["back"]["version"]
    return f"back to {version}" if version else f"first release here: going back removes what {plan['version']} added"


def _added(plan: Row, previous: Row | None) -> list[dict[str, Any]]:
    """In the order of removal: last applied first."""
    before, own = lasting_by_key(previous), objects_by_key(plan)
    going = [ref_in(own[key]) for key in plan["added"] if key not in before]
    return [{"ref": list(ref), "uid": ""} for ref in reversed(going) if ref.kind not in NEVER_PRUNED]
