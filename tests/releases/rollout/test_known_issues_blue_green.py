"""What other tools are known for, in blue-green: each pain by its name."""

from dataclasses import replace

from portal.steps.operations import Trouble
from portal.steps.state import State
from releases.states import Phase
from tests.releases.rollout.coloured import arranged, cluster, deployment, scaler, service


def test_replicas_changed_in_the_bundle_hit_the_idle_colour_only() -> None:
    found = arranged(service(), deployment(replicas=5))
    paper = cluster(found)
    paper.until("of the soak are left")
    assert paper.sizes == {"web": 3, "web-green": 5}
    fewer = cluster(arranged(service(), deployment(replicas=1)))
    fewer.until("of the soak are left")
    assert fewer.sizes == {"web": 3, "web-green": 3}
    fewer.run()
    assert fewer.sizes == {"web-green": 1}


def test_a_scale_event_in_a_blue_green_switch_is_followed_before_requests_move() -> None:
    objects = (service(), deployment(), scaler())
    paper = cluster(arranged(*objects, live=objects), previous=objects)
    paper.until("2 of 3 health checks")
    paper.size("web", 6)
    paper.stuck.add("web-green")
    paper.until("3 of the 6 pods ready that web has")
    assert paper.sizes["web-green"] == 6
    assert paper.serving == {"Service shop/web": "stable"}
    paper.stuck.clear()
    paper.ready["web-green"] = 6
    paper._tell("web-green")
    paper.run()
    assert paper.phases[-1] is Phase.SUCCEEDED
    assert paper.sizes == {"web-green": 6}


def test_a_scale_event_while_the_idle_colour_comes_up_is_followed_in_both_directions() -> None:
    paper = cluster(arranged(service(), deployment(), scaler()), sizes={"web": 3})
    paper.stuck.add("web-green")
    paper.go()
    for size in (8, 4):
        paper.size("web", size)
        paper.later(2.5)
        paper.later(0.1)
        assert paper.sizes["web-green"] == size


def test_the_old_colour_is_held_at_scale_until_the_soak_is_over() -> None:
    paper = cluster()
    paper.until("of the soak are left")
    paper.size("web", 1)
    paper.later(6)
    assert paper.sizes["web"] == 3


def test_abort_removes_what_it_made_and_scales_nothing() -> None:
    paper = cluster()
    paper.until("1 of 3 health checks")
    paper.history.clear()
    paper.say("abort")
    paper.run()
    assert paper.phases[-1] is Phase.ABORTED
    assert paper.sizes == {"web": 3}
    assert ("prune", "Service web-preview") in paper.history
    assert not any(kind == "scale" for kind, _ in paper.history)


def test_abort_while_a_person_looks_at_the_preview() -> None:
    paper = cluster(parameters={"pause": True})
    paper.run()
    paper.say("abort")
    paper.run()
    assert (paper.phases[-1], paper.sizes) == (Phase.ABORTED, {"web": 3})


def test_the_portal_is_down_for_ten_minutes_in_the_middle_and_carries_on_right() -> None:
    paper = cluster(parameters={"soakSeconds": 300})
    paper.until("299 s of the soak are left", 0.25)
    decision = paper.later(600)
    assert "of the soak are left" in decision.why
    assert paper.facts.phase is Phase.PROGRESSING
    spent = State.from_json(paper.state.to_json()).spent
    assert spent < 10
    paper.run()
    assert paper.phases[-1] is Phase.SUCCEEDED


def test_the_portal_is_down_between_the_checks_and_carries_on_right() -> None:
    paper = cluster()
    paper.until("1 of 3 health checks")
    paper.later(600)
    paper.run()
    assert paper.phases[-1] is Phase.SUCCEEDED


def test_the_quota_is_exhausted_in_mid_step_and_nothing_was_moved() -> None:
    paper = cluster()
    key = "apps/Deployment/shop/web-green"
    paper.broken[key] = Trouble("user", "deployments web-green is forbidden: exceeded quota: few")
    paper.run()
    assert paper.phases[-1] is Phase.FAILED
    assert "exceeded quota: few" in paper.records[-1].why
    assert paper.serving == {"Service shop/web": "stable"}
    del paper.broken[key]
    paper.facts = replace(paper.facts, phase=Phase.PROGRESSING)
    paper.phases.append(Phase.PROGRESSING)
    paper.say("retry")
    paper.run()
    assert paper.phases[-1] is Phase.SUCCEEDED


def test_stable_itself_is_bad_and_the_way_forward_stays_open() -> None:
    paper = cluster()
    paper.ready["web"] = 0
    paper.run()
    assert paper.phases[-1] is Phase.SUCCEEDED
    assert paper.sizes == {"web-green": 3}


def test_a_rollback_to_what_does_not_come_up_leaves_requests_where_they_are_answered() -> None:
    paper = cluster(parameters={"readySeconds": 20})
    paper.run()
    paper.stuck.add("web")
    paper.history.clear()
    paper.reopen()
    paper.say("rollback")
    paper.run()
    assert paper.phases[-1] is Phase.FAILED
    assert (
        "what ran before is not up again after 20 s, so requests stay: web: 0 of 3 pods ready" in paper.records[-1].why
    )
    assert paper.serving == {"Service shop/web": "green"}
    assert not any(kind in ("lead", "prune") for kind, _ in paper.history)
