"""Somebody leads requests elsewhere while the old colour is still there."""

import pytest

from releases.states import Phase
from tests.releases.rollout.coloured import Cluster, cluster

SERVICE = "Service shop/web"
ASKED = f"{SERVICE} leads requests to stable instead of green; the field manager is kubectl-patch."


def edited(where: str) -> Cluster:
    paper = cluster(parameters={"soakSeconds": 20, "drainSeconds": 60})
    paper.until(where)
    paper.serving[SERVICE] = "stable"
    paper.manager = "kubectl-patch"
    paper.run(1.0)
    return paper


@pytest.mark.parametrize("where", ["of the soak are left", "is kept for"])
def test_a_person_leads_requests_back_and_the_old_colour_stays(where: str) -> None:
    paper = edited(where)
    assert paper.phases[-1] is Phase.PAUSED
    assert paper.later(60).why.startswith(ASKED)
    assert paper.sizes == {"web": 3, "web-green": 3}


@pytest.mark.parametrize("where", ["of the soak are left", "is kept for"])
def test_once_a_person_lets_it_go_on_requests_are_led_to_the_new_colour_again(where: str) -> None:
    paper = edited(where)
    paper.say("resume")
    paper.run(1.0)
    assert (paper.phases[-1], paper.serving[SERVICE]) == (Phase.SUCCEEDED, "green")
    assert paper.sizes == {"web-green": 3}


@pytest.mark.parametrize("where", ["of the soak are left", "is kept for"])
def test_or_it_is_aborted_and_stays_where_the_person_led_it(where: str) -> None:
    paper = edited(where)
    paper.say("abort")
    paper.run(1.0)
    assert (paper.phases[-1], paper.serving[SERVICE], paper.sizes) == (Phase.ABORTED, "stable", {"web": 3})
