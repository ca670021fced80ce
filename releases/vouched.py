"""What the history vouches for of releases and rollouts, and what becomes of a rollout that it does not."""

from collections.abc import Collection, Mapping
from typing import Any

from django.utils import timezone

from portal.audit.vouching import Doubt, VouchedKind, doubts, last_row, vouch_for
from releases.lifecycle import restore_phase
from releases.models import Bundle, Release, Rollout
from releases.states import DRIVEN, LIVE, Phase
from releases.votes_in_history import all_doubts

# What an intent is replaced by is nothing: the reconciler clears it when it is done.
SETTLED = {"intent": ""}
# Verbs as entries of before spell them: the one place that knows of it.
SPELLED = {"promote fully": "promote-fully", "roll back": "rollback"}
COLUMNS = {"release": "release_id", "application": "application_id", "environment": "environment_id"}


class Doubtful(Exception):
    """Somebody wrote to the database itself: the text names each row and field."""

    def __init__(self, found: Collection[Doubt | str]) -> None:
        super().__init__(
            f"{'; '.join(map(str, found))}. Somebody wrote to the database itself. "
            "Nothing is applied until it is as the history says: restore it, or cancel the rollout."
        )


def release(row: Release) -> dict[str, Any]:
    """What is rolled out, and who made it."""
    return {
        "application": row.application_id,
        "version": row.version,
        "images": row.images,
        "bundle": row.bundle_id,
        "commit": row.commit,
        "commit_author": row.commit_author,
        "makers": row.makers,
        "source": row.source,
        "created_by": row.created_by,
    }


def bundle(row: Bundle) -> dict[str, Any]:
    return {"application": row.application_id, "makers": row.makers}


def rollout(row: Rollout) -> dict[str, Any]:
    """What goes where, how far it is, and who asked for it."""
    return {
        "release": row.release_id,
        "application": row.application_id,
        "environment": row.environment_id,
        "kind": row.kind,
        "strategy": row.strategy,
        "parameters": row.parameters,
        "phase": str(row.phase),
        "intent": row.intent,
        "plan_digest": row.plan_digest,
        "sealed_digest": row.sealed_digest,
        "source_plan": row.source_plan,
        "needed": row.needed,
        "requested_by": row.requested_by,
        "requester_account": row.requester_account,
        "requester_username": row.requester_username,
        "requester_email": row.requester_email,
    }


def as_spelled(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """What an entry tells of a rollout, in today's spelling."""
    intent = told.get("intent", "")
    return {**told, "intent": SPELLED.get(intent, intent)}


def check(row: Rollout) -> None:
    """Doubtful where the history does not vouch for a rollout, its environment or, before its start, its release."""
    found = doubts_of(row)
    if found:
        raise Doubtful(found)


def doubts_of(row: Rollout) -> list[Doubt]:
    before = [] if Phase(row.phase) in LIVE else [row.release, row.release.bundle]
    return doubts([row, row.environment, *before])


def put_back(row: Rollout) -> None:
    """Gives it the values that the history has; one that the history has nothing of is refused. The caller saves.

    This undoes what nobody did here, so the table of ways between phases does not apply.
    """
    told = last_row(row)
    if told is None:
        restore_phase(row, Phase.FAILED)
        row.intent, row.due_at = "", None
        row.why, row.finished_at = "The history has nothing of it.", timezone.now()
        return
    for name, value in told.items():
        if name != "phase":
            setattr(row, COLUMNS.get(name, name), value)
    restore_phase(row, Phase(told["phase"]))
    row.due_at = timezone.now() if Phase(row.phase) in DRIVEN else None


def register() -> None:
    rollouts = Rollout.objects.select_related("release__application", "environment")
    vouch_for(Release, VouchedKind(release, Release.objects.select_related("application").order_by("pk").all))
    bundles = Bundle.objects.order_by("pk").all
    vouch_for(Bundle, VouchedKind(bundle, bundles, weighty=lambda _row: False, plain={"makers": []}))
    vouch_for(
        Rollout, VouchedKind(rollout, rollouts.order_by("pk").all, settled=SETTLED, more=all_doubts, told=as_spelled)
    )
