"""Blue-green on paper: what is decided, in which order, and in which words."""

from typing import Any

import pytest

from environments.kube.names import TRACK
from environments.manifests.settings import RouteSetting
from releases.engine.operations import OnObject
from releases.engine.program_output import said_of
from releases.errors import PlanRefused
from releases.states import Phase
from releases.strategies import Arrangement
from releases.strategies.blue_green.colours import plain
from tests.releases.rollout.coloured import (
    BUNDLE,
    Wanted,
    arranged,
    budget,
    cluster,
    deployment,
    ingress,
    plan_of,
    scaler,
    service,
    wanted,
)


def names(arrangement: Arrangement) -> list[str]:
    return [f"{each.ref.kind} {each.ref.name}" for each in arrangement.objects]


def manifest(arrangement: Arrangement, kind: str, name: str) -> Any:
    return next(e.manifest for e in arrangement.objects if (e.ref.kind, e.ref.name) == (kind, name))


def note(arrangement: Arrangement, title: str) -> str:
    return dict(arrangement.notes)[title]


def in_green() -> tuple[Wanted, ...]:
    """What is live once web has gone to green."""
    green = arranged()
    return tuple(each for each in green.objects if not each.temporary)


def test_a_workload_goes_to_green_with_its_preview() -> None:
    found = arranged()
    assert names(found) == ["Service web-preview", "Service web", "Deployment web-green"]
    green = manifest(found, "Deployment", "web-green")["spec"]
    assert green["selector"]["matchLabels"] == {"app": "web", TRACK: "green"}
    assert green["template"]["metadata"]["labels"] == {"app": "web", TRACK: "green"}
    assert manifest(found, "Service", "web")["spec"]["selector"] == {"app": "web", TRACK: "green"}
    assert manifest(found, "Service", "web-preview")["spec"]["selector"] == {"app": "web", TRACK: "green"}
    assert [each.ref.name for each in found.objects if each.temporary] == ["web-preview"]


def test_from_green_it_goes_to_blue_and_from_blue_to_green() -> None:
    found = arranged(live=in_green())
    assert names(found)[-1] == "Deployment web-blue"
    assert found.traffic[0]["before"] == "green"


def test_what_scales_and_guards_it_follows_its_colour() -> None:
    found = arranged(service(), deployment(), scaler(), budget())
    assert names(found)[-2:] == ["HorizontalPodAutoscaler web-green", "PodDisruptionBudget web-green"]
    assert manifest(found, "HorizontalPodAutoscaler", "web-green")["spec"]["scaleTargetRef"]["name"] == "web-green"
    selector = manifest(found, "PodDisruptionBudget", "web-green")["spec"]["selector"]
    assert selector == {"matchLabels": {"app": "web", TRACK: "green"}}


def test_an_ingress_leads_to_the_service_of_the_colour_and_the_service_itself_follows() -> None:
    live = (service(), deployment(), ingress())
    found = arranged(*live, live=live, parameters={"router": "nginx"})
    assert names(found)[:3] == ["Service web-preview", "Service web-green", "Service web"]
    rules = manifest(found, "Ingress", "web")["spec"]["rules"]
    assert rules[0]["http"]["paths"][0]["backend"]["service"]["name"] == "web-green"
    assert [(each["to"], each["back"]) for each in found.traffic[0]["switches"]] == [
        ("web-green", "web"), ("green", "stable"),
    ]  # fmt: skip
    assert found.traffic[0]["hosts"] == ["web.example.test/"]


def test_a_stored_plan_in_colours_becomes_plain_again() -> None:
    objects = (service(), deployment(), scaler(), budget(), ingress())
    for router in ("service", "nginx"):
        found = arranged(*objects, live=objects, parameters={"router": router})
        stored = [each for each in found.objects if not each.temporary]
        assert plain(stored, found.traffic) == objects


def test_a_version_in_the_selector_changes_with_the_switch() -> None:
    live = (service("web", app="web", version="1"), deployment())
    new = deployment()
    new.manifest["spec"]["template"]["metadata"]["labels"]["version"] = "2"
    found = arranged(service("web", app="web", version="2"), new, live=live)
    switch = found.traffic[0]["switches"][0]
    assert (switch["to_selector"], switch["back_selector"]) == (
        {"app": "web", "version": "2"}, {"app": "web", "version": "1"},
    )  # fmt: skip


def _unlabelled() -> Wanted:
    found = deployment()
    del found.manifest["spec"]["template"]["metadata"]["labels"][TRACK]
    return found


