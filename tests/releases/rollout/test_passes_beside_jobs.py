"""No rollout waits behind long jobs: they have workers of their own."""

import time
from pathlib import Path

import pytest
from django.utils import timezone

from portal.models import Job
from portal.orchestration.jobs import submit
from releases.models import Rollout
from releases.states import Phase
from tests.portal.orchestration import job_kinds
from tests.portal.orchestration.processes import orchestrator, wait
from tests.releases.world import World

PASSES = 10
LATE = 3.0  # seconds; the jobs take ten minutes


@pytest.mark.django_db(transaction=True)
def test_passes_are_in_time_while_all_job_workers_are_busy_and_more_jobs_wait(world: World, tmp_path: Path) -> None:
    assert job_kinds.Deaf
    for number in range(5):
        submit("tests.deaf", {"folder": str(tmp_path)}, label=f"job {number}")
    rollout = world.rollout(Phase.AWAITING_APPROVAL, due_at=None)
    rows = Rollout.objects.filter(pk=rollout.pk)
    with orchestrator(tmp_path, jobs=2) as process:
        wait(lambda: Job.objects.filter(state=Job.State.RUNNING).count() == 2, 60)
        took = []
        for _ in range(PASSES):
            began = time.monotonic()
            rows.update(due_at=timezone.now())
            wait(lambda: rows.filter(due_at__gt=timezone.now(), lease_owner="").exists(), 30)
            took.append(time.monotonic() - began)
        assert Job.objects.filter(state=Job.State.RUNNING).count() == 2
        process.kill()
    assert sorted(took)[PASSES // 2] < LATE, took
