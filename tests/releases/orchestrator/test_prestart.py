"""Before the start: tries that are broken off, credentials that are refused, and the time that a request has."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from environments.clusters import ConnectError
from environments.kube.api.errors import Denied, KubeError, Unauthorized
from portal.models import AuditEntry
from releases import actions
from releases.models import Rollout
from releases.orchestrator import prestart, reconciler
from releases.planning.planner import plan_now
from releases.states import Phase
from tests.releases.fakes import FakeCluster, FakeRegistry
from tests.releases.orchestrator.test_claims import claim, expire
from tests.releases.test_plan import DEPLOYMENT
from tests.releases.world import World

EXPIRED = Unauthorized("The cluster does not accept the credential (wrong, revoked or expired): renew it.", status=401)


class Killed(BaseException):
    """The process ends in the middle, as by a task's timeout or a SIGKILL."""


@pytest.fixture(autouse=True)
def _around(registry: FakeRegistry, cluster: FakeCluster) -> None:
    """Both are there in every test."""


@pytest.fixture
def asked(world: World) -> Rollout:
    return actions.request(world.people["developer"], world.release(), world.environments["dev"])


def one_pass(rollout: Rollout) -> Rollout:
    reconciler.advance_one(claim(rollout))
    rollout.refresh_from_db()
    return rollout


def break_off(rollout: Rollout) -> Rollout:
    with pytest.raises(Killed):
        reconciler.advance_one(claim(rollout))
    expire(rollout)
    rollout.refresh_from_db()
    return rollout


@pytest.fixture
def deadly(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    def die(*_: object) -> None:
        raise Killed

    monkeypatch.setattr(prestart, "plan_rollout", die)
    monkeypatch.setattr(prestart, "confirm", die)
    return monkeypatch


@pytest.mark.parametrize(
    ("prepare", "what"), [(lambda rollout: rollout, "planned"), (plan_now, "started")], ids=["planning", "waiting"]
)
def test_tries_that_are_broken_off_are_told_and_given_up(
    asked: Rollout, deadly: pytest.MonkeyPatch, prepare: Callable[[Rollout], Rollout], what: str
) -> None:
    rollout = prepare(asked)
    for _ in range(prestart.TRIES):
        rollout = break_off(rollout)
    assert f"It is being {what}, try 10 of 10: the last was broken off" in rollout.why
    rollout = one_pass(rollout)
    assert rollout.phase == Phase.FAILED
    assert rollout.why.startswith(f"It could not be {what} in 10 tries. ")
    assert AuditEntry.objects.get(verb="rollout.refused").data["why"] == rollout.why


def test_a_try_that_ends_begins_the_count_anew(asked: Rollout, deadly: pytest.MonkeyPatch) -> None:
    for _ in range(prestart.TRIES - 1):
        break_off(asked)
    with deadly.context() as once:
        once.setattr(prestart, "plan_rollout", lambda _: None)
        one_pass(asked)
    assert break_off(asked).phase == Phase.PLANNING
    assert break_off(asked).phase == Phase.PLANNING


def test_the_first_try_to_start_comes_after_no_other(asked: Rollout, monkeypatch: pytest.MonkeyPatch) -> None:
    said, note = [], prestart._note_try

    def noted(rollout: Rollout) -> None:
        note(rollout)
        said.append((rollout.phase, rollout.why))

    monkeypatch.setattr(prestart, "_note_try", noted)
    one_pass(asked)
    assert said == [(Phase.PLANNING, ""), (Phase.WAITING, "")]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (EXPIRED, "An administrator has to renew the credential"),
        (Denied("The credential has no right to patch deployments.", status=403), "An administrator has to give"),
    ],
)
def test_a_plan_waits_for_an_administrator_until_the_request_is_over(
    asked: Rollout, cluster: FakeCluster, error: KubeError, words: str
) -> None:
    cluster.refusals[DEPLOYMENT.key] = error
    rollout = one_pass(asked)
    assert (rollout.phase, error.words in rollout.why, words in rollout.why) == (Phase.PLANNING, True, True)
    assert rollout.due_at
    assert rollout.due_at > timezone.now()
    Rollout.objects.filter(pk=rollout.pk).update(expires_at=timezone.now())
    rollout = one_pass(rollout)
    assert rollout.phase == Phase.EXPIRED
    assert "It was not planned within 24 hours" in rollout.why
    assert words in rollout.why


def test_a_start_waits_for_an_administrator_with_growing_pauses(asked: Rollout, cluster: FakeCluster) -> None:
    rollout = plan_now(asked)
    cluster.refusals[DEPLOYMENT.key] = EXPIRED
    pauses = []
    for _ in range(4):
        rollout = one_pass(rollout)
        assert rollout.phase == Phase.WAITING
        assert "It cannot be started yet: The cluster does not accept the credential" in rollout.why
        assert rollout.due_at
        pauses.append(round((rollout.due_at - timezone.now()) / timedelta(seconds=1)))
    assert pauses == [2, 5, 10, 30]


def test_a_cluster_without_a_credential_is_waited_for(asked: Rollout, monkeypatch: pytest.MonkeyPatch) -> None:
    def without(_: object) -> None:
        raise ConnectError("The cluster one has no credential: connect it again.")

    monkeypatch.setattr("releases.planning.planner.gateway_for", without)
    rollout = one_pass(asked)
    assert (rollout.phase, "connect it again" in rollout.why) == (Phase.PLANNING, True)