@pytest.mark.parametrize(
    ("objects", "live", "why"),
    [
        (BUNDLE, (), "web: Service web is not there yet"),
        (BUNDLE, (service(),), "web: it is not there yet"),
        (BUNDLE, (service(), _unlabelled()), "web: its pods cannot be told apart from new ones yet"),
        ((deployment(),), BUNDLE, "web: no Service leads to its pods"),
        ((*BUNDLE, wanted("apps/v1", "StatefulSet", "db", {"template": {}})), BUNDLE, "db: a StatefulSet has one"),
    ],
)
def test_what_cannot_have_two_colours_is_rolled_and_the_plan_says_why(
    objects: tuple[Wanted, ...], live: tuple[Wanted, ...], why: str
) -> None:
    assert why in note(arranged(*objects, live=live), "Rolled out in its wave")


def test_a_service_of_two_workloads_is_never_switched() -> None:
    objects = (service("web", tier="front"), deployment("web"), deployment("api"))
    for each in objects[1:]:
        each.manifest["spec"]["template"]["metadata"]["labels"]["tier"] = "front"
    found = arranged(*objects, live=objects)
    assert "web: Service web leads to api as well" in note(found, "Rolled out in its wave")
    assert found.traffic == ()


def test_only_the_chosen_workloads_move() -> None:
    objects = (*BUNDLE, service("api"), deployment("api"))
    found = arranged(*objects, live=objects, parameters={"workloads": ["api"]})
    assert [entry["workload"] for entry in found.traffic] == ["api"]


def test_names_that_the_bundle_has_itself_are_refused() -> None:
    with pytest.raises(PlanRefused, match="Service/shop/web-preview itself"):
        arranged(*BUNDLE, service("web-preview"))


def test_a_router_whose_definitions_are_missing_is_refused_in_words() -> None:
    with pytest.raises(PlanRefused, match="does not know VirtualService"):
        arranged(parameters={"router": "istio"}, knows=lambda _version, _kind: False)


def test_a_host_that_another_rollout_moves_is_refused() -> None:
    live = (*BUNDLE, ingress())
    routes = (RouteSetting("web", "web", "nginx"),)
    with pytest.raises(PlanRefused, match=r"rollout 7 is moving the requests of web\.example\.test/"):
        arranged(*live, live=live, routes=routes, taken=lambda _host: "rollout 7")


def test_the_way_there_in_its_order() -> None:
    paper = cluster()
    paper.run()
    assert paper.phases[-1] is Phase.SUCCEEDED
    assert paper.history == [
        ("lead", " stable"),
        ("apply", "web-green"),
        ("probe", "web-preview health check 1"), ("probe", "web-preview health check 2"),
        ("probe", "web-preview health check 3"),
        ("lead", " green"),
        ("probe", "web public 0"),
        ("prune", "Service web-preview"), ("prune", "Deployment web"),
    ]  # fmt: skip


def test_smoke_tests_go_through_the_preview_and_a_failure_moves_nothing() -> None:
    test = {"name": "front", "service": "web", "port": 80, "path": "/", "status": 200, "contains": "", "timeout": 3.0}
    other = {**test, "name": "other", "service": "api"}
    found = arranged(smoke_tests=(test, other))
    paper = cluster(found)
    paper.answers["front"] = "answered 500 instead of 200"
    paper.run()
    assert paper.phases[-1] is Phase.FAILED
    assert "web-green: smoke test “front” answered 500 instead of 200" in paper.records[-1].why
    assert ("probe", "web-preview smoke test “front”") in paper.history
    assert not any("other" in what for _, what in paper.history)
    assert paper.serving == {"Service shop/web": "stable"}


def test_what_a_smoke_test_was_answered_is_no_part_of_why() -> None:
    test = {"name": "front", "service": "web", "port": 80, "path": "/", "status": 200, "contains": "", "timeout": 3.0}
    paper = cluster(arranged(smoke_tests=(test,)))
    paper.answers["front"], paper.said = "answered 500 instead of 200", "hunter2"
    paper.run()
    assert said_of(paper.records[-1].outputs) == "web-preview smoke test “front”: hunter2"
    assert not [each for each in paper.records if "hunter2" in each.why]


def test_a_health_check_that_fails_once_fails() -> None:
    paper = cluster()
    paper.answers["health check 2"] = "answered 503"
    paper.run()
    assert "health check 2 answered 503" in paper.records[-1].why
    assert paper.phases[-1] is Phase.FAILED


