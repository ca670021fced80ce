"""Stored plans, loaded: the one place that does. A plan is stored once by its digest and never changes."""

import json
from collections.abc import Iterable
from typing import Any

from portal import blobs
from portal.blobs import BlobError
from portal.encryption import SecretUnreadable
from releases.models import Rollout
from releases.plan.objects import Plan
from releases.plan.older_formats import as_shown


def load(digest: str) -> Plan:
    """The plan of that digest, as it was approved; BlobError where there is none."""
    plan: Plan = blobs.load_json(digest)
    return plan


def load_plan(rollout: Rollout) -> Plan:
    """The plan of a planned rollout; BlobError where it has none."""
    return load(rollout.plan_digest)


def plan_of(rollout: Rollout) -> dict[str, Any] | None:
    """The plan as people may see it; None before there is one."""
    return as_shown(load_plan(rollout), rollout.environment_id) if rollout.plan_digest else None


def brings_back_others(rollout: Rollout) -> bool:
    """Whether its way back restores what it took over from others; not where its plan cannot be read."""
    if not rollout.plan_digest:
        return False
    try:
        return bool(load_plan(rollout).get("back", {}).get("found"))
    except (BlobError, SecretUnreadable):
        return False


def plans_of(rollouts: Iterable[Rollout]) -> dict[int, dict[str, Any] | None]:
    """The plans of many rollouts, by rollout, in one query."""
    many = list(rollouts)
    plans = blobs.load_all(rollout.plan_digest for rollout in many if rollout.plan_digest)
    return {each.pk: _shown(each, plans[each.plan_digest]) if each.plan_digest else None for each in many}


def _shown(rollout: Rollout, plan: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(plan)
    return as_shown(document, rollout.environment_id)
