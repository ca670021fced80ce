"""No request fails while colours change, and the old version answers within two seconds of the button."""

import time
from collections.abc import Iterator

import pytest

from releases import actions
from releases.models import Rollout, Step
from releases.states import Phase
from tests.patience import SOON
from tests.releases.rollout.live import Place, Portal, portal
from tests.releases.rollout.requests import requests
from tests.releases.rollout.test_blue_green_live import QUICK, files, ingress, release, succeeded

pytestmark = [pytest.mark.django_db(transaction=True)]
REAL = pytest.param("real", marks=[pytest.mark.lane("kubeconfig"), pytest.mark.lane("entry")])


@pytest.fixture(params=["sandbox", REAL])
def cluster_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def live(place: Place, transactional_db: None) -> Iterator[Portal]:
    with portal(place) as running:
        for tag in ("1", "2"):
            running.push("shop/web", tag)
        yield running


def in_the_soak(live: Portal, router: str, **more: str) -> Rollout:
    parameters = {**QUICK, "soakSeconds": 60, "router": router}
    rollout = live.ask(
        "1.1.0", files("2", **more), {"shop/web": "shop/web:2"}, strategy="blue-green", parameters=parameters
    )
    live.wait_for(lambda: Rollout.objects.filter(pk=rollout.pk, why__contains="of the soak are left").exists())
    return rollout


@pytest.mark.parametrize(("router", "host"), [("service", "web.{}"), ("nginx", "{}.example.test")])
def test_the_way_there_and_back_fails_no_request_and_takes_a_moment(
    live: Portal, entry: str, router: str, host: str
) -> None:
    host = host.format(live.namespace)
    bundle = {"ingress": ingress(host=host)}
    succeeded(live, release(live, "1.0.0", "1", **bundle))
    with requests(entry, host) as sent:
        live.wait_for(lambda: any(answer.version == "1" for answer in sent.answers))
        began = time.monotonic()
        rollout = in_the_soak(live, router, **bundle)
        time.sleep(0.5)
        assert {answer.version for answer in sent.answers if answer.sent > time.monotonic() - 0.2} == {"2"}
        pressed = time.monotonic()
        actions.rollback(live.operator, rollout)
        live.wait(rollout, Phase.ROLLED_BACK)
        time.sleep(0.5)
    assert [answer for answer in sent.failed if answer.sent >= began] == []
    first, *others = Step.objects.filter(rollout=rollout, track="back").order_by("index")
    assert all(first.finished_at <= each.started_at for each in others), "requests come back before anything else"
    assert sent.first("1", pressed) < SOON
    assert sent.last("2") - pressed < SOON
    print(
        f"first old answer {sent.first('1', pressed):.3f} s, last new one sent {sent.last('2') - pressed:.3f} s after"
    )


def test_switch_after_switch_under_requests_fails_none(live: Portal, entry: str) -> None:
    succeeded(live, release(live, "1.0.0", "1"))
    with requests(entry, f"web.{live.namespace}") as sent:
        live.wait_for(lambda: any(answer.version == "1" for answer in sent.answers))
        began = time.monotonic()
        for number in range(1, 4):
            succeeded(live, release(live, f"1.{number}.0", "2" if number % 2 else "1"))
    assert [answer for answer in sent.failed if answer.sent >= began] == []


def test_a_rolling_update_after_blue_green_and_the_way_back_have_endpoints_at_every_moment(
    live: Portal, entry: str
) -> None:
    succeeded(live, release(live, "1.0.0", "1"))
    succeeded(live, release(live, "1.1.0", "2"))
    with requests(entry, f"web.{live.namespace}") as sent:
        live.wait_for(lambda: any(answer.version == "2" for answer in sent.answers))
        began = time.monotonic()
        rolled = succeeded(live, release(live, "1.2.0", "1", strategy="rolling"))
        actions.rollback(live.operator, rolled)
        live.wait(rolled, Phase.ROLLED_BACK)
    assert [answer for answer in sent.failed if answer.sent >= began] == []