def test_health_checks_are_two_seconds_apart() -> None:
    paper = cluster(parameters={"checks": 10})
    paper.until("1 of 10 health checks")
    before = sum("health" in what for _, what in paper.history)
    paper.later(1.0)
    assert sum("health" in what for _, what in paper.history) == before
    paper.later(1.1)
    assert sum("health" in what for _, what in paper.history) == before + 1


def test_a_person_who_looks_at_the_preview_says_that_it_goes_on() -> None:
    paper = cluster(parameters={"pause": True})
    assert "waits behind web-preview for a person to look at it" in paper.run()[-1]
    assert paper.serving == {"Service shop/web": "stable"}
    paper.say("promote")
    paper.run()
    assert paper.phases[-1] is Phase.SUCCEEDED


def test_promoting_skips_the_soak_and_not_the_checks() -> None:
    paper = cluster(parameters={"soakSeconds": 3000})
    paper.answers["health check 2"] = "answered 503"
    paper.until("1 of 3 health checks")
    paper.say("promote")
    paper.run()
    assert paper.phases[-1] is Phase.FAILED
    well = cluster(parameters={"soakSeconds": 3000})
    well.until("of the soak are left")
    well.say("promote")
    well.run()
    assert well.phases[-1] is Phase.SUCCEEDED


def test_a_public_probe_that_fails_five_times_goes_back_at_once() -> None:
    paper = cluster()
    paper.answers["public"] = "answered 502"
    paper.run(1.0)
    assert paper.phases[-1] is Phase.ROLLED_BACK
    assert paper.serving == {"Service shop/web": "stable"}
    assert any("Service web answered 502, 5 times" in record.why for record in paper.records)


@pytest.mark.parametrize(
    ("happens", "why"),
    [
        (lambda paper: paper.ready.update({"web-green": 0}), "web-green: not one pod is ready"),
        (lambda paper: setattr(paper, "restarts", 2), "containers were restarted 2 times"),
        (lambda paper: paper.ready.update({"web-green": 1}), "web-green: 1 of 3 pods ready for 30 s"),
        (lambda paper: paper.sizes.pop("web-green"), "web-green is gone"),
    ],
    ids=["no pod", "restarts", "too few", "deleted"],
)
def test_a_bad_sign_in_the_soak_gives_the_requests_back(happens: Any, why: str) -> None:
    paper = cluster(parameters={"soakSeconds": 100})
    paper.until("of the soak are left")
    happens(paper)
    paper._tell("web-green")
    paper.run()
    assert any(why in record.why for record in paper.records if record.state == "failed")
    assert paper.phases[-1] is Phase.ROLLED_BACK
    assert paper.serving == {"Service shop/web": "stable"}


def test_a_router_that_takes_the_switch_up_late_is_asked_again() -> None:
    paper = cluster()
    paper.late = 2
    paper.until("leads to green: it is not taken up yet")
    paper.run()
    assert paper.phases[-1] is Phase.SUCCEEDED


def test_the_way_back_leads_requests_first_and_removes_last() -> None:
    paper = cluster()
    paper.until("of the soak are left")
    paper.history.clear()
    taken_back = sum(isinstance(operation, OnObject) for operation in paper.done)
    paper.say("rollback")
    assert paper.history[0] == ("lead", " stable")
    paper.run()
    assert paper.phases[-1] is Phase.ROLLED_BACK
    order = [what for kind, what in paper.history if kind in ("lead", "apply", "prune")]
    assert order == [" stable", "web", "Deployment web-green", "Service web-preview"]
    done = [
        (type(operation).__name__, operation.ref.text) for operation in paper.done if isinstance(operation, OnObject)
    ]
    gone = done.index(("CountPods", "Deployment shop/web-green"))
    assert ("Apply", "Service shop/web") not in done[taken_back:gone]
    assert ("Apply", "Service shop/web") in done[gone:]


def test_a_rollback_of_a_success_brings_the_old_colour_to_the_size_of_the_new_one_first() -> None:
    paper = cluster()
    paper.run()
    paper.size("web-green", 5)
    paper.history.clear()
    paper.reopen()
    paper.say("rollback")
    paper.run()
    assert paper.history[:3] == [("apply", "web"), ("scale", "web 5"), ("lead", " stable")]


