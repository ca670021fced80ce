"""An API server that is ill: every rollout ends right all the same, or says why it waits."""

from collections.abc import Iterator

import pytest

from portal import audit
from releases.models import Rollout
from releases.states import Phase
from sandbox import Sandbox
from tests.releases.rollout.bundles import config, deployment
from tests.releases.rollout.live import Portal, portal, sandbox_place

pytestmark = [pytest.mark.django_db(transaction=True)]
FAULTS = {
    "error": {"status": 500},
    "page": {"status": 502},
    "throttle": {},
    "reset": {},
    "close": {},
    "slow": {"seconds": 0.3},
    "trickle": {"seconds": 0.002},
    "hang": {},
    "gone": {"verb": "watch,list"},
    "expired": {},
    "truncate": {},
}
SECONDS = 2.0


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(speed=4) as running:
        yield running


@pytest.fixture
def live(sandbox: Sandbox, transactional_db: None) -> Iterator[Portal]:
    with portal(sandbox_place(sandbox)) as running:
        running.push("shop/web", "1")
        running.gateway.breaker.cool_down = 0.5
        yield running
        sandbox.faults.clear()


def ask(live: Portal) -> Rollout:
    files = {"base/config.yaml": config(), "base/web.yaml": deployment("web", "shop/web")}
    return live.ask("1.0.0", files, {"shop/web": "shop/web:1"})


@pytest.mark.parametrize("kind", FAULTS)
def test_each_fault_on_its_own(kind: str, live: Portal, sandbox: Sandbox) -> None:
    fault = sandbox.faults.add(kind, duration=SECONDS, **FAULTS[kind])
    rollout = live.wait(ask(live))
    assert (rollout.phase, rollout.why) == (Phase.SUCCEEDED, "")
    assert fault.hits or kind == "gone"


def test_all_faults_at_once(live: Portal, sandbox: Sandbox) -> None:
    for kind, options in FAULTS.items():
        sandbox.faults.add(kind, probability=0.05, duration=6, **options)
    rollout = live.wait(ask(live))
    assert (rollout.phase, rollout.why) == (Phase.SUCCEEDED, "")
    audit.publish_head()
    assert audit.verify().whole


def test_faults_in_the_middle_of_a_wave(live: Portal, sandbox: Sandbox) -> None:
    live.push("shop/web", "1", startup_seconds=6)
    rollout = ask(live)
    live.wait_for(lambda: Rollout.objects.filter(pk=rollout.pk, why__contains="0 of 1 ready").exists())
    sandbox.faults.add("reset", duration=SECONDS)
    sandbox.faults.cut_watches()
    assert live.wait(rollout).phase == Phase.SUCCEEDED


def test_a_rollout_that_waits_for_its_cluster_says_so(live: Portal, sandbox: Sandbox) -> None:
    live.push("shop/web", "1", startup_seconds=6)
    fault = sandbox.faults.add("error", verb="patch", path="deployments(?!.*dryRun)", status=503)
    rollout = ask(live)
    live.wait_for(lambda: Rollout.objects.filter(pk=rollout.pk, why__contains="Next try in").exists())
    rollout.refresh_from_db()
    assert rollout.phase == Phase.PROGRESSING
    sandbox.faults.remove(fault.id)
    assert live.wait(rollout).phase == Phase.SUCCEEDED
