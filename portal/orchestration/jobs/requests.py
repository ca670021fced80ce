"""Asking for a job, and asking for it to stop."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from portal.models import Job
from portal.orchestration.jobs import kinds

State = Job.State


def submit(kind: str, arguments: Mapping[str, Any], *, label: str, target: str = "", requested_by: str = "") -> Job:
    """Adds a job inside the caller's transaction; a worker takes it up soon. KeyError for an unknown kind.

    `arguments`: JSON. `target`: what it is about, as "backups.target:12"; `label` says it to people.
    """
    kinds.kind_of(kind)
    return Job.objects.create(
        kind=kind,
        arguments=dict(arguments),
        label=label,
        target=target,
        requested_by=requested_by,
        due_at=timezone.now(),
    )


def cancel(job: Job, by: str) -> bool:
    """Asks for a job to stop; False where it has ended already.

    Its worker stops at its next report, removes what it left, and then the job is cancelled; one that waits is taken
    up for that. Before that it may still end as done.
    """
    with transaction.atomic():
        rows = Job.objects.filter(pk=job.pk, state__in=(State.PENDING, State.RUNNING))
        first = rows.filter(cancel_asked_at=None)
        return bool(first.update(cancel_asked_at=timezone.now(), cancel_asked_by=by[:200]) or rows.exists())
