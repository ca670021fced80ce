"""No rollout waits behind long jobs: they have workers of their own."""

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


@pytest.mark.django_db(transaction=True)
def test_passes_go_on_while_all_job_workers_are_busy_and_more_jobs_wait(world: World, tmp_path: Path) -> None:
    assert job_kinds.Deaf
    for number in range(5):
        submit("tests.deaf", {"folder": str(tmp_path)}, label=f"job {number}")
    rollout = world.rollout(Phase.AWAITING_APPROVAL, due_at=None)
    rows = Rollout.objects.filter(pk=rollout.pk)
    with orchestrator(tmp_path, jobs=2) as process:
        wait(lambda: Job.objects.filter(state=Job.State.RUNNING).count() == 2, 60)
        for _ in range(PASSES):
            rows.update(due_at=timezone.now())
            # A job takes ten minutes: whoever waits behind one is not done by then.
            wait(lambda: rows.filter(due_at__gt=timezone.now(), lease_owner="").exists(), 30)
        assert Job.objects.filter(state=Job.State.RUNNING).count() == 2
        process.kill()