def test_the_live_autoscaler_goes_before_the_switch_and_the_new_one_comes_after() -> None:
    objects = (service(), deployment(), scaler())
    previous = tuple(objects)
    rows = {"objects": [{"ref": list(each.ref), "manifest": each.manifest} for each in previous]}
    found = arranged(*objects, live=previous, previous=rows)
    paper = cluster(found, previous=previous)
    paper.run()
    kinds = [what for kind, what in paper.history if kind in ("lead", "prune")]
    assert kinds[:3] == [" stable", "HorizontalPodAutoscaler web", " green"]
    assert "HorizontalPodAutoscaler web-green" in paper.applied_kinds()


def test_the_plan_names_what_it_moves_and_what_the_soak_looks_at() -> None:
    found = arranged()
    assert note(found, "Blue and green side by side") == "web: web-green beside web, led by Service shop/web"
    assert "no Prometheus" in note(found, "The soak measures no requests")
    measured = arranged(measured=True)
    assert note(measured, "The soak measures no requests") == ""
    soak = next(step for step in plan_of(measured)["steps"] if step["kind"] == "colour-soak")
    assert [metric["name"] for metric in soak["settings"]["metrics"]] == ["success-rate", "latency"]


def test_a_workload_that_there_is_not_is_refused() -> None:
    with pytest.raises(PlanRefused, match="has no workload wbe, which `workloads` names; it has web"):
        arranged(parameters={"workloads": ["wbe"]})


def test_more_pods_than_took_over_may_be_missing_for_as_long_as_they_like() -> None:
    paper = cluster(parameters={"soakSeconds": 100})
    paper.until("of the soak are left")
    paper.stuck.add("web-green")
    paper.size("web-green", 8)
    paper.run()
    assert paper.phases[-1] is Phase.SUCCEEDED


def _writing(access: str) -> tuple[Wanted, ...]:
    web = deployment()
    web.manifest["spec"]["template"]["spec"]["volumes"] = [
        {"name": "d", "persistentVolumeClaim": {"claimName": "data"}}
    ]
    return (service(), web, wanted("v1", "PersistentVolumeClaim", "data", {"accessModes": [access]}))


def test_two_versions_never_write_to_a_volume_of_one_node() -> None:
    objects = _writing("ReadWriteOnce")
    assert "web: its pods write to the volume data" in note(arranged(*objects, live=objects), "Rolled out in its wave")
    assert arranged(*_writing("ReadWriteMany"), live=objects).traffic != ()


def test_an_autoscaler_that_is_not_in_the_bundle_is_not_left_behind() -> None:
    def listed(_version: str, kind: str, _namespace: str) -> list[Any]:
        return [scaler("by-hand").manifest] if kind == "HorizontalPodAutoscaler" else []

    found = arranged(listed=listed)
    assert "web: HorizontalPodAutoscaler by-hand scales it" in note(found, "Rolled out in its wave")
    assert arranged(*BUNDLE, scaler("by-hand"), listed=listed).traffic != ()


PAIR = (service("web-blue", app="web", version="1"), service("web-green", app="web", version="2"))


def test_a_bundle_that_brings_both_services_itself_is_as_one_with_a_service() -> None:
    objects = (*PAIR, deployment(), ingress("web-blue"))
    live = (service(), deployment(), ingress())
    found = arranged(*objects, live=live, parameters={"router": "nginx"})
    assert names(found) == [
        "Service web-preview", "Service web-green", "Service web", "Deployment web-green", "Ingress web",
    ]  # fmt: skip
    assert manifest(found, "Service", "web")["spec"]["selector"] == {"app": "web", TRACK: "green"}
    first = arranged(*objects, live=(), parameters={"router": "nginx"})
    assert names(first) == ["Service web", "Deployment web", "Ingress web"]
    paths = manifest(first, "Ingress", "web")["spec"]["rules"][0]["http"]["paths"]
    assert paths[0]["backend"]["service"]["name"] == "web"


def test_the_share_of_the_new_version_is_kept_for_the_screens() -> None:
    paper = cluster()
    paper.go()
    assert paper.state.kept["weights"] == {"web": 0}
    paper.until("of the soak are left")
    assert paper.state.kept["weights"] == {"web": 100}
    paper.say("rollback")
    assert paper.state.kept["weights"] == {"web": 0}


def test_what_is_to_have_no_pods_is_rolled() -> None:
    objects = (service(), deployment(replicas=0))
    found = arranged(*objects, live=objects)
    assert "web: it is to have no pods" in note(found, "Rolled out in its wave")
    assert not found.traffic
