"""Every change of a rollout's phase; and who goes first: one live rollout an application and environment."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max, Q, QuerySet
from django.utils import timezone

from releases import events
from releases.audit_entries import entry
from releases.models import Approval, Rollout
from releases.plan.drift import Drift
from releases.states import ENDED, LIVE, Phase, check_move
from releases.wake import wake_all

PENDING = (Phase.PLANNING, Phase.AWAITING_APPROVAL, Phase.WAITING)
MISSING = {Phase.PLANNING: "planned", Phase.AWAITING_APPROVAL: "approved", Phase.WAITING: "started"}


def move(rollout: Rollout, phase: Phase, why: str | None = None) -> None:
    """Moves it where the table of ways has this one, for the reason given; None leaves what it says.

    Raises InvalidTransition where the table does not have it. The caller saves, inside its transaction.
    """
    for name, value in moved(Phase(rollout.phase), [phase]).items():
        setattr(rollout, name, value)
    if why is not None:
        rollout.why = why


def moved(current: Phase, phases: Iterable[Phase]) -> dict[str, Any]:
    """What moves a rollout from one phase to the next of these, as fields of an update; {} for none.

    Raises InvalidTransition where the table of ways lacks one of them.
    """
    fields: dict[str, Any] = {}
    for phase in phases:
        check_move(current, phase)
        fields = {"phase": phase, "finished_at": timezone.now() if phase in ENDED else None}
        current = phase
    return fields


def restore_phase(rollout: Rollout, phase: Phase) -> None:
    """Puts it where the history has it: nobody here moved it away, so the table of ways does not apply."""
    rollout.phase = phase


def siblings(rollout: Rollout) -> QuerySet[Rollout]:
    """The other rollouts of the same application and environment."""
    return Rollout.objects.filter(application_id=rollout.application_id, environment_id=rollout.environment_id).exclude(
        pk=rollout.pk
    )


def live_sibling(rollout: Rollout) -> Rollout | None:
    """The one that writes to the cluster now."""
    return siblings(rollout).filter(phase__in=LIVE).select_related("release").first()


def blocker(rollout: Rollout) -> Rollout | None:
    """What has to end before this one starts: the live one, else an older one that waits."""
    older = _waiting(rollout).filter(pk__lt=rollout.pk).order_by("pk")
    return live_sibling(rollout) or older.select_related("release").first()


def why_waiting(rollout: Rollout) -> str:
    """Why an approved rollout does not start yet; "" where nothing holds it."""
    ahead = blocker(rollout)
    if ahead:
        return f"Waits for rollout {ahead.pk} ({ahead.release.version}), which is {ahead.phase}."
    if not starts_by_itself(rollout) and rollout.intent != Rollout.Intent.START:
        return "Waits for somebody to start it."
    return ""


def starts_by_itself(rollout: Rollout) -> bool:
    """Whether nobody has to start it: a way back that needs no approval was somebody's word already."""
    return rollout.environment.start_when_approved or _is_free_way_back(rollout)


def enter_live(rollout: Rollout, phase: Phase, *, above: int = 0) -> None:
    """Makes it the live one, with the highest sequence number. The caller saves, inside its transaction.

    `above` is the number of another's rollout that wrote one of its objects, as its plan has it.
    """
    move(rollout, phase)
    rollout.sequence = max(highest_sequence(rollout), above) + 1
    rollout.started_at = rollout.started_at or timezone.now()


def highest_sequence(rollout: Rollout) -> int:
    """Of its application and environment, 0 where nothing started there."""
    return max(siblings(rollout).aggregate(highest=Max("sequence"))["highest"] or 0, rollout.sequence)


def followers(rollout: Rollout) -> QuerySet[Rollout]:
    """Later rollouts whose effect stands, so that this one is not what runs."""
    return siblings(rollout).filter(
        ~Q(phase=Phase.ROLLED_BACK), started_at__isnull=False, sequence__gt=rollout.sequence
    )


def running_release(application_id: int, environment_id: int) -> Rollout | None:
    """The rollout whose release runs there: the newest that succeeded and was not taken back."""
    succeeded = Rollout.objects.filter(
        application_id=application_id, environment_id=environment_id, phase=Phase.SUCCEEDED
    )
    return succeeded.select_related("release").order_by("-sequence", "-pk").first()


def between(application_id: int, environment_id: int) -> Rollout | None:
    """The rollout whose way back failed and that nothing has followed: what runs is of it and of what ran before."""
    running = running_release(application_id, environment_id)
    failed = halfway().filter(application_id=application_id, environment_id=environment_id)
    found = failed.select_related("release", "previous__release").order_by("-sequence").first()
    return found if found and found.sequence > (running.sequence if running else 0) else None


def halfway() -> QuerySet[Rollout]:
    """Rollouts whose way back failed."""
    return Rollout.objects.filter(phase=Phase.FAILED, started_at__isnull=False, cursor__track="back")


def unfinished_since(rollout: Rollout | None, application_id: int, environment_id: int) -> list[Rollout]:
    """Failed and aborted rollouts after the running one: they left objects that no release has."""
    started = Rollout.objects.filter(
        application_id=application_id,
        environment_id=environment_id,
        phase__in=(Phase.FAILED, Phase.ABORTED),
        started_at__isnull=False,
        sequence__gt=rollout.sequence if rollout else 0,
    )
    return list(started.order_by("pk"))


def needed_approvals(rollout: Rollout) -> int:
    """How many people have to agree: by the rule of today or of when it was planned, whichever is stricter."""
    return max(rollout.needed or 0, required_approvals(rollout))


def required_approvals(rollout: Rollout) -> int:
    """How many people have to agree by today's rule; none for a way back, unless the environment says so."""
    return 0 if _is_free_way_back(rollout) else rollout.environment.required_approvals


def _is_free_way_back(rollout: Rollout) -> bool:
    return rollout.kind == Rollout.Kind.UNDO and not rollout.environment.rollback_needs_approval


def expire(rollout: Rollout, now: datetime) -> bool:
    """Ends a rollout that was not planned, approved or started in time; whether it did. The caller's transaction."""
    missing = MISSING.get(Phase(rollout.phase))
    if missing is None or rollout.expires_at is None or rollout.expires_at > now:
        return False
    why = f"It was not {missing} within {rollout.environment.approval_hours} hours. Ask for it again."
    last = f" {rollout.why}" if rollout.phase != Phase.AWAITING_APPROVAL else ""
    end(rollout, Phase.EXPIRED, f"{why}{last}", now)
    save(rollout)
    entry(rollout, "rollout.expired")
    return True


def end(rollout: Rollout, phase: Phase, why: str, now: datetime | None = None) -> None:
    """Ends a rollout that has not started; whoever waits for that is told. The caller saves, inside its transaction."""
    move(rollout, phase, why)
    rollout.finished_at = now or rollout.finished_at
    rollout.intent, rollout.due_at = "", None
    events.tell(rollout)
    wake_next(rollout)


def wake_next(rollout: Rollout) -> None:
    """Wakes those that waited for this one, once its end is stored: until then their rows may be locked by others."""
    transaction.on_commit(lambda: wake_all(list(_waiting(rollout).values_list("pk", flat=True))))


def _waiting(rollout: Rollout) -> QuerySet[Rollout]:
    return siblings(rollout).filter(phase=Phase.WAITING)


def drifted(rollout: Rollout, drift: Drift) -> None:
    """Stops a rollout whose plan is not what would happen any more. The caller's transaction.

    Where people approved the plan, one of them plans it anew; where nobody had to, it is planned anew at once
    if another rollout is what changed the cluster, or if only the plan's masks are of before.
    """
    rollout.why = f"{drift.words} Plan it anew to see what would happen now."
    rollout.due_at = None
    rollout.intent = ""
    if needed_approvals(rollout) == 0 and (drift.outdated or _another_went_since(rollout)):
        back_to_planning(rollout)
    save(rollout)
    entry(rollout, "rollout.drifted", {"drift": drift.words})


def ask_again(rollout: Rollout, why: str) -> None:
    """Sends a rollout whose votes no longer suffice back to those who approve. The caller saves, in its transaction."""
    move(rollout, Phase.AWAITING_APPROVAL, why)
    rollout.intent = ""


def back_to_planning(rollout: Rollout) -> None:
    """A new plan: what people said of the old one no longer counts. The caller saves."""
    move(rollout, Phase.PLANNING, "")
    Approval.objects.filter(rollout=rollout, revoked_at=None).update(revoked_at=timezone.now())
    rollout.steps.all().delete()
    rollout.plan_digest = rollout.sealed_digest = rollout.intent = ""
    rollout.planned_at = rollout.expires_at = rollout.needed = None
    rollout.cursor, rollout.shares = {}, {}
    rollout.attempts = 0
    rollout.due_at = timezone.now()


def save(rollout: Rollout) -> None:
    """Saves and raises the version, so that whoever read the row before writes nothing."""
    rollout.version += 1
    rollout.save()


def _another_went_since(rollout: Rollout) -> bool:
    return siblings(rollout).filter(finished_at__gt=rollout.planned_at).exists()
